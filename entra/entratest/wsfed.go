package entratest

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The values of wa (WS-Federation 1.2, section 13.2).
const (
	waSignIn  = "wsignin1.0"
	waSignOut = "wsignout1.0"
	waCleanUp = "wsignoutcleanup1.0"
)

// wsfedRoutes adds the WS-Federation endpoints.
// https://learn.microsoft.com/entra/identity-platform/federation-metadata
func (s *Server) wsfedRoutes(mux *http.ServeMux) {
	s.handle(mux, "GET /{tenant}/wsfed", EndpointWSFed, s.wsfed)
	s.handle(mux, "POST /{tenant}/wsfed", EndpointWSFed, s.wsfed)
	// Entra's paths are case-insensitive; these two spellings are what people configure.
	s.handle(mux, "GET /{tenant}/FederationMetadata/2007-06/FederationMetadata.xml", EndpointMetadata, s.federationMetadata)
	s.handle(mux, "GET /{tenant}/federationmetadata/2007-06/federationmetadata.xml", EndpointMetadata, s.federationMetadata)
}

// wsfed is the passive endpoint: sign-in and sign-out. WS-Federation has no error answers: every error is a page.
func (s *Server) wsfed(w http.ResponseWriter, r *http.Request) {
	list, f := parameters(r)
	if f != nil {
		s.showError(w, r, f)
		return
	}
	q := url.Values(list)
	a, f := s.dir().authority(r.PathValue("tenant"))
	if f == nil {
		switch strings.ToLower(q.Get("wa")) {
		case waSignIn:
			f = s.wsfedSignIn(w, r, a, q)
		case waSignOut, waCleanUp:
			s.wsfedSignOut(w, r, a, q)
		case "":
			f = fail(900144, "wa")
		default:
			f = fail(90081)
		}
	}
	if f != nil {
		s.showError(w, r, f)
	}
}

// wsfedSignIn answers a sign-in request, once it is known who is there.
// https://docs.oasis-open.org/wsfed/federation/v1.2/os/ws-federation-1.2-spec-os.html, section 13.2.2.
func (s *Server) wsfedSignIn(w http.ResponseWriter, r *http.Request, a authority, q url.Values) *failure {
	realm := q.Get("wtrealm")
	if realm == "" {
		return fail(900144, "wtrealm")
	}
	owner, app := s.dir().applicationByRealm(realm)
	if f := admitApplication(a, owner, app, realm); f != nil {
		return f
	}
	reply, f := replyAddress(app, q.Get("wreply"))
	if f != nil {
		return f
	}
	request := &signInRequest{
		authority:  a,
		app:        app,
		loginHint:  q.Get("login_hint"),
		domainHint: q.Get("whr"),
		resume:     r.URL.Path + "?" + q.Encode(), // also of a request that was posted
	}
	if request.loginHint == "" {
		request.loginHint = q.Get("username")
	}
	// wfresh: how old a sign-in may be, in minutes; 0 asks for a new one.
	if minutes, err := strconv.Atoi(q.Get("wfresh")); err == nil && minutes >= 0 {
		request.hasMaxAge, request.maxAge = true, time.Duration(minutes)*time.Minute
	}
	acc, f := s.pickAccount(w, r, request)
	if f != nil || acc == nil {
		return f // a failure, or a page that asks
	}
	result, err := s.wsfedResult(acc, app, realm)
	if err != nil {
		return fail(90033)
	}
	s.noteApplication(acc.sid, wsfedApplication+reply)
	answer := url.Values{"wa": {waSignIn}, "wresult": {result}}
	if wctx := q.Get("wctx"); wctx != "" {
		answer.Set("wctx", wctx)
	}
	s.postForm(w, reply, answer)
	return nil
}

// replyAddress decides where the answer goes: to wreply, which must be registered to the letter, else to the first address that is.
// https://learn.microsoft.com/troubleshoot/entra/entra-id/app-integration/error-code-aadsts50011-redirect-uri-mismatch
func replyAddress(app *Application, wreply string) (string, *failure) {
	registered := app.replyURLs()
	switch {
	case wreply != "" && slices.Contains(registered, wreply):
		return wreply, nil
	case wreply != "":
		return "", fail(50011, wreply, app.ClientID)
	case len(registered) == 0:
		return "", fail(900971)
	}
	return registered[0], nil
}

// wsfedResult makes the wresult for an account: a signed token in a RequestSecurityTokenResponse, faults included.
func (s *Server) wsfedResult(acc *account, app *Application, realm string) (string, error) {
	faults, now := s.currentFaults(), s.now()
	a := assertion{
		id:            "_" + newGUID(),
		issuer:        cmp.Or(faults.WrongIssuer, s.issuerV1(acc.tenant.ID)),
		audience:      cmp.Or(faults.WrongAudience, realm),
		subject:       pairwise(acc.tenant.ID, acc.user.ID, app.ClientID),
		issued:        now,
		notBefore:     now.Add(-5 * time.Minute),
		expires:       now.Add(55 * time.Minute), // an hour in all, as in the tokens that Entra sends
		authenticated: acc.authTime,
		claims:        s.samlClaims(acc, app, faults),
	}
	if faults.TokenLifetime != 0 {
		a.expires = now.Add(faults.TokenLifetime)
		if a.expires.Before(a.notBefore) {
			a.notBefore = a.expires.Add(-time.Hour)
		}
	}
	k := s.signingKey(acc.tenant, app)
	token, err := a.signed(app.TokenType, xmlSigner{key: k.private, certificate: k.certificate.Raw, corrupt: faults.BadSignature})
	if err != nil {
		return "", err
	}
	return a.response(app.TokenType, token).String(), nil
}

// federationMetadata serves the document of a tenant, or with the template issuer that of the shared authorities.
// ?appid= shows the keys of an application that has its own (AADSTS50146 is what happens to those who leave it away).
func (s *Server) federationMetadata(w http.ResponseWriter, r *http.Request) {
	a, f := s.dir().authority(r.PathValue("tenant"))
	if f != nil {
		s.writeError(w, r, http.StatusBadRequest, f)
		return
	}
	var app *Application
	if id := r.URL.Query().Get("appid"); id != "" {
		if _, app = s.dir().application(id); app == nil {
			s.writeError(w, r, http.StatusBadRequest, fail(700016, id, a.name))
			return
		}
	}
	issuerOf := "{tenantid}"
	if a.tenant != nil {
		issuerOf = a.tenant.ID
	}
	base := s.URL + "/" + a.name
	document := federation{id: "_" + newGUID(), entityID: s.issuerV1(issuerOf), passive: base + "/wsfed", saml: base + "/saml2"}
	published := s.publishedKeys(a.tenant, app)
	for _, k := range published {
		document.certificates = append(document.certificates, k.certificate.Raw)
	}
	k := published[len(published)-1]
	signed, err := document.signed(xmlSigner{key: k.private, certificate: k.certificate.Raw})
	if err != nil {
		s.writeError(w, r, http.StatusServiceUnavailable, fail(90033))
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	start := xmlDeclaration
	if s.currentFaults().ByteOrderMark {
		start = byteOrderMark + start
	}
	_, _ = w.Write([]byte(start + signed.String())) // the caller has gone
}
