package oauth2_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

const testCode = "code-of-this-sign-in"

// answers lets the token endpoint answer with an ID token for the pending sign-in, with claims put over the right ones.
func (f *fake) answers(p *oauth2.Pending, with map[string]any) {
	claims := override(map[string]any{"nonce": p.Nonce}, with)
	f.token = map[string]any{"token_type": "Bearer", "access_token": "test-access-token", "expires_in": 3600, "scope": "openid", "id_token": f.sign(claims)}
}

func leftHalf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestRedeem(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	_, p := begin(t, c, oauth2.SignInRequest{})
	f.answers(p, map[string]any{"at_hash": leftHalf("test-access-token"), "c_hash": leftHalf(testCode)})
	id, token, err := c.Redeem(t.Context(), p, url.Values{
		"code": {testCode}, "state": {testState}, "session_state": {"x"}, "iss": {f.URL + "/" + contoso + "/v2.0"},
	})
	require.NoError(t, err)
	require.Equal(t, objectID, id.ObjectID)
	require.Equal(t, "test-access-token", token.Access.Reveal())
	require.Equal(t, []url.Values{{
		"grant_type": {"authorization_code"}, "code": {testCode}, "redirect_uri": {callback}, "code_verifier": {p.Verifier},
		"scope": {"openid profile email"}, "client_id": {clientID}, "client_secret": {"test-secret"},
	}}, f.forms)
	require.Equal(t, 1, f.count(contoso+"/oauth2/v2.0/token"))
	require.Empty(t, f.elsewhere())
}

// TestRedeemRefusesBeforeTheCodeIsSent is attacks 19 and 20, as far as they concern the answer itself.
func TestRedeemRefusesBeforeTheCodeIsSent(t *testing.T) {
	f := newFake(t)
	good := func(with url.Values) url.Values {
		v := url.Values{"code": {testCode}, "state": {testState}}
		for name, values := range with {
			if v[name] = values; values == nil {
				delete(v, name)
			}
		}
		return v
	}
	tests := map[string]struct {
		client func(*oauth2.Config)
		answer url.Values
		check  oauth2.Check
	}{
		"no state":                            {at(contoso), good(url.Values{"state": nil}), oauth2.CheckState},
		"empty state":                         {at(contoso), good(url.Values{"state": {""}}), oauth2.CheckState},
		"another state":                       {at(contoso), good(url.Values{"state": {testState + "x"}}), oauth2.CheckState},
		"another state, an error":             {at(contoso), good(url.Values{"state": {"x"}, "error": {"access_denied"}}), oauth2.CheckState},
		"state in another case":               {at(contoso), good(url.Values{"state": {"STATE-of-this-sign-in-0123456789abcdef"}}), oauth2.CheckState},
		"two states":                          {at(contoso), good(url.Values{"state": {testState, testState}}), oauth2.CheckResponse},
		"two codes":                           {at(contoso), good(url.Values{"code": {testCode, "other"}}), oauth2.CheckResponse},
		"two of what nobody asks":             {at(contoso), good(url.Values{"x": {"1", "2"}}), oauth2.CheckResponse},
		"code and Code":                       {at(contoso), good(url.Values{"Code": {"other"}}), oauth2.CheckResponse},
		"no code":                             {at(contoso), good(url.Values{"code": nil}), oauth2.CheckResponse},
		"empty code":                          {at(contoso), good(url.Values{"code": {""}}), oauth2.CheckResponse},
		"a code with a line":                  {at(contoso), good(url.Values{"code": {"a\r\nb"}}), oauth2.CheckResponse},
		"an ID token in the URL":              {at(contoso), good(url.Values{"code": nil, "id_token": {"x"}}), oauth2.CheckResponse},
		"iss of another server":               {at(contoso), good(url.Values{"iss": {"https://evil.example/" + contoso + "/v2.0"}}), oauth2.CheckResponseIssuer},
		"iss of another tenant":               {at(contoso), good(url.Values{"iss": {f.URL + "/" + fabrikam + "/v2.0"}}), oauth2.CheckResponseIssuer},
		"iss empty":                           {at(contoso), good(url.Values{"iss": {""}}), oauth2.CheckResponseIssuer},
		"iss of another server, many tenants": {anyTenant, good(url.Values{"iss": {"https://evil.example/" + contoso + "/v2.0"}}), oauth2.CheckResponseIssuer},
		"iss of no tenant, many tenants":      {anyTenant, good(url.Values{"iss": {f.URL + "/contoso.test/v2.0"}}), oauth2.CheckResponseIssuer},
		"iss with a suffix, many tenants":     {anyTenant, good(url.Values{"iss": {f.URL + "/" + contoso + "/v2.0/x"}}), oauth2.CheckResponseIssuer},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := f.client(t, tt.client)
			_, p := begin(t, c, oauth2.SignInRequest{})
			f.answers(p, nil)
			id, token, err := c.Redeem(t.Context(), p, tt.answer)
			requireRefused(t, err, tt.check, "")
			require.Nil(t, id)
			require.Nil(t, token)
			require.NotContains(t, err.Error(), testCode)
			require.Zero(t, f.count("/token"))
			require.Empty(t, f.elsewhere())
		})
	}
	many := url.Values{}
	for i := range 100 {
		many.Set("x"+string(rune('a'+i%26))+string(rune('a'+i/26)), "1")
	}
	c := f.client(t)
	_, p := begin(t, c, oauth2.SignInRequest{})
	_, _, err := c.Redeem(t.Context(), p, many)
	requireRefused(t, err, oauth2.CheckResponse, "")
}

func TestRedeemRefusesTheToken(t *testing.T) {
	for name, tt := range map[string]struct {
		with  map[string]any
		check oauth2.Check
	}{
		"another sign-in's nonce": {map[string]any{"nonce": testNonce}, oauth2.CheckNonce},
		"no nonce":                {map[string]any{"nonce": nil}, oauth2.CheckNonce},
		"another access token":    {map[string]any{"at_hash": leftHalf("other")}, oauth2.CheckAccessHash},
		"a whole hash":            {map[string]any{"at_hash": leftHalf("test-access-token") + "AA"}, oauth2.CheckAccessHash},
		"an empty hash":           {map[string]any{"at_hash": ""}, oauth2.CheckAccessHash},
		"another code":            {map[string]any{"c_hash": leftHalf("other")}, oauth2.CheckCodeHash},
		"another application":     {map[string]any{"aud": "other"}, oauth2.CheckAudience},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c := f.client(t)
			_, p := begin(t, c, oauth2.SignInRequest{})
			f.answers(p, tt.with)
			id, token, err := c.Redeem(t.Context(), p, url.Values{"code": {testCode}, "state": {testState}})
			requireRefused(t, err, tt.check, "")
			require.Nil(t, id)
			require.Nil(t, token, "no access token for a sign-in that was refused")
		})
	}
}

func TestRedeemWithoutIDToken(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	_, p := begin(t, c, oauth2.SignInRequest{})
	f.token = map[string]any{"token_type": "Bearer", "access_token": "test-access-token", "expires_in": 3600}
	_, _, err := c.Redeem(t.Context(), p, url.Values{"code": {testCode}, "state": {testState}})
	requireRefused(t, err, oauth2.CheckForm, "")
}

// TestRedeemNeedsWhatSignInMade: a check that lacks its input fails; two empty states are not equal.
func TestRedeemNeedsWhatSignInMade(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	_, whole := begin(t, c, oauth2.SignInRequest{})
	for name, change := range map[string]func(*oauth2.Pending){
		"no state": func(p *oauth2.Pending) { p.State = "" }, "no nonce": func(p *oauth2.Pending) { p.Nonce = "" },
		"no verifier": func(p *oauth2.Pending) { p.Verifier = "" }, "no beginning": func(p *oauth2.Pending) { p.Begun = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			p := *whole
			change(&p)
			f.answers(&p, nil)
			_, _, err := c.Redeem(t.Context(), &p, url.Values{"code": {testCode}, "state": {p.State}})
			require.ErrorIs(t, err, oauth2.ErrInvalid)
		})
	}
	_, _, err := c.Redeem(t.Context(), nil, url.Values{"code": {testCode}})
	require.ErrorIs(t, err, oauth2.ErrInvalid)
	require.Zero(t, f.count("/token"))
}

func TestErrorsOfEntra(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	_, p := begin(t, c, oauth2.SignInRequest{})
	var e *aadsts.Error

	// An error comes before the code: an answer with both is an error.
	_, _, err := c.Redeem(t.Context(), p, url.Values{
		"state": {testState}, "code": {testCode}, "error": {"access_denied"}, "error_description": {"AADSTS65004: User declined. <b>call 555</b>"},
	})
	require.ErrorAs(t, err, &e)
	require.Equal(t, 65004, e.Code)
	require.NotContains(t, err.Error(), "555")
	require.Zero(t, f.count("/token"))

	f.token = map[string]any{"error": "invalid_grant", "error_description": "AADSTS54005: redeemed already", "error_codes": []int{54005}}
	_, _, err = c.Redeem(t.Context(), p, url.Values{"state": {testState}, "code": {testCode}})
	require.ErrorAs(t, err, &e)
	require.Equal(t, 54005, e.Code)
	require.Equal(t, 1, f.count("/token"), "a code is redeemed once, whatever comes back")
}

// TestResponseIssuer is RFC 9207, for one tenant and for many.
func TestResponseIssuer(t *testing.T) {
	f := newFake(t)
	own := f.URL + "/" + contoso + "/v2.0"
	redeem := func(client func(*oauth2.Config), with map[string]any, iss ...string) error {
		c := f.client(t, client)
		_, p := begin(t, c, oauth2.SignInRequest{})
		f.answers(p, with)
		v := url.Values{"code": {testCode}, "state": {testState}}
		if iss != nil {
			v["iss"] = iss
		}
		_, _, err := c.Redeem(t.Context(), p, v)
		return err
	}
	require.NoError(t, redeem(at(contoso), nil, own))
	require.NoError(t, redeem(anyTenant, nil, own))
	require.NoError(t, redeem(anyTenant, nil, f.URL+"/{tenantid}/v2.0"))
	// The answer names one tenant, the token another.
	foreign := map[string]any{"tid": fabrikam, "iss": f.URL + "/" + fabrikam + "/v2.0"}
	requireRefused(t, redeem(anyTenant, foreign, own), oauth2.CheckResponseIssuer, "")

	f.discovery["authorization_response_iss_parameter_supported"] = true
	require.NoError(t, redeem(at(contoso), nil, own))
	requireRefused(t, redeem(at(contoso), nil), oauth2.CheckResponseIssuer, "")
}

// TestFreshSignIn is attack 56: asked for a fresh sign-in, a token that does not say that it was one is refused.
func TestFreshSignIn(t *testing.T) {
	force := oauth2.SignInRequest{ForceLogin: true}
	hour := oauth2.SignInRequest{MaxAge: time.Hour}
	for name, tt := range map[string]struct {
		q    oauth2.SignInRequest
		at   any // auth_time, or a duration from the beginning
		good bool
	}{
		"no demand, nothing said":    {oauth2.SignInRequest{}, nil, true},
		"no demand, long ago":        {oauth2.SignInRequest{}, -100 * time.Hour, true},
		"forced, nothing said":       {force, nil, false},
		"forced, afterwards":         {force, time.Minute, true},
		"forced, clocks differ":      {force, -time.Minute, true},
		"forced, before":             {force, -time.Minute - time.Second, false},
		"forced, in the future":      {force, 20 * time.Minute, false},
		"an hour, nothing said":      {hour, nil, false},
		"an hour, fifty minutes ago": {hour, -50 * time.Minute, true},
		"an hour, clocks differ":     {hour, -61 * time.Minute, true},
		"an hour, longer ago":        {hour, -61*time.Minute - time.Second, false},
		"forced wins over an hour":   {oauth2.SignInRequest{ForceLogin: true, MaxAge: time.Hour}, -30 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c := f.client(t)
			_, p := begin(t, c, tt.q)
			with := map[string]any{}
			if d, ok := tt.at.(time.Duration); ok {
				with["auth_time"] = start.Add(d).Unix()
			}
			f.advance(10 * time.Minute) // the person takes their time, which does not count against them
			f.answers(p, with)
			_, _, err := c.Redeem(t.Context(), p, url.Values{"code": {testCode}, "state": {testState}})
			if tt.good {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, oauth2.CheckFreshness, "")
		})
	}
}

// TestTokenEndpointOfTheAuthority: a code is redeemed at the address that it was asked for at.
func TestTokenEndpointOfTheAuthority(t *testing.T) {
	for tenant, with := range map[string]map[string]any{"contoso.test": nil, "organizations": nil, "common": {"tid": cloud.Consumers}} {
		t.Run(tenant, func(t *testing.T) {
			f := newFake(t)
			c := f.client(t, func(c *oauth2.Config) {
				if c.Tenant = tenant; tenant != "contoso.test" {
					c.AllowedTenants = []string{contoso, cloud.Consumers}
				}
			})
			_, p := begin(t, c, oauth2.SignInRequest{})
			if with != nil {
				with["iss"] = f.URL + "/" + cloud.Consumers + "/v2.0"
			}
			f.answers(p, with)
			_, _, err := c.Redeem(t.Context(), p, url.Values{"code": {testCode}, "state": {testState}})
			require.NoError(t, err)
			require.Equal(t, 1, f.count("/"+tenant+"/oauth2/v2.0/token"))
		})
	}
}

// FuzzAnswer: whatever a callback holds, nobody gets in without this sign-in's state, and only one code is ever sent.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"code=a&state=" + testState, "code=a&code=b&state=" + testState, "state=&code=", "error=x&state=" + testState, "iss=x&code=a&state=" + testState, "%00=%ff", "",
	} {
		f.Add(seed)
	}
	var fake *testFuzz
	f.Fuzz(func(t *testing.T, query string) {
		if fake == nil {
			fake = newTestFuzz(t)
		}
		answer, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		id, token, err := fake.client.Redeem(t.Context(), fake.pending, answer)
		if err != nil {
			require.Nil(t, id)
			require.Nil(t, token)
			return
		}
		require.Equal(t, []string{testState}, answer["state"])
		require.Len(t, answer["code"], 1)
		require.Empty(t, answer.Get("error"))
	})
}

// FuzzVerify: claims under a good signature, whatever they are, say who it is only when they are right.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"tid":"` + contoso + `"}`, `{"aud":["a"],"azp":1}`, `{"exp":1e99}`, `{"iss":null}`, `{"ſub":1}`, `{"_claim_names":{"groups":"src1"}}`,
	} {
		f.Add(seed)
	}
	var fake *testFuzz
	f.Fuzz(func(t *testing.T, claims string) {
		if fake == nil {
			fake = newTestFuzz(t)
		}
		id, err := fake.client.Verify(t.Context(), signedText(`{"alg":"RS256","kid":"one"}`, claims, 0), testNonce)
		if err != nil {
			require.True(t, isRefused(err, ""), "%v", err)
			require.Nil(t, id)
			return
		}
		require.Equal(t, contoso, id.TenantID)
		require.Equal(t, fake.URL+"/"+contoso+"/v2.0", id.Issuer)
		require.Equal(t, testNonce, id.Raw["nonce"])
	})
}

// testFuzz is a fake that answers in memory: a fuzz target has no time for a network.
type testFuzz struct {
	*fake
	client  *oauth2.Client
	pending *oauth2.Pending
}
