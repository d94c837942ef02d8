package entratest_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// Each way of breaking a token is noticed by a verifier that is not ours, or is plain to see.
func TestTokenFaults(t *testing.T) {
	s := start(t, nil)
	tests := map[string]struct {
		faults entratest.Faults
		err    string // of go-oidc; "": it does not look there
		check  func(t *testing.T, claims map[string]any)
	}{
		"wrong issuer":   {entratest.Faults{WrongIssuer: "https://evil.example"}, "issued by a different provider", nil},
		"wrong audience": {entratest.Faults{WrongAudience: "other"}, "expected audience", nil},
		"bad signature":  {entratest.Faults{BadSignature: true}, "failed to verify signature", nil},
		"unknown key":    {entratest.Faults{UnknownKey: true}, "failed to verify signature", nil},
		"unsigned":       {entratest.Faults{Unsigned: true}, "malformed jwt", nil},
		"expired":        {entratest.Faults{TokenLifetime: -time.Hour}, "token is expired", nil},
		"clock ahead":    {entratest.Faults{ClockSkew: time.Hour}, "before the nbf", nil},
		"clock behind":   {entratest.Faults{ClockSkew: -2 * time.Hour}, "token is expired", nil},
		"wrong tenant":   {entratest.Faults{WrongTenant: "x"}, "", func(t *testing.T, claims map[string]any) { assert.Equal(t, "x", claims["tid"]) }},
		"wrong version":  {entratest.Faults{WrongVersion: "1.0"}, "", func(t *testing.T, claims map[string]any) { assert.Equal(t, "1.0", claims["ver"]) }},
		"no nonce":       {entratest.Faults{NoNonce: true}, "", func(t *testing.T, claims map[string]any) { assert.NotContains(t, claims, "nonce") }},
		"wrong nonce":    {entratest.Faults{WrongNonce: "x"}, "", func(t *testing.T, claims map[string]any) { assert.Equal(t, "x", claims["nonce"]) }},
		"no object id":   {entratest.Faults{NoObjectID: true}, "", func(t *testing.T, claims map[string]any) { assert.NotContains(t, claims, "oid") }},
		"no groups":      {entratest.Faults{NoGroups: true}, "", func(t *testing.T, claims map[string]any) { assert.NotContains(t, claims, "groups") }},
		"old sign-in": {entratest.Faults{OldSignIn: 24 * time.Hour}, "", func(t *testing.T, claims map[string]any) {
			assert.InDelta(t, time.Now().Add(-24*time.Hour).Unix(), claims["auth_time"], 60)
		}},
		"short life": {entratest.Faults{TokenLifetime: time.Minute}, "", func(t *testing.T, claims map[string]any) {
			assert.InDelta(t, time.Now().Add(time.Minute).Unix(), claims["exp"], 30)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s.SetFaults(test.faults)
			defer s.SetFaults(entratest.Faults{})
			a := contoso(t, s)
			token, err := a.config.Exchange(a.ctx, a.answer(nil, entratest.Ann, params("nonce", "the-nonce")...).Get("code"))
			require.NoError(t, err)
			raw, _ := token.Extra("id_token").(string)
			_, err = a.verifier.Verify(a.ctx, raw)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			test.check(t, unverified(t, raw))
		})
	}
}

func TestOverageFault(t *testing.T) {
	s := start(t, nil)
	s.SetFaults(entratest.Faults{Overage: true, ForeignSource: "https://evil.example/groups"})
	a := contoso(t, s)
	token, err := a.config.Exchange(a.ctx, a.answer(nil, entratest.Ben).Get("code"))
	require.NoError(t, err)
	raw, _ := token.Extra("id_token").(string)
	claims := unverified(t, raw)
	assert.Equal(t, map[string]any{"groups": "src1"}, claims["_claim_names"])
	assert.Equal(t, map[string]any{"src1": map[string]any{"endpoint": "https://evil.example/groups"}}, claims["_claim_sources"])
}

func TestAnswerFaults(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	s.SetFaults(entratest.Faults{WrongState: "other", AnswerIssuer: "https://evil.example", NoIDToken: true})
	got := a.answer(nil, entratest.Ann)
	assert.Equal(t, "other", got.Get("state"))
	assert.Equal(t, "https://evil.example", got.Get("iss"))
	token, err := a.config.Exchange(a.ctx, got.Get("code"))
	require.NoError(t, err)
	assert.Nil(t, token.Extra("id_token"))
}

// A claims challenge goes away when the next sign-in asks for it.
func TestChallenges(t *testing.T) {
	s := start(t, nil)
	const wanted = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	a := contoso(t, s)
	s.SetFaults(entratest.Faults{ClaimsChallenge: wanted})
	_, _, refused := post(t, s, "contoso.com", codeForm(a, a.answer(nil, entratest.Ann).Get("code")))
	assert.Equal(t, "interaction_required", refused.Error)
	assert.Equal(t, []int{50076}, refused.Codes)
	assert.Equal(t, "basic_action", refused.SubError)
	assert.Equal(t, wanted, refused.Claims)
	a.signIn(entratest.Ann, params("claims", wanted)...)

	s.SetFaults(entratest.Faults{GraphChallenge: wanted})
	_, token := a.signIn(entratest.Ann)
	response, err := s.Client().Do(graphCaller{t, s, token.AccessToken}.request("GET", "/v1.0/me", nil))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.Contains(t, response.Header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString([]byte(wanted))+`"`)
	_, token = a.signIn(entratest.Ann, params("claims", wanted)...)
	graphCaller{t, s, token.AccessToken}.ok("GET", "/v1.0/me", nil)
}

func TestEndpointFaults(t *testing.T) {
	s := start(t, nil)
	discovery := s.URL + "/contoso.com/v2.0/.well-known/openid-configuration"
	keys := s.URL + "/contoso.com/discovery/v2.0/keys"
	status := func(address string) int { code, _ := get(t, s, address); return code }

	s.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointDiscovery: 2, entratest.EndpointKeys: -1}})
	assert.Equal(t, []int{503, 503, 200}, []int{status(discovery), status(discovery), status(discovery)})
	assert.Equal(t, []int{503, 503}, []int{status(keys), status(keys)})

	s.SetFaults(entratest.Faults{Redirect: map[string]string{entratest.EndpointKeys: "https://evil.example/keys"}})
	assert.Equal(t, http.StatusFound, status(keys))
	s.SetFaults(entratest.Faults{})
	assert.Equal(t, 200, status(keys))

	s.SetFaults(entratest.Faults{Throttle: 1, RetryAfter: 7 * time.Second})
	ann := delegated(t, s, entratest.Ann, "User.Read")
	response, err := s.Client().Do(ann.request("GET", "/v1.0/me", nil))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	assert.Equal(t, "7", response.Header.Get("Retry-After"))
	ann.ok("GET", "/v1.0/me", nil)

	// Whoever gives up does not wait, and neither does the server when it is closed.
	s.SetFaults(entratest.Faults{Delay: map[string]time.Duration{entratest.EndpointKeys: time.Hour}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, keys, nil)
	require.NoError(t, err)
	_, err = s.Client().Do(q)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s.SetFaults(entratest.Faults{Delay: map[string]time.Duration{entratest.EndpointKeys: time.Millisecond}})
	assert.Equal(t, 200, status(keys))
}

// The caller's maps are not the server's.
func TestFaultsAreCopied(t *testing.T) {
	s := start(t, nil)
	fail := map[string]int{entratest.EndpointKeys: 1}
	s.SetFaults(entratest.Faults{Fail: fail})
	code, _ := get(t, s, s.URL+"/contoso.com/discovery/v2.0/keys")
	assert.Equal(t, 503, code)
	assert.Equal(t, 1, fail[entratest.EndpointKeys])
}

// After a rotation new tokens need new keys; old tokens stay good unless the old keys were dropped.
func TestRotateKeys(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	issue := func() string {
		token, err := a.config.Exchange(a.ctx, a.answer(nil, entratest.Ann).Get("code"))
		require.NoError(t, err)
		raw, _ := token.Extra("id_token").(string)
		return raw
	}
	published := func(token string) bool {
		kid, _ := headerOf(t, token)["kid"].(string)
		return keysAt(t, s, "/contoso.com/discovery/v2.0/keys").issuers()[kid] != ""
	}
	before := keysAt(t, s, "/contoso.com/discovery/v2.0/keys").issuers()
	first := issue()
	s.RotateKeys(false)
	second := issue()
	assert.NotContains(t, before, headerOf(t, second)["kid"], "nobody has seen it before")
	assert.True(t, published(first))
	assert.True(t, published(second))
	_, err := a.verifier.Verify(a.ctx, second)
	require.NoError(t, err, "go-oidc fetches again")

	s.RotateKeys(true)
	third := issue()
	assert.False(t, published(first))
	assert.False(t, published(second))
	assert.True(t, published(third))
}

func TestRequests(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	_, token := a.signIn(entratest.Ann)
	graphCaller{t, s, token.AccessToken}.ok("GET", "/v1.0/me", nil)
	var seen []string
	for _, r := range s.Requests() {
		seen = append(seen, r.Endpoint)
		withHeader := r.Endpoint == entratest.EndpointGraph || r.Endpoint == entratest.EndpointToken // x/oauth2 tries Basic first
		assert.Equal(t, withHeader, r.Authorized)
		assert.Contains(t, s.URL+s.GraphURL, r.Host)
		assert.NotContains(t, r.Path, "?")
	}
	assert.Equal(t, []string{"discovery", "authorize", "authorize", "token", "keys", "graph"}, seen)
	assert.Equal(t, 2, s.CountRequests(entratest.EndpointAuthorize))
	code, _ := get(t, s, s.URL+"/nothing?x="+url.QueryEscape("secret"))
	assert.Equal(t, http.StatusNotFound, code)
	last := s.Requests()[len(s.Requests())-1]
	assert.Equal(t, "/nothing", last.Path)
	assert.Empty(t, last.Endpoint)
}
