package entratest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"
)

// tokenAnswer is what the token endpoint answers.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#successful-response-2
type tokenAnswer struct {
	Type              string `json:"token_type"`
	Scope             string `json:"scope,omitempty"`
	ExpiresIn         int    `json:"expires_in"`
	ExtendedExpiresIn int    `json:"ext_expires_in"`
	AccessToken       string `json:"access_token"`
	RefreshToken      string `json:"refresh_token,omitempty"`
	IDToken           string `json:"id_token,omitempty"`
	ClientInfo        string `json:"client_info,omitempty"`
}

// issue makes the tokens of a grant, from what the directory says now.
func (s *Server) issue(app *Application, g *grant, granted scopes, nonce string, values url.Values) (*tokenAnswer, *failure) {
	acc, failed := s.accountOf(g)
	if failed != nil {
		return nil, failed
	}
	if !app.admits(acc.user) { // unassigned since the sign-in
		return nil, fail(50105, app.ClientID, app.Name, acc.username)
	}
	faults := s.currentFaults()
	if faults.ClaimsChallenge != "" && !meets(g.claims.raw, faults.ClaimsChallenge) {
		failed := fail(50076, s.GraphURL)
		failed.claims, failed.subError = faults.ClaimsChallenge, "basic_action"
		return nil, failed
	}
	seconds := int(accessLifetime(faults) / time.Second)
	answer := &tokenAnswer{
		Type: "Bearer", Scope: strings.Join(granted.granted, " "), ExpiresIn: seconds, ExtendedExpiresIn: seconds,
		AccessToken: s.userAccessToken(app, acc, granted.permissions(app), g.claims.raw),
	}
	if granted.offline {
		answer.RefreshToken = s.newRefreshToken(g, granted)
	}
	if granted.openid && !faults.NoIDToken {
		claims := s.idTokenClaims(app, acc, g, granted, faults)
		setNonce(claims, nonce, faults)
		answer.IDToken = cmp.Or(faults.IDToken, s.signIDToken(acc.tenant, app, claims, faults))
	}
	if values.Get("client_info") == "1" {
		answer.ClientInfo = s.clientInfo(acc)
	}
	return answer, nil
}

// accountOf finds the person of a grant again; they may be gone, disabled or revoked since.
func (s *Server) accountOf(g *grant) (*account, *failure) {
	t := s.tenantByName(g.tenantID)
	if t == nil {
		return nil, fail(90002, g.tenantID)
	}
	u := t.user(g.userID)
	switch {
	case u == nil:
		return nil, fail(50034, g.username, t.Name)
	case u.Disabled:
		return nil, fail(50057)
	}
	s.mu.Lock()
	revoked, ok := s.grants.revoked[t.ID+"/"+u.ID]
	s.mu.Unlock()
	if ok && !g.issued.After(revoked) {
		return nil, fail(50173)
	}
	return &account{tenant: t, user: u, username: g.username, sid: g.sid, authTime: g.authTime}, nil
}

// newRefreshToken makes a refresh token, good for ninety days from now.
func (s *Server) newRefreshToken(g *grant, granted scopes) string {
	next := *g
	next.scopes, next.issued, next.nonce, next.redeemed = granted, s.now(), "", false
	token := "1.A" + rand.Text() + rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants.refresh[token] = &next
	return token
}

// setNonce puts the nonce of the request into an ID token; one that comes from a refresh token has none.
func setNonce(claims map[string]any, nonce string, faults Faults) {
	if faults.WrongNonce != "" {
		nonce = faults.WrongNonce
	}
	if nonce != "" && !faults.NoNonce {
		claims["nonce"] = nonce
	}
}

// signIDToken signs as the faults have it.
func (s *Server) signIDToken(t *Tenant, app *Application, claims map[string]any, faults Faults) string {
	if faults.Unsigned {
		return unsignedJWT(claims)
	}
	token := signJWT(s.signingKey(t, app), claims)
	if faults.BadSignature {
		token = breakSignature(token)
	}
	return token
}

// clientInfo names the home account: object id and tenant id.
func (s *Server) clientInfo(acc *account) string {
	uid, utid := acc.user.ID, acc.tenant.ID
	if home, user := s.dir().homeOf(acc.username); user != nil && acc.user.HomeTenant == home.ID {
		uid, utid = user.ID, home.ID
	}
	return encodeJSON(map[string]any{"uid": uid, "utid": utid})
}

// pairwise is a subject that differs per application, and stays the same from one server to the next (OpenID Connect Core, section 8.1).
func pairwise(tenantID, userID, clientID string) string {
	sum := sha256.Sum256([]byte("entratest subject\x00" + tenantID + "\x00" + userID + "\x00" + clientID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// loginHint is the value of the login_hint claim: opaque, and of the home account, not of the tenant.
// https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
func loginHint(acc *account) string {
	sum := sha256.Sum256([]byte("entratest login hint\x00" + strings.ToLower(acc.username)))
	return "O." + base64.RawURLEncoding.EncodeToString(sum[:])
}

func accessLifetime(faults Faults) time.Duration {
	if faults.TokenLifetime > 0 {
		return faults.TokenLifetime
	}
	return tokenLifetime
}

// userAccessToken makes an access token for Graph: a v1.0 token, for Graph is a v1.0 resource. It is signed by the same keys as
// ID tokens, so that only issuer, audience and version tell an application that it is not one.
// https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
func (s *Server) userAccessToken(app *Application, acc *account, permissions []string, asked string) string {
	claims := s.accessClaims(acc.tenant, app, s.currentFaults())
	if asked != "" {
		claims[askedClaims] = asked
	}
	claims["scp"] = strings.Join(permissions, " ")
	claims["idtyp"] = "user"
	claims["oid"] = acc.user.ID
	claims["sub"] = pairwise(acc.tenant.ID, acc.user.ID, s.GraphURL)
	claims["name"] = acc.user.DisplayName
	claims["upn"] = acc.user.UPN
	claims["unique_name"] = acc.username
	return signJWT(s.ring(ringOwner(acc.tenant, nil)).current(), claims)
}

// appAccessToken makes an application's own access token for Graph; its roles are the application permissions.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func (s *Server) appAccessToken(t *Tenant, app *Application) string {
	claims := s.accessClaims(t, app, s.currentFaults())
	principal := servicePrincipal(t.ID, app.ClientID)
	claims["idtyp"], claims["oid"], claims["sub"] = "app", principal, principal
	if len(app.GraphPermissions) > 0 {
		claims["roles"] = app.GraphPermissions
	}
	return signJWT(s.ring(ringOwner(t, nil)).current(), claims)
}

// servicePrincipal is the object id of an application in a tenant.
func servicePrincipal(tenantID, clientID string) string {
	sum := sha256.Sum256([]byte("entratest service principal\x00" + tenantID + "\x00" + clientID))
	return formatGUID([16]byte(sum[:16]))
}

func (s *Server) accessClaims(t *Tenant, app *Application, faults Faults) map[string]any {
	now := s.now()
	return map[string]any{
		"aud": s.GraphURL, "iss": s.issuerV1(t.ID), "tid": t.ID, "ver": "1.0",
		"iat": now.Add(-backdated).Unix(), "nbf": now.Add(-backdated).Unix(), "exp": now.Add(accessLifetime(faults)).Unix(),
		"aio": opaque(48), "rh": "1." + opaque(32), "uti": opaque(16),
		"appid": app.ClientID, "app_displayname": app.Name, "appidacr": "1",
	}
}

// opaque is random text for claims that nobody may read.
func opaque(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
