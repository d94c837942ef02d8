package oauth2_test

import (
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

var refreshToken = credential.NewSecret("refresh-token-of-ann")

func ann() *claims.Identity {
	return &claims.Identity{TenantID: contoso, ObjectID: objectID, Subject: "pairwise-subject"}
}

// refreshes lets the token endpoint answer a refresh; nil removes a claim.
func (f *fake) refreshes(with map[string]any) {
	claims := map[string]any{"nonce": nil}
	maps.Copy(claims, with)
	f.token = map[string]any{"token_type": "Bearer", "access_token": "test-access-token", "expires_in": 3600, "id_token": f.sign(claims)}
}

func TestRefresh(t *testing.T) {
	f := newFake(t)
	c := f.client(t, func(c *oauth2.Config) { c.Scopes, c.HandlesChallenges = []string{"offline_access"}, true })
	f.refreshes(map[string]any{"at_hash": leftHalf("test-access-token")})
	id, token, err := c.Refresh(t.Context(), refreshToken, ann())
	require.NoError(t, err)
	require.Equal(t, objectID, id.ObjectID)
	require.Equal(t, "test-access-token", token.Access.Reveal())
	require.True(t, refreshToken.Equal(token.Refresh), "where there is no new one the old one is kept")
	require.Equal(t, []url.Values{{
		"grant_type": {"refresh_token"}, "refresh_token": {refreshToken.Reveal()}, "scope": {"openid profile email offline_access"},
		"claims": {`{"access_token":{"xms_cc":{"values":["cp1"]}}}`}, "client_id": {clientID}, "client_secret": {"test-secret"},
	}}, f.forms)

	f.token["refresh_token"] = "a-new-one"
	_, token, err = c.Refresh(t.Context(), refreshToken, ann())
	require.NoError(t, err)
	require.Equal(t, "a-new-one", token.Refresh.Reveal())
	_, _, err = c.Refresh(t.Context(), refreshToken, &claims.Identity{TenantID: contoso, ObjectID: objectID})
	require.NoError(t, err, "a host that keeps no sub")
}

func TestRefreshRefuses(t *testing.T) {
	f := newFake(t)
	other := "c0a70500-0000-4000-8000-000000000999"
	shared := func(c *oauth2.Config) { c.Tenant, c.AllowedTenants = "organizations", []string{contoso, fabrikam} }
	for name, tt := range map[string]struct {
		with  map[string]any
		check oauth2.Check
	}{
		"another person":   {map[string]any{"oid": other}, oauth2.CheckPerson},
		"another tenant":   {map[string]any{"tid": fabrikam, "iss": f.URL + "/" + fabrikam + "/v2.0"}, oauth2.CheckPerson},
		"another subject":  {map[string]any{"sub": "someone-else"}, oauth2.CheckPerson},
		"a third tenant":   {map[string]any{"tid": other, "iss": f.URL + "/" + other + "/v2.0"}, oauth2.CheckTenant},
		"another app":      {map[string]any{"aud": "another"}, oauth2.CheckAudience},
		"expired":          {map[string]any{"exp": start.Add(-time.Hour).Unix()}, oauth2.CheckExpired},
		"an old token":     {map[string]any{"iat": start.Add(-11 * time.Minute).Unix()}, oauth2.CheckIssuedAt},
		"a wrong at_hash":  {map[string]any{"at_hash": leftHalf("another")}, oauth2.CheckAccessHash},
		"a code's hash":    {map[string]any{"c_hash": leftHalf("")}, oauth2.CheckCodeHash},
		"no object id":     {map[string]any{"oid": nil}, oauth2.CheckSubject},
		"an app's token":   {map[string]any{"idtyp": "app"}, oauth2.CheckTokenType},
		"a look-alike iss": {map[string]any{"iss": "https://evil.example/" + contoso + "/v2.0"}, oauth2.CheckIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			f.refreshes(tt.with)
			id, token, err := f.client(t, shared).Refresh(t.Context(), refreshToken, ann())
			requireRefused(t, err, tt.check, "")
			require.Nil(t, id)
			require.Nil(t, token)
			require.NotContains(t, err.Error(), refreshToken.Reveal())
		})
	}
	f.refreshes(nil)
	f.token["id_token"] = ""
	_, _, err := f.client(t).Refresh(t.Context(), refreshToken, ann())
	requireRefused(t, err, oauth2.CheckForm, "")
	require.ErrorContains(t, err, "no ID token")

	before := f.count("/token")
	for _, person := range []*claims.Identity{nil, {}, {TenantID: contoso}, {ObjectID: objectID}, {TenantID: "contoso.test", ObjectID: objectID}} {
		_, _, err = f.client(t).Refresh(t.Context(), refreshToken, person)
		require.ErrorIs(t, err, oauth2.ErrInvalid)
	}
	_, _, err = f.client(t).Refresh(t.Context(), credential.Secret{}, ann())
	require.ErrorIs(t, err, oauth2.ErrInvalid)
	require.Equal(t, before, f.count("/token"), "what cannot be checked is not asked for")
}

// TestANonceIsStillNeeded: only a refresh goes without one.
func TestANonceIsStillNeeded(t *testing.T) {
	f := newFake(t)
	_, err := f.client(t).Verify(t.Context(), f.sign(map[string]any{"nonce": nil}), "")
	requireRefused(t, err, oauth2.CheckNonce, "")
}

func TestRefreshAtEntra(t *testing.T) {
	s := entraTenant(t)
	cfg := entraConfig(s, entratest.ContosoID, entratest.ContosoApp, entratest.ContosoSecret)
	cfg.Scopes = []string{"offline_access", "User.Read"}
	c, err := oauth2.New(cfg)
	require.NoError(t, err)
	address, p, err := c.SignIn(t.Context(), oauth2.SignInRequest{State: testState})
	require.NoError(t, err)
	back, err := s.Authenticate(t.Context(), address, entratest.Ann)
	require.NoError(t, err)
	id, token, err := c.Redeem(t.Context(), p, back.URL.Query())
	require.NoError(t, err)
	require.False(t, token.Refresh.IsZero())

	again, fresh, err := c.Refresh(t.Context(), token.Refresh, id)
	require.NoError(t, err)
	require.Equal(t, id.ObjectID, again.ObjectID)
	require.False(t, fresh.Refresh.Equal(token.Refresh))
	_, _, err = c.Refresh(t.Context(), fresh.Refresh, &claims.Identity{TenantID: entratest.ContosoID, ObjectID: entratest.BenID})
	requireRefused(t, err, oauth2.CheckPerson, "")

	var e *aadsts.Error
	s.RevokeTokens(entratest.ContosoID, entratest.Ann)
	_, _, err = c.Refresh(t.Context(), fresh.Refresh, id)
	require.ErrorAs(t, err, &e)
	require.Equal(t, 50173, e.Code)
	require.True(t, e.SignInAgain())
}

func TestDriverRefreshes(t *testing.T) {
	f := newFake(t)
	d := f.driver(t).(entra.Refresher)
	f.refreshes(nil)
	id, token, err := d.Refresh(t.Context(), f.target(), refreshToken, ann())
	require.NoError(t, err)
	require.Equal(t, objectID, id.ObjectID)
	require.NotNil(t, token)
	_, _, err = d.Refresh(t.Context(), f.target(), refreshToken, nil)
	requireKind(t, err, entra.KindConfiguration)
	f.refreshes(map[string]any{"oid": "c0a70500-0000-4000-8000-000000000999"})
	_, _, err = d.Refresh(t.Context(), f.target(), refreshToken, ann())
	requireKind(t, err, entra.KindToken)
	_, _, err = d.Refresh(t.Context(), f.target(func(t *entra.Target) { t.Credential = nil }), refreshToken, ann())
	requireKind(t, err, entra.KindConfiguration)
}
