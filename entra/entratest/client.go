package entratest

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t, the older form that Entra still takes
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"
)

// assertionType is the only type of client assertion that Entra takes (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticateClient finds out which application calls the token endpoint, and lets it prove that: by secret, in the body or the
// header, or by assertion.
func (s *Server) authenticateClient(r *http.Request, a authority, values url.Values) (*Application, *failure) {
	clientID, secret := values.Get("client_id"), values.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		// RFC 6749, section 2.3.1: both are form-encoded first.
		var err1, err2 error
		clientID, err1 = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(password)
		if err1 != nil || err2 != nil {
			return nil, fail(9002313, "The Authorization header cannot be read.")
		}
	}
	assertion := values.Get("client_assertion")
	if clientID == "" && assertion != "" {
		if t, err := parseJWT(assertion); err == nil {
			clientID = str(t.claims, "sub")
		}
	}
	if clientID == "" {
		return nil, fail(900144, "client_id")
	}
	owner, app := s.dir().application(clientID)
	if failed := admitApplication(a, owner, app, clientID); failed != nil {
		return nil, failed
	}
	switch {
	case secret != "" && assertion != "":
		return nil, fail(9002313, "A client secret and a client assertion came together.")
	case assertion != "":
		return app, s.checkAssertion(a, app, assertion, values.Get("client_assertion_type"))
	case secret == "":
		return nil, fail(7000218)
	case slices.Contains(app.Secrets, secret):
		return app, nil
	case slices.Contains(app.ExpiredSecrets, secret):
		return nil, fail(7000222, app.ClientID)
	}
	return nil, fail(7000215, app.ClientID)
}

// checkAssertion checks a client assertion: signed by a registered certificate, for this application and this endpoint, fresh.
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func (s *Server) checkAssertion(a authority, app *Application, assertion, kind string) *failure {
	if kind != assertionType {
		return fail(900144, "client_assertion_type")
	}
	t, err := parseJWT(assertion)
	if err != nil {
		return fail(50027)
	}
	certificate := app.certificateFor(t)
	if certificate == nil {
		return fail(700027, "The key was not found.")
	}
	public, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || !t.verify(public) {
		return fail(700027, "The signature is invalid.")
	}
	now := float64(s.now().Unix())
	const leeway = 300
	switch {
	case !s.takesAssertionsFor(a, str(t.claims, "aud")):
		return fail(50013, "Audience validation failed.")
	case str(t.claims, "iss") != app.ClientID, str(t.claims, "sub") != app.ClientID:
		return fail(700023, "iss and sub must be the application's id.")
	case str(t.claims, "jti") == "":
		return fail(50027)
	case number(t.claims, "exp") < now-leeway || number(t.claims, "nbf") > now+leeway:
		return fail(700024)
	}
	return nil
}

// takesAssertionsFor tells whether an assertion's audience is this endpoint, or the authority's issuer.
func (s *Server) takesAssertionsFor(a authority, audience string) bool {
	names := []string{a.name}
	if a.tenant != nil {
		names = append(names, a.tenant.Domains...)
	}
	for _, name := range names {
		if audience == s.URL+"/"+name+"/oauth2/v2.0/token" || audience == s.URL+"/"+name+"/v2.0" {
			return true
		}
	}
	return false
}

// certificateFor finds the registered certificate that a token's header names: x5t#S256, or the older x5t.
func (a *Application) certificateFor(t *jwt) *x509.Certificate {
	for _, der := range a.Certificates {
		sum256, sum1 := sha256.Sum256(der), sha1.Sum(der) //nolint:gosec // an identifier
		switch {
		case isThumbprint(str(t.header, "x5t#S256"), sum256[:]):
		case isThumbprint(str(t.header, "x5t"), sum1[:]):
		default:
			continue
		}
		if certificate, err := x509.ParseCertificate(der); err == nil {
			return certificate
		}
	}
	return nil
}
