package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
)

// testState is a state as a caller of our client must make it: 128 bits.
const testState = "state-of-this-sign-in-0123456789abcdef"

// secrets are those of the sample's applications.
var secrets = map[string]string{
	entratest.ContosoApp: entratest.ContosoSecret, entratest.MultiTenantApp: entratest.MultiTenantSecret,
}

// subjectOf is the pairwise subject that our own client sees: what the others see must be the same person.
func subjectOf(t *testing.T, e *fakeEntra, clientID, who string) string {
	t.Helper()
	c, err := entraoauth2.New(entraoauth2.Config{
		Cloud: e.Cloud(), Tenant: entratest.ContosoID, ClientID: clientID, RedirectURL: callback, HTTPClient: e.Client(),
		Credential: credential.FromSecret(credential.NewSecret(secrets[clientID])),
	})
	require.NoError(t, err)
	address, p, err := c.SignIn(t.Context(), entraoauth2.SignInRequest{State: testState})
	require.NoError(t, err)
	back, err := e.Authenticate(t.Context(), address, who)
	require.NoError(t, err)
	id, _, err := c.Redeem(t.Context(), p, back.URL.Query())
	require.NoError(t, err)
	return id.Subject
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
