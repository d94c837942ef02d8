package oauth2_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

const sts = "https://sts.test/"

// allowV1 is a client that accepts v1.0 tokens, in a cloud that issues them.
func allowV1(c *oauth2.Config) {
	c.Cloud.IssuerV1, c.AllowV1Tokens = sts+"{tenantid}/", true
}

// v1 is what a v1.0 ID token says otherwise than a v2.0 one.
func v1(with map[string]any) map[string]any {
	return override(map[string]any{
		"iss": sts + contoso + "/", "ver": "1.0", "preferred_username": nil, "upn": "ann@contoso.test", "unique_name": "ann@contoso.test",
	}, with)
}

func TestV1Tokens(t *testing.T) {
	f := newFake(t)
	for name, change := range map[string]func(*oauth2.Config){
		"one tenant": allowV1,
		"shared":     func(c *oauth2.Config) { allowV1(c); c.Tenant, c.AllowedTenants = "organizations", []string{contoso} },
	} {
		t.Run(name, func(t *testing.T) {
			c := f.client(t, change)
			id, err := c.Verify(t.Context(), f.sign(v1(map[string]any{"appid": clientID})), testNonce)
			require.NoError(t, err)
			require.Equal(t, contoso, id.TenantID)
			require.Equal(t, objectID, id.ObjectID)
			require.Equal(t, sts+contoso+"/", id.Issuer)
			require.Equal(t, "ann@contoso.test", id.Username)
			_, err = c.Verify(t.Context(), f.sign(nil), testNonce)
			require.NoError(t, err, "v2.0 tokens stay welcome")
		})
	}
}

// TestV1TokensRefuses: the option opens for v1.0 tokens of the same tenants what v2.0 tokens have, and nothing else.
func TestV1TokensRefuses(t *testing.T) {
	f := newFake(t)
	own := f.URL + "/" + contoso + "/v2.0"
	for name, tt := range map[string]struct {
		change func(*oauth2.Config)
		with   map[string]any
		check  oauth2.Check
	}{
		"without the option":                {func(c *oauth2.Config) { allowV1(c); c.AllowV1Tokens = false }, v1(nil), oauth2.CheckIssuer},
		"v1.0 with the v2.0 issuer":         {allowV1, v1(map[string]any{"iss": own}), oauth2.CheckIssuer},
		"v2.0 with the v1.0 issuer":         {allowV1, v1(map[string]any{"ver": "2.0"}), oauth2.CheckIssuer},
		"no version, the v1.0 issuer":       {allowV1, v1(map[string]any{"ver": nil}), oauth2.CheckIssuer},
		"no version, the v2.0 issuer":       {allowV1, map[string]any{"ver": nil}, oauth2.CheckVersion},
		"another version":                   {allowV1, map[string]any{"ver": "1.1"}, oauth2.CheckVersion},
		"the issuer without slash":          {allowV1, v1(map[string]any{"iss": sts + contoso}), oauth2.CheckIssuer},
		"another tenant's issuer":           {allowV1, v1(map[string]any{"iss": sts + fabrikam + "/"}), oauth2.CheckIssuer},
		"the template":                      {allowV1, v1(map[string]any{"iss": sts + "{tenantid}/"}), oauth2.CheckIssuer},
		"another tenant":                    {allowV1, v1(map[string]any{"iss": sts + fabrikam + "/", "tid": fabrikam}), oauth2.CheckTenant},
		"a look-alike host":                 {allowV1, v1(map[string]any{"iss": "https://sts.test.evil.example/" + contoso + "/"}), oauth2.CheckIssuer},
		"an access token for us, appid":     {allowV1, v1(map[string]any{"appid": "another-app"}), oauth2.CheckParty},
		"several audiences, no appid":       {allowV1, v1(map[string]any{"aud": []string{clientID, "x"}}), oauth2.CheckParty},
		"an access token in a v2.0 disgise": {func(*oauth2.Config) {}, map[string]any{"appid": "another-app"}, oauth2.CheckParty},
		"another nonce":                     {allowV1, v1(map[string]any{"nonce": "x"}), oauth2.CheckNonce},
		"an app's token":                    {allowV1, v1(map[string]any{"idtyp": "app"}), oauth2.CheckTokenType},
	} {
		t.Run(name, func(t *testing.T) {
			token := f.sign(tt.with)
			id, err := f.client(t, tt.change).Verify(t.Context(), token, testNonce)
			requireRefused(t, err, tt.check, token)
			require.Nil(t, id)
			require.Empty(t, f.elsewhere())
		})
	}
}

// TestV1KeysStayScoped: a key of personal accounts, of another tenant or of nobody in particular signs no v1.0 token of a work tenant.
func TestV1KeysStayScoped(t *testing.T) {
	f := newFake(t)
	shared := func(c *oauth2.Config) { allowV1(c); c.Tenant, c.AllowedTenants = "common", []string{contoso} }
	for name, issuer := range map[string]any{
		"personal accounts": f.URL + "/" + cloud.Consumers + "/v2.0", "another tenant": f.URL + "/" + fabrikam + "/v2.0", "no issuer": nil,
		"the v1.0 issuer": sts + "{tenantid}/",
	} {
		t.Run(name, func(t *testing.T) {
			f.set(func() { f.keys = []map[string]any{override(f.jwk("one", 0, ""), map[string]any{"issuer": issuer})} })
			_, err := f.client(t, shared).Verify(t.Context(), f.sign(v1(nil)), testNonce)
			requireRefused(t, err, oauth2.CheckKey, "")
		})
	}
}

func TestV1TokensNeedAnIssuer(t *testing.T) {
	f := newFake(t)
	for _, issuer := range []string{"", sts, sts + "{tenantid}/{tenantid}"} {
		_, err := oauth2.New(f.config(func(c *oauth2.Config) { c.AllowV1Tokens, c.Cloud.IssuerV1 = true, issuer }))
		require.ErrorIs(t, err, oauth2.ErrInvalid, issuer)
	}
}

// TestV1TokenOfAWholeFlow: the fake issues what Entra's v1.0 endpoint would.
func TestV1TokenOfAWholeFlow(t *testing.T) {
	s := entraTenant(t)
	s.SetFaults(entratest.Faults{WrongIssuer: cloud.Issuer(s.Cloud().IssuerV1, entratest.ContosoID), WrongVersion: "1.0"})
	cfg := entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret)
	_, err := signIn(t, s, cfg, oauth2.SignInRequest{}, entratest.Ann)
	requireRefused(t, err, oauth2.CheckIssuer, "")
	cfg.AllowV1Tokens = true
	id, err := signIn(t, s, cfg, oauth2.SignInRequest{}, entratest.Ann)
	require.NoError(t, err)
	require.Equal(t, entratest.AnnID, id.ObjectID)
}
