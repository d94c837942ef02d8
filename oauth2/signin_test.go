package oauth2_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

func TestSignIn(t *testing.T) {
	f := newFake(t)
	c := f.client(t, func(c *oauth2.Config) {
		c.Scopes, c.ResponseMode = []string{"User.Read", "openid", "offline_access"}, "form_post"
	})
	address, p, err := c.SignIn(t.Context(), oauth2.SignInRequest{
		State:  testState,
		Params: url.Values{"login_hint": {"ann@contoso.test"}, "domain_hint": {"contoso.test"}, "prompt": {"select_account"}},
	})
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, f.URL+"/"+contoso+"/oauth2/v2.0/authorize", strings.TrimSuffix(address, "?"+u.RawQuery))

	digest := sha256.Sum256([]byte(p.Verifier))
	require.Equal(t, url.Values{
		"client_id": {clientID}, "response_type": {"code"}, "response_mode": {"form_post"}, "redirect_uri": {callback},
		"scope": {"openid profile email User.Read offline_access"}, "state": {testState}, "nonce": {p.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(digest[:])}, "code_challenge_method": {"S256"},
		"login_hint": {"ann@contoso.test"}, "domain_hint": {"contoso.test"}, "prompt": {"select_account"},
	}, u.Query())
	nonce, err := base64.RawURLEncoding.DecodeString(p.Nonce)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(nonce), 16)
	require.GreaterOrEqual(t, len(p.Verifier), 43)
	require.Equal(t, testState, p.State)
	require.Equal(t, start, p.Begun)

	plain, other := begin(t, f.client(t), oauth2.SignInRequest{})
	require.Equal(t, "query", plain.Get("response_mode"))
	require.Equal(t, "openid profile email", plain.Get("scope"), "no refresh token unless asked for")
	require.NotEqual(t, p.Nonce, other.Nonce)
	require.NotEqual(t, p.Verifier, other.Verifier)
}

func TestSignInDemands(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	const authTime = `{"id_token":{"auth_time":{"essential":true}}}`

	query, p := begin(t, c, oauth2.SignInRequest{ForceLogin: true, Params: url.Values{"prompt": {"none"}, "Max_Age": {"9999"}}})
	require.Equal(t, []string{"login"}, query["prompt"])
	require.Equal(t, []string{"0"}, query["max_age"])
	require.NotContains(t, query, "Max_Age")
	require.JSONEq(t, authTime, query.Get("claims"))
	require.True(t, p.ForceLogin)

	query, p = begin(t, c, oauth2.SignInRequest{MaxAge: time.Hour})
	require.Equal(t, "3600", query.Get("max_age"))
	require.Empty(t, query.Get("prompt"))
	require.JSONEq(t, authTime, query.Get("claims"))
	require.Equal(t, time.Hour, p.MaxAge)

	const challenge = `{"access_token":{"nbf":{"essential":true, "value":"1604106651"}}}`
	query, p = begin(t, c, oauth2.SignInRequest{Claims: challenge})
	require.JSONEq(t, `{"access_token":{"nbf":{"essential":true, "value":"1604106651"},"xms_cc":{"values":["cp1"]}}}`, query.Get("claims"), "who answers a challenge can handle one")
	require.Equal(t, challenge, p.Claims)

	query, _ = begin(t, c, oauth2.SignInRequest{Claims: `{"access_token":{"nbf":null},"id_token":{"acrs":{"value":"c1"}}}`, MaxAge: time.Second})
	require.JSONEq(t, `{"access_token":{"nbf":null,"xms_cc":{"values":["cp1"]}},"id_token":{"acrs":{"value":"c1"},"auth_time":{"essential":true}}}`, query.Get("claims"))
	query, _ = begin(t, c, oauth2.SignInRequest{Claims: `{"id_token":null}`, MaxAge: time.Second})
	require.JSONEq(t, authTime, query.Get("claims"))
}

// TestSignInRefuses is attack 21, and the rest of what would make a sign-in that could not be checked.
func TestSignInRefuses(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	param := func(name string, values ...string) oauth2.SignInRequest {
		return oauth2.SignInRequest{State: testState, Params: url.Values{name: values}}
	}
	tests := map[string]oauth2.SignInRequest{
		"no state":               {},
		"a short state":          {State: "0123456789"},
		"a state with a line":    {State: testState + "\r\nx"},
		"an endless state":       {State: strings.Repeat("a", 1000)},
		"a negative age":         {State: testState, MaxAge: -time.Second},
		"an age of milliseconds": {State: testState, MaxAge: 1500 * time.Millisecond},
		"an age of centuries":    {State: testState, MaxAge: 200 * 365 * 24 * time.Hour},
		"claims that are text":   {State: testState, Claims: "x"},
		"claims that are a list": {State: testState, Claims: "[]"},
		"claims given twice":     {State: testState, Claims: `{"id_token":{},"id_token":{}}`},
		"claims in another case": {State: testState, Claims: `{"ID_TOKEN":{}}`},
		"claims without end":     {State: testState, Claims: `{"x":"` + strings.Repeat("a", 10_000) + `"}`},
		"id_token not an object": {State: testState, Claims: `{"id_token":1}`, MaxAge: time.Second},
		"an empty name":          param("", "x"),
		"a name with a space":    param("login hint", "x"),
		"a name with a line":     param("x\r\nSet-Cookie", "x"),
		"a name with a letter":   param("ſtate", "x"),
		"a value with CR LF":     param("login_hint", "x\r\nLocation: https://evil.example"),
		"a value with NUL":       param("login_hint", "x\x00"),
		"a value with NEL":       param("login_hint", "x\u0085"),
		"a value not in UTF-8":   param("login_hint", "\xff"),
		"a value without end":    param("login_hint", strings.Repeat("a", 513)),
		"two values":             param("login_hint", "a", "b"),
		"no value":               param("login_hint"),
		"a name in two cases":    {State: testState, Params: url.Values{"login_hint": {"a"}, "LOGIN_HINT": {"b"}}},
	}
	for _, name := range []string{
		"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge",
		"code_challenge_method", "code_verifier", "client_assertion", "client_assertion_type", "grant_type", "resource", "registration",
		"authorization_details", "id_token_hint", "post_logout_redirect_uri", "request", "request_uri", "claims", "wreply", "wreqptr",
	} {
		tests[name] = param(name, "x")
		tests[strings.ToUpper(name)] = param(strings.ToUpper(name), "x")
	}
	for name, q := range tests {
		t.Run(name, func(t *testing.T) {
			address, p, err := c.SignIn(t.Context(), q)
			require.ErrorIs(t, err, oauth2.ErrInvalid)
			require.Empty(t, address)
			require.Nil(t, p)
		})
	}
}

func TestNewRefuses(t *testing.T) {
	f := newFake(t)
	for name, change := range map[string]func(*oauth2.Config){
		"no tenant":                     at(""),
		"a path for a tenant":           at("a/../b"),
		"an escape for a tenant":        at("contoso.test%2f.."),
		"an address for a tenant":       at("https://contoso.test"),
		"a query for a tenant":          at("contoso.test?x"),
		"a dot for a tenant":            at(".."),
		"no allowed tenants":            at("organizations"),
		"no allowed tenants at common":  at("common"),
		"an allowed domain":             at("organizations", "contoso.test"),
		"an allowed nothing":            at("organizations", ""),
		"any tenant at one tenant":      func(c *oauth2.Config) { c.AnyTenant = true },
		"any tenant at consumers":       func(c *oauth2.Config) { c.Tenant, c.AnyTenant = "consumers", true },
		"no client id":                  func(c *oauth2.Config) { c.ClientID = "" },
		"a client id with a space":      func(c *oauth2.Config) { c.ClientID = "a b" },
		"no credential":                 func(c *oauth2.Config) { c.Credential = nil },
		"no redirect URL":               func(c *oauth2.Config) { c.RedirectURL = "" },
		"a redirect URL by http":        func(c *oauth2.Config) { c.RedirectURL = "http://auth.example.com/cb" },
		"a redirect URL with user info": func(c *oauth2.Config) { c.RedirectURL = "https://a@auth.example.com/cb" },
		"a redirect URL with fragment":  func(c *oauth2.Config) { c.RedirectURL = "https://auth.example.com/cb#x" },
		"a relative redirect URL":       func(c *oauth2.Config) { c.RedirectURL = "/cb" },
		"response mode fragment":        func(c *oauth2.Config) { c.ResponseMode = "fragment" },
		"a scope of two":                func(c *oauth2.Config) { c.Scopes = []string{"a b"} },
		"an empty scope":                func(c *oauth2.Config) { c.Scopes = []string{""} },
		"algorithm none":                func(c *oauth2.Config) { c.Algorithms = []string{"RS256", "none"} },
		"algorithm HS256":               func(c *oauth2.Config) { c.Algorithms = []string{"HS256"} },
		"no algorithm":                  func(c *oauth2.Config) { c.Algorithms = []string{} },
		"negative leeway":               func(c *oauth2.Config) { c.Skew = -1 },
		"an hour of leeway":             func(c *oauth2.Config) { c.Skew = time.Hour },
		"no cloud":                      func(c *oauth2.Config) { c.Cloud.Login = "" },
		"a cloud by http":               func(c *oauth2.Config) { c.Cloud.Login = "http://login.example" },
		"a cloud with a query":          func(c *oauth2.Config) { c.Cloud.Login += "?x" },
		"an issuer without a tenant":    func(c *oauth2.Config) { c.Cloud.IssuerV2 = f.URL + "/v2.0" },
	} {
		t.Run(name, func(t *testing.T) {
			c, err := oauth2.New(f.config(change))
			require.ErrorIs(t, err, oauth2.ErrInvalid)
			require.Nil(t, c)
		})
	}
}

// TestNoCloudIsThePublicOne: and one that is only half there is none.
func TestNoCloudIsThePublicOne(t *testing.T) {
	var asked []string
	record := func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.Host)
		return nil, errors.New("no network here")
	}
	f := newFake(t)
	c := f.client(t, func(c *oauth2.Config) {
		c.Cloud, c.HTTPClient = cloud.Cloud{}, &http.Client{Transport: roundTripper(record)}
	})
	_, _, err := c.SignIn(t.Context(), oauth2.SignInRequest{State: testState})
	require.Error(t, err)
	require.Equal(t, []string{"login.microsoftonline.com"}, asked)

	_, err = oauth2.New(f.config(func(c *oauth2.Config) { c.Cloud = cloud.Cloud{Name: "unknown"} }))
	require.ErrorIs(t, err, oauth2.ErrInvalid)
}

func TestSignOut(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	address, err := c.SignOut(t.Context(), oauth2.SignOutRequest{ReturnTo: "https://app.example.com/bye?a=1", LoginHint: "O.CiR&x"})
	require.NoError(t, err)
	require.Equal(t, f.URL+"/"+contoso+"/oauth2/v2.0/logout?logout_hint=O.CiR%26x&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye%3Fa%3D1", address)
	address, err = c.SignOut(t.Context(), oauth2.SignOutRequest{})
	require.NoError(t, err)
	require.Equal(t, f.URL+"/"+contoso+"/oauth2/v2.0/logout", address)

	for _, bad := range []string{"/bye", "http://app.example.com/bye", "javascript:alert(1)", "//evil.example"} {
		_, err = c.SignOut(t.Context(), oauth2.SignOutRequest{ReturnTo: bad})
		require.ErrorIs(t, err, oauth2.ErrInvalid, bad)
	}
	f.discovery["end_session_endpoint"] = nil
	_, err = f.client(t).SignOut(t.Context(), oauth2.SignOutRequest{})
	require.Error(t, err)
	f.intercept = failing(http.StatusServiceUnavailable)
	_, err = f.client(t).SignOut(t.Context(), oauth2.SignOutRequest{})
	require.Error(t, err)
}
