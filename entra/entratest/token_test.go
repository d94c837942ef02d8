package entratest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

func set(form url.Values, pairs ...string) url.Values {
	out := url.Values{}
	maps.Copy(out, form)
	for i := 0; i < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			out.Del(pairs[i])
		}
	}
	return out
}

// What the token endpoint refuses, and how. None of it uses the code up.
func TestTokenRefusals(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	verifier := oauth2.GenerateVerifier()
	good := set(codeForm(a, a.answer(nil, entratest.Ann, oauth2.S256ChallengeOption(verifier)).Get("code")), "code_verifier", verifier)
	tests := map[string]struct {
		authority string
		changes   []string
		oauth     string
		code      int
		status    int
	}{
		"unknown tenant":            {"nobody.example", nil, "invalid_tenant", 90002, 400},
		"no grant type":             {"contoso.com", []string{"grant_type", ""}, "invalid_request", 900144, 400},
		"unknown grant type":        {"contoso.com", []string{"grant_type", "password2"}, "unsupported_grant_type", 70003, 400},
		"no application":            {"contoso.com", []string{"client_id", ""}, "invalid_request", 900144, 400},
		"unknown application":       {"contoso.com", []string{"client_id", "00000000-0000-0000-0000-00000000beef"}, "unauthorized_client", 700016, 400},
		"no credential":             {"contoso.com", []string{"client_secret", ""}, "invalid_client", 7000218, 401},
		"wrong secret":              {"contoso.com", []string{"client_secret", "no-such-test-secret"}, "invalid_client", 7000215, 401},
		"expired secret":            {"contoso.com", []string{"client_secret", entratest.ExpiredSecret}, "invalid_client", 7000222, 401},
		"secret beside assertion":   {"contoso.com", []string{"client_assertion", "x"}, "invalid_request", 9002313, 400},
		"no code":                   {"contoso.com", []string{"code", ""}, "invalid_request", 900144, 400},
		"unknown code":              {"contoso.com", []string{"code", "1.x"}, "invalid_grant", 9002313, 400},
		"other redirect URI":        {"contoso.com", []string{"redirect_uri", callback + "2"}, "invalid_client", 500112, 401},
		"no redirect URI":           {"contoso.com", []string{"redirect_uri", ""}, "invalid_client", 500112, 401},
		"no verifier":               {"contoso.com", []string{"code_verifier", ""}, "invalid_grant", 501481, 400},
		"wrong verifier":            {"contoso.com", []string{"code_verifier", strings.Repeat("a", 43)}, "invalid_grant", 501481, 400},
		"challenge as verifier":     {"contoso.com", []string{"code_verifier", oauth2.S256ChallengeFromVerifier(verifier)}, "invalid_grant", 501481, 400},
		"another application":       {"contoso.com", []string{"client_id", entratest.MultiTenantApp, "client_secret", entratest.MultiTenantSecret}, "invalid_grant", 70000, 400},
		"single tenant at common":   {"common", nil, "invalid_request", 50194, 400},
		"another tenant's endpoint": {"fabrikam.com", nil, "unauthorized_client", 700016, 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status, answer, refused := post(t, s, test.authority, set(good, test.changes...))
			assert.Equal(t, test.status, status)
			assert.Equal(t, test.oauth, refused.Error)
			assert.Equal(t, []int{test.code}, refused.Codes, refused.Description)
			assert.NotContains(t, answer, "access_token")
			assert.NotContains(t, refused.Description, "no-such-test-secret")
		})
	}
	t.Run("by GET", func(t *testing.T) {
		status, body := get(t, s, s.URL+"/contoso.com/oauth2/v2.0/token")
		assert.Equal(t, http.StatusMethodNotAllowed, status)
		assert.Contains(t, string(body), "AADSTS900561")
	})
	t.Run("in the query", func(t *testing.T) {
		status, _, refused := send(t, s, "contoso.com", url.Values{}, func(r *http.Request) { r.URL.RawQuery = good.Encode() })
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Equal(t, []int{900144}, refused.Codes)
	})
	t.Run("doubled parameter", func(t *testing.T) {
		_, _, refused := post(t, s, "contoso.com", url.Values{"grant_type": {"authorization_code", "refresh_token"}})
		assert.Equal(t, []int{9000411}, refused.Codes)
	})
	t.Run("the good one", func(t *testing.T) {
		status, answer, _ := post(t, s, "contoso.com", good)
		assert.Equal(t, http.StatusOK, status)
		assert.NotEmpty(t, answer["id_token"])
		assert.NotContains(t, answer, "client_info", "nobody asked")
		status, _, refused := post(t, s, "contoso.com", good)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Equal(t, []int{54005}, refused.Codes)
	})
}

// Errors have the members that Entra's have, and repeat the caller's id.
func TestShapeOfErrors(t *testing.T) {
	s := start(t, &entratest.Options{Now: func() time.Time { return noon }})
	const id = "11111111-2222-4333-8444-555555555555"
	_, _, refused := send(t, s, "contoso.com", url.Values{"grant_type": {"x"}}, func(r *http.Request) { r.Header.Set("Client-Request-Id", id) })
	assert.Equal(t, id, refused.CorrelationID)
	assert.Regexp(t, "^[0-9a-f-]{36}$", refused.TraceID)
	assert.Equal(t, "2026-03-02 12:00:00Z", refused.Timestamp)
	assert.Equal(t, s.URL+"/error?code=900144", refused.URI)
	assert.Equal(t, "AADSTS900144: The request body must contain the following parameter: 'client_id'. Trace ID: "+refused.TraceID+
		" Correlation ID: "+id+" Timestamp: 2026-03-02 12:00:00Z", refused.Description)
	_, _, refused = send(t, s, "contoso.com", url.Values{}, func(r *http.Request) { r.Header.Set("Client-Request-Id", "<b>") })
	assert.Regexp(t, "^[0-9a-f-]{36}$", refused.CorrelationID)
}

func TestCodeOfAnotherTenant(t *testing.T) {
	s := start(t, nil)
	a := newApp(t, s, "common", s.URL+"/{tenantid}/v2.0", entratest.MultiTenantApp, entratest.MultiTenantSecret)
	form := codeForm(a, a.answer(nil, entratest.Bob).Get("code"))
	_, _, refused := post(t, s, "contoso.com", form)
	assert.Equal(t, []int{700005}, refused.Codes)
	status, _, _ := post(t, s, "fabrikam.com", form)
	assert.Equal(t, http.StatusOK, status)
}

func TestCodeExpires(t *testing.T) {
	now := noon
	s := start(t, &entratest.Options{Now: func() time.Time { return now }})
	a := contoso(t, s)
	form := codeForm(a, a.answer(nil, entratest.Ann).Get("code"))
	now = noon.Add(10*time.Minute + time.Second)
	_, _, refused := post(t, s, "contoso.com", form)
	assert.Equal(t, []int{70008}, refused.Codes)
}

// Of many who redeem a code at once, one gets it.
func TestCodeOnce(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	form := codeForm(a, a.answer(nil, entratest.Ann).Get("code"))
	var mu sync.Mutex
	var won, spent int
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			response, err := s.Client().PostForm(s.URL+"/contoso.com/oauth2/v2.0/token", form)
			if !assert.NoError(t, err) {
				return
			}
			defer response.Body.Close()
			var refused refusal
			assert.NoError(t, json.NewDecoder(response.Body).Decode(&refused))
			mu.Lock()
			defer mu.Unlock()
			if response.StatusCode == http.StatusOK {
				won++
			} else if len(refused.Codes) == 1 && refused.Codes[0] == 54005 {
				spent++
			}
		})
	}
	group.Wait()
	assert.Equal(t, 1, won)
	assert.Equal(t, 7, spent)
}

func TestPKCE(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	verifier := oauth2.GenerateVerifier()
	redeem := func(challenge []string, verifier string) []int {
		form := codeForm(a, a.answer(nil, entratest.Ann, params(challenge...)...).Get("code"))
		_, _, refused := post(t, s, "contoso.com", set(form, "code_verifier", verifier))
		return refused.Codes
	}
	s256 := oauth2.S256ChallengeFromVerifier(verifier)
	assert.Empty(t, redeem([]string{"code_challenge", s256, "code_challenge_method", "S256"}, verifier))
	assert.Empty(t, redeem([]string{"code_challenge", verifier, "code_challenge_method", "plain"}, verifier))
	assert.Empty(t, redeem([]string{"code_challenge", verifier}, verifier), "without a method it is plain")
	assert.Equal(t, []int{501481}, redeem([]string{"code_challenge", s256}, verifier))
	assert.Equal(t, []int{501481}, redeem(nil, verifier), "a verifier for a code without challenge")
	assert.Empty(t, redeem(nil, ""), "Entra does not insist")
}

func TestSecretInHeader(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	a.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	claims, _ := a.signIn(entratest.Ann)
	assert.Equal(t, entratest.AnnID, claims["oid"])
}

func TestRefresh(t *testing.T) {
	now := noon
	s := start(t, &entratest.Options{Now: func() time.Time { return now }})
	a := contoso(t, s)
	a.verifier = a.provider.Verifier(oidcConfig(entratest.ContosoApp, noon))
	_, token := a.signIn(entratest.Ann)
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "client_id": {entratest.ContosoApp}, "client_secret": {entratest.ContosoSecret},
	}
	status, answer, _ := post(t, s, "contoso.com", form)
	require.Equal(t, http.StatusOK, status)
	assert.NotEqual(t, token.RefreshToken, answer["refresh_token"], "a new one each time")
	raw, _ := answer["id_token"].(string)
	claims := unverified(t, raw)
	assert.Equal(t, entratest.AnnID, claims["oid"])
	assert.NotContains(t, claims, "nonce")

	status, answer, _ = post(t, s, "contoso.com", set(form, "scope", s.GraphURL+"/.default offline_access"))
	require.Equal(t, http.StatusOK, status, "the old one stays good")
	access, _ := answer["access_token"].(string)
	assert.Equal(t, "GroupMember.Read.All User.Read", unverified(t, access)["scp"])
	assert.NotContains(t, answer, "id_token")

	refused := func(codes int, changes ...string) {
		t.Helper()
		_, _, got := post(t, s, "contoso.com", set(form, changes...))
		assert.Equal(t, []int{codes}, got.Codes)
	}
	refused(9002313, "refresh_token", "1.Ax")
	refused(900144, "refresh_token", "")
	refused(70000, "client_id", entratest.MultiTenantApp, "client_secret", entratest.MultiTenantSecret)
	refused(7000215, "client_secret", "wrong")
	refused(70011, "scope", "Nothing.Known")
	_, _, got := post(t, s, "contoso.com", set(form, "scope", "Directory.Read.All"))
	assert.Equal(t, []int{65001}, got.Codes)
	assert.Equal(t, "consent_required", got.SubError)
	assert.Equal(t, "invalid_grant", got.Error)

	s.RevokeTokens("contoso.com", entratest.Ann)
	refused(50173)
	now = noon.Add(91 * 24 * time.Hour)
	refused(700082)
}

func TestRefreshOfSomebodyGone(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	_, token := a.signIn(entratest.Ann)
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "client_id": {entratest.ContosoApp}, "client_secret": {entratest.ContosoSecret},
	}
	disable := func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Users[0].Disabled = true
		return tenants
	}
	require.NoError(t, s.Edit(disable))
	_, _, refused := post(t, s, "contoso.com", form)
	assert.Equal(t, []int{50057}, refused.Codes)
	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Users = tenants[0].Users[1:]
		return tenants
	}))
	_, _, refused = post(t, s, "contoso.com", form)
	assert.Equal(t, []int{50034}, refused.Codes)
}

func TestClientCredentials(t *testing.T) {
	s := start(t, nil)
	config := clientcredentials.Config{
		ClientID: entratest.ContosoApp, ClientSecret: entratest.ContosoSecret, TokenURL: s.URL + "/contoso.com/oauth2/v2.0/token",
		Scopes: []string{s.GraphURL + "/.default"},
	}
	a := contoso(t, s)
	token, err := config.Token(a.ctx)
	require.NoError(t, err)
	claims := unverified(t, token.AccessToken)
	assert.Equal(t, "app", claims["idtyp"])
	assert.Equal(t, s.GraphURL, claims["aud"])
	assert.Equal(t, []any{"GroupMember.Read.All", "User.Read.All"}, claims["roles"])
	assert.NotContains(t, claims, "scp")

	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {entratest.MultiTenantApp}, "client_secret": {entratest.MultiTenantSecret},
		"scope": {s.GraphURL + "/.default"},
	}
	for name, test := range map[string]struct {
		authority string
		scope     string
		code      int
	}{
		"at common":        {"common", s.GraphURL + "/.default", 50059},
		"at organizations": {"organizations", s.GraphURL + "/.default", 50059},
		"no scope":         {"contoso.com", "", 900144},
		"a single scope":   {"contoso.com", s.GraphURL + "/User.Read.All", 1002012},
		"another resource": {"contoso.com", "https://vault.example/.default", 500011},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, refused := post(t, s, test.authority, set(form, "scope", test.scope))
			assert.Equal(t, []int{test.code}, refused.Codes)
		})
	}
	status, answer, _ := post(t, s, "contoso.com", set(form, "scope", "https://graph.microsoft.com/.default"))
	assert.Equal(t, http.StatusOK, status, "the public cloud's name is understood")
	assert.NotContains(t, answer, "refresh_token")
	assert.NotContains(t, answer, "id_token")
}

// certificate is a test's own credential, made by nothing of the server's.
func certificate(t *testing.T) (*rsa.PrivateKey, []byte) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	require.NoError(t, err)
	return k, der
}

func TestClientAssertion(t *testing.T) {
	k, der := certificate(t)
	stranger, _ := certificate(t)
	tenants := entratest.Sample()
	tenants[0].Applications[0].Certificates = [][]byte{der}
	s := start(t, &entratest.Options{Tenants: tenants})
	tokenURL := s.URL + "/contoso.com/oauth2/v2.0/token"
	sum, old := sha256.Sum256(der), sha1.Sum(der)
	s256, s1 := base64.RawURLEncoding.EncodeToString(sum[:]), base64.RawURLEncoding.EncodeToString(old[:])

	tests := map[string]struct {
		alg    jose.SignatureAlgorithm
		key    crypto.Signer
		header map[jose.HeaderKey]any
		change func(map[string]any)
		code   int
	}{
		"PS256":           {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, nil, 0},
		"RS256 with x5t":  {jose.RS256, k, map[jose.HeaderKey]any{"x5t": s1}, nil, 0},
		"plain base64":    {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": base64.StdEncoding.EncodeToString(sum[:])}, nil, 0},
		"odd thumbprint":  {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": "not base64!"}, nil, 700027},
		"audience issuer": {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { c["aud"] = s.URL + "/" + entratest.ContosoID + "/v2.0" }, 0},
		"no thumbprint":   {jose.PS256, k, nil, nil, 700027},
		"foreign key":     {jose.PS256, stranger, map[jose.HeaderKey]any{"x5t#S256": s256}, nil, 700027},
		"other algorithm": {jose.RS512, k, map[jose.HeaderKey]any{"x5t#S256": s256}, nil, 700027},
		"other audience":  {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { c["aud"] = "https://evil.example/token" }, 50013},
		"other tenant":    {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { c["aud"] = s.URL + "/fabrikam.com/oauth2/v2.0/token" }, 50013},
		"other subject":   {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { c["sub"] = entratest.MultiTenantApp }, 700023},
		"other issuer":    {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { c["iss"] = "x" }, 700023},
		"no id":           {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { delete(c, "jti") }, 50027},
		"expired":         {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }, 700024},
		"without an end":  {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { delete(c, "exp") }, 700024},
		"not valid yet":   {jose.PS256, k, map[jose.HeaderKey]any{"x5t#S256": s256}, func(c map[string]any) { c["nbf"] = time.Now().Add(time.Hour).Unix() }, 700024},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: test.alg, Key: test.key}, (&jose.SignerOptions{ExtraHeaders: test.header}).WithType("JWT"))
			require.NoError(t, err)
			claims := map[string]any{
				"iss": entratest.ContosoApp, "sub": entratest.ContosoApp, "aud": tokenURL, "jti": "1",
				"nbf": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
			}
			if test.change != nil {
				test.change(claims)
			}
			assertion, err := jwt.Signed(signer).Claims(claims).Serialize()
			require.NoError(t, err)
			status, _, refused := post(t, s, "contoso.com", url.Values{
				"grant_type": {"client_credentials"}, "client_id": {entratest.ContosoApp}, "scope": {s.GraphURL + "/.default"},
				"client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			})
			if test.code == 0 {
				assert.Equal(t, http.StatusOK, status, refused.Description)
				return
			}
			assert.Equal(t, []int{test.code}, refused.Codes)
			assert.NotContains(t, refused.Description, assertion)
		})
	}
	for _, assertion := range []string{"x", "a.b.c", "e30.e30.", "bnVsbA.bnVsbA."} {
		_, _, refused := post(t, s, "contoso.com", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {entratest.ContosoApp}, "scope": {s.GraphURL + "/.default"},
			"client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		})
		assert.Equal(t, "invalid_client", refused.Error, assertion)
	}
	_, _, refused := post(t, s, "contoso.com", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {entratest.ContosoApp}, "client_assertion": {"x"}, "client_assertion_type": {"saml"},
	})
	assert.Equal(t, []int{900144}, refused.Codes)
}

func TestRefreshAtAnotherTenant(t *testing.T) {
	s := start(t, nil)
	_, token := newApp(t, s, "common", s.URL+"/{tenantid}/v2.0", entratest.MultiTenantApp, entratest.MultiTenantSecret).signIn(entratest.Bob)
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "client_id": {entratest.MultiTenantApp}, "client_secret": {entratest.MultiTenantSecret},
	}
	_, _, refused := post(t, s, "contoso.com", form)
	assert.Equal(t, []int{700005}, refused.Codes)
	status, _, _ := post(t, s, "fabrikam.com", form)
	assert.Equal(t, http.StatusOK, status)
}
