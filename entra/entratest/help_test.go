package entratest_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

const callback = "http://localhost:8080/sso/callback/oauth2"

// noon is when tests with a clock of their own happen.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// suiteKeys are made once: a server that is given keys does not generate them.
var suiteKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 6)
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048) // does not fail since Go 1.24
	}
	return keys
})

func start(t *testing.T, o *entratest.Options) *entratest.Server {
	t.Helper()
	if o == nil {
		o = &entratest.Options{}
	}
	o.Keys = suiteKeys()
	s, err := entratest.Start(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// app is a relying party made of other people's code: go-oidc and golang.org/x/oauth2.
type app struct {
	t        *testing.T
	s        *entratest.Server
	ctx      context.Context // of one test
	config   oauth2.Config
	verifier *oidc.IDTokenVerifier
	provider *oidc.Provider
}

// newApp reads the discovery document of an authority. issuer is what it must say; with a template the tokens' own issuer
// cannot be compared by go-oidc, and a test does that itself.
func newApp(t *testing.T, s *entratest.Server, authority, issuer, clientID, secret string) *app {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), s.Client())
	provider, err := oidc.NewProvider(oidc.InsecureIssuerURLContext(ctx, issuer), s.URL+"/"+authority+"/v2.0")
	require.NoError(t, err)
	return &app{
		t: t, s: s, ctx: ctx, provider: provider,
		config: oauth2.Config{
			ClientID: clientID, ClientSecret: secret, RedirectURL: callback, Endpoint: provider.Endpoint(),
			Scopes: []string{"openid", "profile", "email", "offline_access", "User.Read"},
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: clientID, SkipIssuerCheck: strings.Contains(issuer, "{")}),
	}
}

// contoso is the sample's main application at its own tenant.
func contoso(t *testing.T, s *entratest.Server) *app {
	t.Helper()
	return newApp(t, s, entratest.ContosoID, s.URL+"/"+entratest.ContosoID+"/v2.0", entratest.ContosoApp, entratest.ContosoSecret)
}

func params(pairs ...string) []oauth2.AuthCodeOption {
	var out []oauth2.AuthCodeOption
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, oauth2.SetAuthURLParam(pairs[i], pairs[i+1]))
	}
	return out
}

// code signs in and returns what came back to the redirect URI.
func (a *app) answer(b *entratest.Browser, who string, options ...oauth2.AuthCodeOption) url.Values {
	a.t.Helper()
	if b == nil {
		b = a.s.NewBrowser()
	}
	back, err := b.Authenticate(a.ctx, a.config.AuthCodeURL("the-state", options...), who)
	require.NoError(a.t, err)
	return answerOf(a.t, back)
}

func answerOf(t *testing.T, back *http.Request) url.Values {
	t.Helper()
	if back.Method == http.MethodPost {
		require.NoError(t, back.ParseForm())
		return back.PostForm
	}
	return back.URL.Query()
}

// signIn goes the whole way, and returns the verified claims.
func (a *app) signIn(who string, options ...oauth2.AuthCodeOption) (map[string]any, *oauth2.Token) {
	a.t.Helper()
	return a.signInWith(nil, who, options...)
}

func (a *app) signInWith(b *entratest.Browser, who string, options ...oauth2.AuthCodeOption) (map[string]any, *oauth2.Token) {
	a.t.Helper()
	verifier := oauth2.GenerateVerifier()
	got := a.answer(b, who, append(options, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", "the-nonce"))...)
	require.Equal(a.t, "the-state", got.Get("state"), got.Get("error_description"))
	require.NotEmpty(a.t, got.Get("code"))
	token, err := a.config.Exchange(a.ctx, got.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(a.t, err)
	return a.verified(token), token
}

// verified checks a token's ID token by go-oidc and returns its claims.
func (a *app) verified(token *oauth2.Token) map[string]any {
	a.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	require.NotEmpty(a.t, raw)
	idToken, err := a.verifier.Verify(a.ctx, raw)
	require.NoError(a.t, err)
	var claims map[string]any
	require.NoError(a.t, idToken.Claims(&claims))
	return claims
}

// unverified reads a token's payload.
func unverified(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(data, &claims))
	return claims
}

// refusal is Entra's error answer.
type refusal struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
	SubError      string `json:"suberror"`
	Claims        string `json:"claims"`
}

// post posts a form to the token endpoint of an authority, and reads an answer of either kind.
func post(t *testing.T, s *entratest.Server, authority string, form url.Values) (int, map[string]any, refusal) {
	t.Helper()
	return send(t, s, authority, form, nil)
}

func send(t *testing.T, s *entratest.Server, authority string, form url.Values, edit func(*http.Request)) (int, map[string]any, refusal) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/"+authority+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if edit != nil {
		edit(q)
	}
	status, body := do(t, s, q)
	var answer map[string]any
	var refused refusal
	require.NoError(t, json.Unmarshal(body, &answer), string(body))
	require.NoError(t, json.Unmarshal(body, &refused))
	return status, answer, refused
}

func do(t *testing.T, s *entratest.Server, q *http.Request) (int, []byte) {
	t.Helper()
	response, err := s.Client().Do(q)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, body
}

func get(t *testing.T, s *entratest.Server, address string) (int, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	return do(t, s, q)
}

func getJSON(t *testing.T, s *entratest.Server, address string) map[string]any {
	t.Helper()
	status, body := get(t, s, address)
	require.Equal(t, http.StatusOK, status, string(body))
	var out map[string]any
	require.NoError(t, json.Unmarshal(body, &out))
	return out
}

func oidcConfig(clientID string, at time.Time) *oidc.Config {
	return &oidc.Config{ClientID: clientID, Now: func() time.Time { return at }}
}

// codeForm is a complete redemption of a code.
func codeForm(a *app, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.config.RedirectURL},
		"client_id": {a.config.ClientID}, "client_secret": {a.config.ClientSecret},
	}
}
