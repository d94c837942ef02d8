package entra

import (
	"errors"
	"net/http"
	"strings"
)

// ServeHTTP serves, below the path of Config.BaseURL:
//
//	GET  /discover            return_to                    a plain page that asks for an address, where the host has none of its own
//	POST /discover            form: address, return_to     home realm discovery: on to the person's own sign-in page
//	POST /discover            JSON: address, return_to     the same for a page's script: {"url": …}, or {"error": {…}} and its status
//	GET  /begin               connection, login_hint, return_to
//	GET, POST /callback/{p}   what comes back; p is oauth2 or wsfed
//	GET  /signout/{p}         front-channel sign-out
//
// Each is a few lines over a method that takes values; a host with a router or a page of its own calls those instead. The callback is posted to
// from the provider's origin, so middleware against cross-site requests must let it through: the flow's cookie and state stand in for it.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, s.path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	step, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	switch {
	case rest == "/discover" && r.Method == http.MethodGet:
		s.addressPage(w, r)
	case rest == "/discover" && r.Method == http.MethodPost:
		s.limited(w, r, step, s.serveDiscover)
	case rest == "/begin" && r.Method == http.MethodGet:
		s.limited(w, r, step, s.serveBegin)
	case step == "callback" && (r.Method == http.MethodGet || r.Method == http.MethodPost):
		s.limited(w, r, step, s.serveCallback)
	case step == "signout" && r.Method == http.MethodGet:
		s.limited(w, r, step, s.serveSignOut)
	case rest == "/discover", rest == "/begin", step == "callback", step == "signout":
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		http.NotFound(w, r)
	}
}

func (s *Service) limited(w http.ResponseWriter, r *http.Request, step string, next http.HandlerFunc) {
	if s.cfg.Limit != nil {
		if err := s.cfg.Limit(r, step); err != nil {
			s.showError(w, r, s.fail(r.Context(), step, newAttempt(), nil, NewError(KindLimited, err)))
			return
		}
	}
	next(w, r)
}

func (s *Service) serveBegin(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	o, err := s.requestOptions(r, q.Get("return_to"), q.Get("login_hint"))
	if err == nil {
		var d *Departure
		if d, err = s.Begin(r.Context(), q.Get("connection"), o); err == nil {
			d.Redirect(w, r)
			return
		}
	}
	s.showError(w, r, err)
}

func (s *Service) serveCallback(w http.ResponseWriter, r *http.Request) {
	a, err := ReadArrival(r)
	if err != nil {
		s.showError(w, r, s.fail(r.Context(), "finish", newAttempt(), nil, err))
		return
	}
	got, err := s.receive(a)
	if err == nil && got.SignOut != nil { // WS-Federation's clean-up comes to the reply address
		s.signedOut(w, r, got.SignOut)
		return
	}
	s.clearCookies(w, got.State, a.Cookies)
	in, err := s.finish(r.Context(), a, got, err)
	if s.goOn(w, r, err) {
		return
	}
	var report *TestReport
	var consent *ConsentReport
	switch {
	case errors.As(err, &report) && s.cfg.OnTest != nil:
		secureHeaders(w)
		s.cfg.OnTest(w, r, report)
	case errors.As(err, &consent) && s.cfg.OnConsent != nil:
		secureHeaders(w)
		s.cfg.OnConsent(w, r, asError(err), consent)
	case err != nil:
		s.showError(w, r, err)
	case s.cfg.OnSignIn == nil:
		s.showError(w, r, s.fail(r.Context(), "finish", in.Attempt, nil, NewError(KindInternal, errors.New("entra.Config.OnSignIn is not set"))))
	default:
		s.log.InfoContext(r.Context(), "signed in", "attempt", in.Attempt, "connection", in.Connection.ID, "reason", string(in.Decision.Reason))
		secureHeaders(w)
		s.cfg.OnSignIn(w, r, in)
	}
}

// goOn begins once more where Entra asked for more, and reports whether it did.
func (s *Service) goOn(w http.ResponseWriter, r *http.Request, err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Again == nil || e.Again.AdminConsent {
		return false
	}
	if e.Kind == KindConsented && s.cfg.OnConsent != nil {
		return false
	}
	o, err := s.onward(r, *e.Again)
	if err != nil {
		return false
	}
	d, err := s.Begin(r.Context(), e.ConnectionID, o)
	if err != nil {
		return false // the first error says more
	}
	d.Redirect(w, r)
	return true
}

// ClearCookies removes the cookies of the flow that an answer belongs to, for a host that calls Finish itself.
func (s *Service) ClearCookies(w http.ResponseWriter, a *Arrival) {
	if got, err := s.receive(a); err == nil {
		s.clearCookies(w, got.State, a.Cookies)
	}
}

func (s *Service) clearCookies(w http.ResponseWriter, state string, cookies []*http.Cookie) {
	for _, c := range s.spent(state, cookies) {
		http.SetCookie(w, c)
	}
}

func (s *Service) serveSignOut(w http.ResponseWriter, r *http.Request) {
	a, err := ReadArrival(r)
	if err != nil {
		s.signedOut(w, r, nil)
		return
	}
	notice, err := s.ReadSignOut(a)
	if err != nil {
		s.log.InfoContext(r.Context(), "sign-out not understood", "error", err)
	}
	s.signedOut(w, r, notice)
}

// signedOut answers 200 whatever was found: the request runs in a hidden frame of the provider's page, may be repeated, and tells nobody whether
// there was a session (OpenID Connect Front-Channel Logout 1.0 section 2).
func (s *Service) signedOut(w http.ResponseWriter, r *http.Request, notice *SignOutNotice) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if notice != nil && s.cfg.OnSignOut != nil {
		if err := s.cfg.OnSignOut(r.Context(), r, *notice); err != nil {
			s.log.WarnContext(r.Context(), "sign-out failed", "error", err)
		}
	}
	w.WriteHeader(http.StatusOK)
}

// requestOptions reads what a request may say: return_to and login_hint. The rest is the host's.
func (s *Service) requestOptions(r *http.Request, returnTo, loginHint string) (o BeginOptions, err error) {
	if s.cfg.BeginOptions != nil {
		if o, err = s.cfg.BeginOptions(r); err != nil {
			var e *Error
			if !errors.As(err, &e) {
				err = NewError(KindInternal, err)
			}
			return o, s.fail(r.Context(), "begin", newAttempt(), nil, err)
		}
	}
	if o.ReturnTo == "" {
		o.ReturnTo = returnTo
	}
	if o.Hints["login_hint"] == "" && loginHint != "" {
		o.Hints = withHint(o.Hints, "login_hint", loginHint)
	}
	return o, nil
}

// showError lets the host show an error, or shows it plainly.
func (s *Service) showError(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	secureHeaders(w)
	if isJSON(r) {
		writeJSON(w, e.Status(), jsonAnswer{Error: &jsonError{e.Kind.String(), e.Public, e.Attempt}})
		return
	}
	if s.cfg.OnError != nil {
		s.cfg.OnError(w, r, e)
		return
	}
	s.errorPage(w, e)
}

// Status is the HTTP status that fits an error.
func (e *Error) Status() int {
	switch e.Kind {
	case KindConsented, KindTested:
		return http.StatusOK
	case KindNoConnection:
		return http.StatusNotFound
	case KindDisabled, KindRefused, KindVerify, KindProvider, KindUseConnection:
		return http.StatusForbidden
	case KindFlow, KindToken:
		return http.StatusBadRequest
	case KindUnavailable:
		return http.StatusServiceUnavailable
	case KindLimited:
		return http.StatusTooManyRequests
	default:
		return http.StatusInternalServerError
	}
}

// secureHeaders are on every answer that a person sees.
func secureHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "frame-ancestors 'none'")
}
