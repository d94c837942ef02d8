package entratest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Lifetimes of what is handed out.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#successful-response
// https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime
const (
	codeLifetime    = 10 * time.Minute
	refreshLifetime = 90 * 24 * time.Hour
	tokenLifetime   = time.Hour
)

// grant is what a code or a refresh token stands for. Users are looked up anew when it is redeemed.
type grant struct {
	clientID, redirectURI string
	tenantID, userID      string
	username, sid         string
	authTime, issued      time.Time
	nonce                 string
	scopes                scopes
	challenge, method     string
	claims                requestedClaims
	maxAgeAsked           bool
	redeemed              bool
}

type grants struct {
	codes, refresh map[string]*grant
	revoked        map[string]time.Time // tenant/user → when
}

func newGrants() grants {
	return grants{codes: make(map[string]*grant), refresh: make(map[string]*grant), revoked: make(map[string]time.Time)}
}

// newCode makes an authorization code.
func (s *Server) newCode(q *authorizeRequest, acc *account) string {
	g := &grant{
		clientID: q.signIn.app.ClientID, redirectURI: q.redirectURI, tenantID: acc.tenant.ID, userID: acc.user.ID,
		username: acc.username, sid: acc.sid, authTime: acc.authTime, issued: s.now(), nonce: q.nonce, scopes: q.scopes,
		challenge: q.challenge, method: q.method, claims: q.claims, maxAgeAsked: q.signIn.hasMaxAge,
	}
	code := "1." + rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants.codes[code] = g
	return code
}

// RevokeTokens makes every code and refresh token of a user, named by object id or UPN, worthless from now on (AADSTS50173).
// https://learn.microsoft.com/graph/api/user-revokesigninsessions
func (s *Server) RevokeTokens(tenantID, user string) {
	t := s.tenantByName(tenantID)
	if t == nil {
		return
	}
	if u := t.user(user); u != nil {
		now := s.now()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.grants.revoked[t.ID+"/"+u.ID] = now
	}
}

// serveToken is the token endpoint.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	answer, failed := s.redeem(r)
	if failed != nil {
		s.writeError(w, r, failed.status, failed)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// maxForm is more than any token request needs.
const maxForm = 1 << 20

func (s *Server) redeem(r *http.Request) (*tokenAnswer, *failure) {
	if r.Method != http.MethodPost {
		return nil, fail(900561, "POST", r.Method)
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	form, failed := parameters(r)
	if failed != nil {
		return nil, failed
	}
	a, failed := s.dir().authority(r.PathValue("tenant"))
	if failed != nil {
		return nil, failed
	}
	values := url.Values(form)
	grantType := values.Get("grant_type")
	if grantType == "" {
		return nil, fail(900144, "grant_type")
	}
	app, failed := s.authenticateClient(r, a, values)
	if failed != nil {
		return nil, failed
	}
	switch grantType {
	case "authorization_code":
		return s.redeemCode(a, app, values)
	case "refresh_token":
		return s.redeemRefresh(a, app, values)
	case "client_credentials":
		return s.redeemClient(a, app, values)
	}
	return nil, fail(70003, grantType)
}

// redeemCode trades a code in. Only a redemption that succeeds uses it up.
func (s *Server) redeemCode(a authority, app *Application, values url.Values) (*tokenAnswer, *failure) {
	code := values.Get("code")
	if code == "" {
		return nil, fail(900144, "code")
	}
	now := s.now()
	var granted scopes
	s.mu.Lock()
	g := s.grants.codes[code]
	failed := g.check(a, app, values, now, codeLifetime)
	if failed == nil {
		granted, failed = s.redeemedScopes(app, g, values)
	}
	if failed == nil {
		g.redeemed = true
	}
	s.mu.Unlock()
	if failed != nil {
		return nil, failed
	}
	return s.issue(app, g, granted, g.nonce, values)
}

// check decides whether a code may be redeemed; g is nil when there is no such code.
func (g *grant) check(a authority, app *Application, values url.Values, now time.Time, lifetime time.Duration) *failure {
	switch {
	case g == nil:
		failed := fail(9002313, "The code is not one of this server.")
		failed.oauth = "invalid_grant"
		return failed
	case g.clientID != app.ClientID:
		return fail(70000)
	case !a.shared() && a.tenant.ID != g.tenantID:
		return fail(700005)
	case g.redeemed:
		return fail(54005)
	case now.Sub(g.issued) > lifetime:
		return fail(70008)
	case values.Get("redirect_uri") != g.redirectURI:
		return fail(500112, values.Get("redirect_uri"), g.redirectURI)
	case !g.verifies(values.Get("code_verifier")):
		return fail(501481)
	}
	return nil
}

// verifies checks PKCE's verifier (RFC 7636, section 4.6). A verifier for a code without challenge is refused too (RFC 9700, section 2.1.1).
func (g *grant) verifies(verifier string) bool {
	if g.challenge == "" || verifier == "" {
		return g.challenge == "" && verifier == ""
	}
	if g.method == "S256" {
		digest := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(digest[:])
	}
	return subtle.ConstantTimeCompare([]byte(verifier), []byte(g.challenge)) == 1
}

// redeemRefresh trades a refresh token in. The old one stays good, as in Entra.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token
func (s *Server) redeemRefresh(a authority, app *Application, values url.Values) (*tokenAnswer, *failure) {
	token := values.Get("refresh_token")
	if token == "" {
		return nil, fail(900144, "refresh_token")
	}
	s.mu.Lock()
	g := s.grants.refresh[token]
	s.mu.Unlock()
	switch {
	case g == nil:
		failed := fail(9002313, "The refresh token is not one of this server.")
		failed.oauth = "invalid_grant"
		return nil, failed
	case g.clientID != app.ClientID:
		return nil, fail(70000)
	case !a.shared() && a.tenant.ID != g.tenantID:
		return nil, fail(700005)
	case s.now().Sub(g.issued) > refreshLifetime:
		return nil, fail(700082)
	}
	granted := g.scopes
	if asked := values.Get("scope"); asked != "" {
		granted = s.parseScopes(asked).within(g.scopes)
	}
	if granted.unknown != "" {
		return nil, fail(70011, granted.unknown)
	}
	if granted.missingConsent(app) != "" {
		failed := fail(65001, app.ClientID)
		failed.subError = "consent_required"
		return nil, failed
	}
	return s.issue(app, g, granted, "", values)
}

// redeemClient gives an application a token of its own.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func (s *Server) redeemClient(a authority, app *Application, values url.Values) (*tokenAnswer, *failure) {
	if a.shared() {
		return nil, fail(50059)
	}
	scope := withoutOIDC(values.Get("scope"))
	resource, isDefault := strings.CutSuffix(scope, "/.default")
	switch {
	case scope == "":
		return nil, fail(900144, "scope")
	case !isDefault:
		return nil, fail(1002012, scope)
	case !slices.Contains([]string{s.GraphURL, realGraph}, strings.TrimSuffix(resource, "/")):
		return nil, fail(500011, resource, a.tenant.Name)
	}
	return &tokenAnswer{
		Type: "Bearer", ExpiresIn: int(tokenLifetime / time.Second), ExtendedExpiresIn: int(tokenLifetime / time.Second),
		AccessToken: s.appAccessToken(a.tenant, app),
	}, nil
}
