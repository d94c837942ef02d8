package oidc_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
)

// What oidc-provider knows.
const (
	tenant       = "0a1b2c3d-0000-4000-8000-000000000001"
	ada          = "0a1b2c3d-0000-4000-8000-000000000101"
	first        = "0a1b2c3d-0000-4000-8000-0000000000a1" // two applications
	firstSecret  = "test-secret-of-the-first-application"
	second       = "0a1b2c3d-0000-4000-8000-0000000000a2"
	secondSecret = "test-secret-of-the-second-application"
)

// provider is oidc-provider with the addresses of one tenant, as Entra has them.
type provider struct{ origin string }

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := new(provider)
	newPeer(t, "provider.js").must(t, "start", args{
		"tenant": tenant, "redirectUri": callback,
		"clients": []args{{"id": first, "secret": firstSecret}, {"id": second, "secret": secondSecret}},
		"people":  args{"ada": args{"oid": ada, "name": "Ada Admin", "preferred_username": "ada@contoso.example", "email": "ada@contoso.example"}},
	}, &p.origin)
	return p
}

// client is ours. Its cloud says nothing of the issuer, as with External ID, unless it is changed.
func (p *provider) client(t *testing.T, change ...func(*entraoauth2.Config)) *entraoauth2.Client {
	t.Helper()
	c := entraoauth2.Config{
		Cloud: cloud.Cloud{Name: "oidc-provider", Login: p.origin}, Tenant: tenant, ClientID: first, RedirectURL: callback,
		Credential: credential.FromSecret(credential.NewSecret(firstSecret)), HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	for _, by := range change {
		by(&c)
	}
	client, err := entraoauth2.New(c)
	require.NoError(t, err)
	return client
}

func as(clientID, secret string) func(*entraoauth2.Config) {
	return func(c *entraoauth2.Config) {
		c.ClientID, c.Credential = clientID, credential.FromSecret(credential.NewSecret(secret))
	}
}

var (
	actionPattern = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	promptPattern = regexp.MustCompile(`name="prompt" value="([^"]+)"`)
)

// answer goes through oidc-provider's own pages, which ask who is there and what the application may know.
func (p *provider) answer(t *testing.T, address string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{
		Jar: jar, Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	for range 10 {
		response, err := browser.Do(request)
		require.NoError(t, err)
		page, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if location := response.Header.Get("Location"); location != "" {
			next, err := request.URL.Parse(location)
			require.NoError(t, err)
			if strings.HasPrefix(next.String(), callback+"?") {
				return next.Query()
			}
			request, err = http.NewRequestWithContext(t.Context(), http.MethodGet, next.String(), nil)
			require.NoError(t, err)
			continue
		}
		action, prompt := actionPattern.FindSubmatch(page), promptPattern.FindSubmatch(page)
		require.NotNil(t, action, "%d: %s", response.StatusCode, page)
		require.NotNil(t, prompt, "%s", page)
		form := url.Values{"prompt": {string(prompt[1])}, "login": {"ada"}, "password": {"any"}}
		next, err := request.URL.Parse(string(action[1]))
		require.NoError(t, err)
		request, err = http.NewRequestWithContext(t.Context(), http.MethodPost, next.String(), strings.NewReader(form.Encode()))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	require.FailNow(t, "the sign-in does not end")
	return nil
}

// begin begins a sign-in with our client and goes through it.
func (p *provider) begin(t *testing.T, c *entraoauth2.Client) (*entraoauth2.Pending, url.Values) {
	t.Helper()
	address, pending, err := c.SignIn(t.Context(), entraoauth2.SignInRequest{State: testState})
	require.NoError(t, err)
	return pending, p.answer(t, address)
}

// TestSignInAtOIDCProvider: our client at a provider that follows the specifications to the letter and is not Entra.
func TestSignInAtOIDCProvider(t *testing.T) {
	p := newProvider(t)
	for name, issuer := range map[string]string{"the document says the issuer": "", "the cloud says it": p.origin + "/{tenantid}/v2.0"} {
		t.Run(name, func(t *testing.T) {
			c := p.client(t, func(c *entraoauth2.Config) { c.Cloud.IssuerV2 = issuer })
			pending, answer := p.begin(t, c)
			assert.Equal(t, p.origin+"/"+tenant+"/v2.0", answer.Get("iss"), "RFC 9207 is at work")
			id, token, err := c.Redeem(t.Context(), pending, answer)
			require.NoError(t, err)
			assert.Equal(t, p.origin+"/"+tenant+"/v2.0", id.Issuer)
			assert.Equal(t, []string{tenant, ada, "ada"}, []string{id.TenantID, id.ObjectID, id.Subject})
			assert.Equal(t, []string{"Ada Admin", "ada@contoso.example"}, []string{id.Name, id.Username})
			assert.Equal(t, claims.Email{Address: "ada@contoso.example"}, id.Email, "no evidence")
			assert.Equal(t, claims.KindUnknown, id.Kind)
			assert.False(t, token.Access.IsZero())
		})
	}
}

// TestRefusedAtOIDCProvider: what the provider would let pass, or what it refuses itself.
func TestRefusedAtOIDCProvider(t *testing.T) {
	p := newProvider(t)
	c, other := p.client(t), p.client(t, as(second, secondSecret))
	pending, answer := p.begin(t, c)
	_, token, err := c.Redeem(t.Context(), pending, answer)
	require.NoError(t, err)
	raw := token.ID.Reveal()
	_, err = c.Verify(t.Context(), raw, pending.Nonce)
	require.NoError(t, err)

	_, err = c.Verify(t.Context(), raw, "the-nonce-of-another-sign-in-0123456789")
	requireRefused(t, err, entraoauth2.CheckNonce)
	_, err = other.Verify(t.Context(), raw, pending.Nonce)
	requireRefused(t, err, entraoauth2.CheckAudience)
	_, err = newProvider(t).client(t).Verify(t.Context(), raw, pending.Nonce) // another server with the same tenant and applications
	requireRefused(t, err, entraoauth2.CheckIssuer)

	_, _, err = c.Redeem(t.Context(), pending, answer)
	requireProvider(t, err, "invalid_grant") // redeemed already

	for name, test := range map[string]struct {
		client *entraoauth2.Client
		change func(*entraoauth2.Pending, url.Values)
		oauth  string            // what the provider says
		check  entraoauth2.Check // or our own check
	}{
		"the code of another application": {client: other, oauth: "invalid_grant"},
		"an unknown application":          {client: p.client(t, as("0a1b2c3d-0000-4000-8000-0000000000ff", firstSecret)), oauth: "invalid_client"},
		"a wrong secret":                  {client: p.client(t, as(first, secondSecret)), oauth: "invalid_client"},
		"another verifier": {client: c, oauth: "invalid_grant", change: func(p *entraoauth2.Pending, _ url.Values) {
			p.Verifier = strings.Repeat("v", 43)
		}},
		"another nonce": {client: c, check: entraoauth2.CheckNonce, change: func(p *entraoauth2.Pending, _ url.Values) {
			p.Nonce = strings.Repeat("n", 43)
		}},
		"another state": {client: c, check: entraoauth2.CheckState, change: func(_ *entraoauth2.Pending, a url.Values) { a.Set("state", strings.Repeat("s", 43)) }},
		"another issuer's answer": {client: c, check: entraoauth2.CheckResponseIssuer, change: func(_ *entraoauth2.Pending, a url.Values) {
			a.Set("iss", "https://evil.example/"+tenant+"/v2.0")
		}},
		"an answer without issuer": {client: c, check: entraoauth2.CheckResponseIssuer, change: func(_ *entraoauth2.Pending, a url.Values) { a.Del("iss") }},
	} {
		t.Run(name, func(t *testing.T) {
			pending, answer := p.begin(t, c)
			if test.change != nil {
				test.change(pending, answer)
			}
			_, _, err := test.client.Redeem(t.Context(), pending, answer)
			if test.check != "" {
				requireRefused(t, err, test.check)
				return
			}
			requireProvider(t, err, test.oauth)
		})
	}
}

// TestPKCEAtOIDCProvider: the provider takes no request without a challenge, so that the flows above prove that ours has one.
func TestPKCEAtOIDCProvider(t *testing.T) {
	p := newProvider(t)
	address, _, err := p.client(t).SignIn(t.Context(), entraoauth2.SignInRequest{State: testState})
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	query := u.Query()
	query.Del("code_challenge")
	query.Del("code_challenge_method")
	u.RawQuery = query.Encode()
	assert.Equal(t, "invalid_request", p.answer(t, u.String()).Get("error"))
}

// TestOtherIssuerAtOIDCProvider: a cloud that says another issuer than the document refuses the document, before anybody is sent anywhere.
func TestOtherIssuerAtOIDCProvider(t *testing.T) {
	p := newProvider(t)
	c := p.client(t, func(c *entraoauth2.Config) { c.Cloud.IssuerV2 = "https://login.example/{tenantid}/v2.0" })
	_, _, err := c.SignIn(t.Context(), entraoauth2.SignInRequest{State: testState})
	var refused *entraoauth2.MetadataError
	require.ErrorAs(t, err, &refused)
}

func requireRefused(t *testing.T, err error, check entraoauth2.Check) {
	t.Helper()
	var refused *entraoauth2.VerificationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, check, refused.Check, "%v", err)
}

// requireProvider: the provider's refusal came through as what Entra's would be.
func requireProvider(t *testing.T, err error, code string) {
	t.Helper()
	var refused *aadsts.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.OAuth)
}
