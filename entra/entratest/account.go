package entratest

import (
	"net/http"
	"strings"
	"time"
)

// signInRequest is a sign-in request of either protocol, as far as it takes to find out who is there.
type signInRequest struct {
	authority  authority
	app        *Application
	loginHint  string
	domainHint string
	prompt     string // "", none, login, select_account or consent
	hasMaxAge  bool
	maxAge     time.Duration // how old a sign-in may be; 0: it must be new
	resume     string        // path and query of this request: the account page posts there
}

// account is a person as one tenant knows them, signed in.
type account struct {
	tenant   *Tenant // issues the token
	user     *User
	username string // what the person typed
	sid      string
	authTime time.Time
}

// admitApplication decides whether an application may be used at an authority. Its errors are pages, for nobody has said yet
// where an answer may go. Both protocols come through here.
// https://learn.microsoft.com/entra/identity-platform/howto-convert-app-to-be-multi-tenant
// https://learn.microsoft.com/entra/identity-platform/supported-accounts-validation
func admitApplication(a authority, owner *Tenant, app *Application, identifier string) *failure {
	switch {
	case app == nil:
		return fail(700016, identifier, a.name).onPage()
	case app.Disabled:
		return fail(7000112, app.ClientID, app.Name).onPage()
	case a.name == common && !app.MultiTenant && !app.PersonalAccounts, a.name == organizations && !app.MultiTenant && !app.PersonalAccounts:
		return fail(50194, app.ClientID, app.Name).onPage()
	case a.name == organizations && !app.MultiTenant && owner.Personal:
		return fail(9002346, app.ClientID, app.Name).onPage()
	case a.shared():
		return nil
	case a.tenant.Personal && !app.PersonalAccounts:
		return fail(9002332, app.ClientID, app.Name).onPage()
	case a.tenant.Personal || a.tenant.ID == owner.ID || app.MultiTenant:
		return nil
	}
	return fail(700016, identifier, a.name).onPage()
}

// findAccount resolves what a person typed to the account that this authority signs them in with.
//   - A shared authority knows home accounts only: a guest comes out as a member of their own tenant.
//   - A tenant's own knows its members and its guests.
//
// https://learn.microsoft.com/entra/identity-platform/howto-convert-app-to-be-multi-tenant#use-the-common-endpoint
func (s *Server) findAccount(a authority, app *Application, username string) (*account, *failure) {
	home, person := s.dir().homeOf(username)
	tenant, user := home, person
	switch {
	case !a.shared():
		tenant, user = a.tenant, a.tenant.signsIn(username)
		if user == nil && home != nil {
			return nil, fail(50020, username, s.identityProvider(home), tenant.Name, app.ClientID)
		}
	case home != nil && home.Personal && (!app.PersonalAccounts || a.name == organizations):
		return nil, fail(50020, username, s.identityProvider(home), a.name, app.ClientID)
	case home != nil && !home.Personal && !app.MultiTenant:
		return nil, fail(50020, username, s.identityProvider(home), a.name, app.ClientID)
	}
	if user == nil {
		return nil, fail(50034, username, a.name)
	}
	if user.Disabled {
		return nil, fail(50057)
	}
	return &account{tenant: tenant, user: user, username: user.signInName()}, nil
}

// signsIn returns the user who signs in to this tenant with a name, or nil.
func (t *Tenant) signsIn(username string) *User {
	for i := range t.Users {
		if u := &t.Users[i]; strings.EqualFold(u.UPN, username) || strings.EqualFold(u.signInName(), username) {
			return u
		}
	}
	return nil
}

// identityProvider names a home tenant as the idp claim does.
func (s *Server) identityProvider(home *Tenant) string {
	if home.Personal {
		return "live.com"
	}
	return s.issuerV1(home.ID)
}

// pickAccount finds out who is there: from the browser's session, from a hint, or by asking. When it returns neither an account
// nor a failure it has answered with a page. A failure without page set goes back to the application.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-the-sign-in-request
func (s *Server) pickAccount(w http.ResponseWriter, r *http.Request, q *signInRequest) (*account, *failure) {
	if r.Method == http.MethodPost && r.PostFormValue("entratest") != "" {
		return s.answeredPage(w, r, q)
	}
	if q.prompt == "login" || q.prompt == "select_account" {
		return s.askAccount(w, r, q)
	}
	candidates := s.sessionAccounts(r, q)
	switch {
	case len(candidates) == 1 && q.prompt == "consent" && !s.autoSignIn:
		return s.askConsent(w, r, q, candidates[0])
	case len(candidates) == 1:
		return s.enter(q, candidates[0])
	case q.prompt == "none" && len(candidates) > 1:
		return nil, fail(16000)
	case q.prompt == "none":
		return nil, fail(50058)
	}
	return s.askAccount(w, r, q)
}

// sessionAccounts are the accounts of the browser's session that this request may use without asking.
func (s *Server) sessionAccounts(r *http.Request, q *signInRequest) []*account {
	var out []*account
	for _, p := range s.session(r) {
		acc, err := s.findAccount(q.authority, q.app, p.username)
		if err != nil || q.hasMaxAge && (q.maxAge == 0 || s.now().Sub(p.authTime) > q.maxAge) {
			continue
		}
		if q.loginHint != "" && !s.hints(acc, q.loginHint) || q.domainHint != "" && !acc.livesAt(q.domainHint) {
			continue
		}
		acc.sid, acc.authTime = p.sid, p.authTime
		out = append(out, acc)
	}
	return out
}

// hints tells whether a login_hint means this account: a sign-in name, or the value of the login_hint claim.
// https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
func (s *Server) hints(acc *account, hint string) bool {
	return strings.EqualFold(hint, acc.username) || strings.EqualFold(hint, acc.user.UPN) || hint == loginHint(acc)
}

// livesAt tells whether the account signs in with an address of a domain, or is meant by the value consumers or organizations.
func (acc *account) livesAt(domain string) bool {
	switch domain = strings.ToLower(domain); domain {
	case consumers:
		return acc.tenant.Personal
	case organizations:
		return !acc.tenant.Personal
	}
	return strings.HasSuffix(strings.ToLower(acc.username), "@"+domain)
}

// askAccount shows the account page, unless the person need not be asked (Options.AutoSignIn).
func (s *Server) askAccount(w http.ResponseWriter, r *http.Request, q *signInRequest) (*account, *failure) {
	if !s.autoSignIn || q.loginHint == "" || q.prompt == "select_account" {
		return s.showAccountPage(w, r, q, q.loginHint, nil)
	}
	acc, err := s.findAccount(q.authority, q.app, q.loginHint)
	if err != nil {
		return s.showAccountPage(w, r, q, q.loginHint, err)
	}
	return s.signIn(w, r, q, acc)
}

// answeredPage takes what the person chose on the account page, or on the consent page after it.
func (s *Server) answeredPage(w http.ResponseWriter, r *http.Request, q *signInRequest) (*account, *failure) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return nil, fail(9002313, "The account page was posted from another origin.").onPage()
	}
	answer, username := r.PostFormValue("entratest"), strings.TrimSpace(r.PostFormValue("username"))
	if answer == "cancel" {
		return nil, fail(65004)
	}
	acc, err := s.findAccount(q.authority, q.app, username)
	if err != nil {
		return s.showAccountPage(w, r, q, username, err)
	}
	if q.prompt == "consent" && answer != "accept" && !s.autoSignIn {
		return s.askConsent(w, r, q, acc)
	}
	return s.signIn(w, r, q, acc)
}

// signIn enters with fresh credentials.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, q *signInRequest, acc *account) (*account, *failure) {
	p := s.signInSession(w, r, acc.username)
	acc.sid, acc.authTime = p.sid, p.authTime
	return s.enter(q, acc)
}

// enter lets an account into the application, or does not: somebody who is not assigned sees a page, unless nothing may be shown.
func (s *Server) enter(q *signInRequest, acc *account) (*account, *failure) {
	if !q.app.admits(acc.user) {
		failed := fail(50105, q.app.ClientID, q.app.Name, acc.username)
		if q.prompt == "none" {
			failed.oauth = "interaction_required"
			return nil, failed
		}
		return nil, failed.onPage()
	}
	s.noteApplication(acc.sid, q.app.ClientID)
	acc.authTime = acc.authTime.Add(-s.currentFaults().OldSignIn)
	return acc, nil
}
