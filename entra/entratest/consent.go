package entratest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// GlobalAdministrator is the template id of the directory role whose holders may consent for everybody.
// https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
const GlobalAdministrator = "62e90394-69f5-4237-9190-012177145e10"

// serveAdminConsent is the admin consent endpoint. Its answer is not signed: whoever opens the redirect URI by hand can say the same.
// https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
func (s *Server) serveAdminConsent(w http.ResponseWriter, r *http.Request) {
	values, failed := parameters(r)
	if failed != nil {
		s.showError(w, r, failed)
		return
	}
	q, failed := s.readAdminConsent(r, values)
	if failed != nil {
		s.showError(w, r, failed)
		return
	}
	acc, failed := s.consentingAdmin(w, r, q)
	switch {
	case failed != nil && failed.page:
		s.showError(w, r, failed)
	case failed != nil:
		a := s.errorAnswer(r, failed)
		// The error answer says admin_consent=True too.
		s.answer(w, q, url.Values{"admin_consent": {"True"}, "error": {a.Error}, "error_description": {a.Description}})
	case acc != nil:
		if err := s.grantConsent(q); err != nil {
			s.showError(w, r, fail(90033))
			return
		}
		s.answer(w, q, url.Values{"admin_consent": {"True"}, "tenant": {acc.tenant.ID}, "scope": {strings.Join(q.scopes.granted, " ")}})
	}
}

// readAdminConsent checks a request. common is refused: consent is one organization's.
func (s *Server) readAdminConsent(r *http.Request, values url.Values) (*authorizeRequest, *failure) {
	a, failed := s.dir().authority(r.PathValue("tenant"))
	if failed != nil {
		return nil, failed
	}
	clientID := values.Get("client_id")
	owner, app := s.dir().application(clientID)
	redirectURI, scope := s.consentDefaults(r, values, app)
	switch {
	case a.name == common || a.name == consumers:
		return nil, fail(50059)
	case clientID == "":
		return nil, fail(900144, "client_id")
	case app == nil:
		return nil, fail(700016, clientID, a.name)
	case a.shared() && !app.MultiTenant:
		return nil, fail(50194, clientID, app.Name)
	case a.tenant != nil && a.tenant.ID != owner.ID && !app.MultiTenant:
		return nil, fail(700016, clientID, a.name)
	case !slices.Contains(app.RedirectURIs, redirectURI):
		return nil, fail(50011, redirectURI, clientID)
	case scope == "":
		return nil, fail(900144, "scope")
	}
	q := &authorizeRequest{
		owner: owner, redirectURI: redirectURI, responseMode: "query", state: values.Get("state"), hasState: values.Has("state"),
		scopes: s.parseScopes(scope),
		signIn: signInRequest{authority: a, app: app, resume: r.URL.Path + "?" + values.Encode()},
	}
	if q.scopes.unknown != "" {
		return nil, fail(70011, q.scopes.unknown)
	}
	return q, nil
}

// consentDefaults are the redirect URI and the scope. The address without a version is the one for a link: it asks for all that the registration lists, and
// leads to the first redirect URI.
// https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent#construct-the-url-for-granting-tenant-wide-admin-consent
func (s *Server) consentDefaults(r *http.Request, values url.Values, app *Application) (redirectURI, scope string) {
	redirectURI, scope = values.Get("redirect_uri"), values.Get("scope")
	if app == nil || strings.HasSuffix(r.URL.Path, "/v2.0/adminconsent") {
		return redirectURI, scope
	}
	if redirectURI == "" && len(app.RedirectURIs) > 0 {
		redirectURI = app.RedirectURIs[0]
	}
	return redirectURI, s.GraphURL + "/.default"
}

// consentingAdmin finds an admin who has said yes. Like pickAccount it returns nothing when it has shown a page.
func (s *Server) consentingAdmin(w http.ResponseWriter, r *http.Request, q *authorizeRequest) (*account, *failure) {
	if r.PostFormValue("entratest") == "accept" {
		q.signIn.prompt = "consent" // the answer to the page below, not the choice of an account
	}
	acc, failed := s.pickAccount(w, r, &q.signIn)
	if acc == nil || failed != nil {
		return nil, failed
	}
	if !slices.Contains(acc.user.DirectoryRoles, GlobalAdministrator) {
		return nil, fail(90094, q.signIn.app.Name).onPage()
	}
	if r.PostFormValue("entratest") == "accept" {
		return acc, nil
	}
	s.render(w, http.StatusOK, "consent.html", "Permissions requested", consentPage{
		Action: q.signIn.resume, Application: q.signIn.app.Name, Username: acc.username, Tenant: acc.tenant.Name, Admin: true,
		Permissions: q.wanted(),
	})
	return nil, nil
}

// wanted are the permissions that are asked for.
func (q *authorizeRequest) wanted() []string {
	out := slices.Clone(q.scopes.graph)
	if q.scopes.byDefault {
		out = append(out, q.signIn.app.WantedPermissions...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// grantConsent adds what was asked for: by name delegated permissions, by /.default those and application permissions alike.
func (s *Server) grantConsent(q *authorizeRequest) error {
	return s.editApplication(q.signIn.app.ClientID, func(a *Application) {
		for _, name := range q.wanted() {
			if !slices.Contains(a.DelegatedPermissions, name) {
				a.DelegatedPermissions = append(a.DelegatedPermissions, name)
			}
			if q.scopes.byDefault && !slices.Contains(a.GraphPermissions, name) {
				a.GraphPermissions = append(a.GraphPermissions, name)
			}
		}
	})
}
