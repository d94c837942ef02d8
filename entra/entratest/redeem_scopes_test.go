package entratest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// TestRedeemScopes: a redemption may ask for more than the sign-in did, as MSAL for Go does, but not for what nobody consented to.
func TestRedeemScopes(t *testing.T) {
	s := start(t, nil)
	a := contoso(t, s)
	a.config.Scopes = []string{"User.Read"}
	form := codeForm(a, a.answer(nil, entratest.Ann).Get("code"))

	form.Set("scope", "User.Read openid nonsense")
	status, _, refused := post(t, s, entratest.ContosoID, form)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, []int{70011}, refused.Codes)
	form.Set("scope", "User.Read openid Directory.Read.All")
	_, _, refused = post(t, s, entratest.ContosoID, form)
	assert.Equal(t, []int{65001}, refused.Codes)

	form.Set("scope", "User.Read openid profile offline_access") // what was refused did not use up the code
	status, answer, _ := post(t, s, entratest.ContosoID, form)
	require.Equal(t, http.StatusOK, status)
	assert.NotEmpty(t, answer["id_token"])
	assert.NotEmpty(t, answer["refresh_token"])
	assert.Equal(t, "User.Read openid profile", answer["scope"])

	form = codeForm(a, a.answer(nil, entratest.Ann).Get("code"))
	_, answer, _ = post(t, s, entratest.ContosoID, form)
	assert.NotContains(t, answer, "id_token")
	assert.NotContains(t, answer, "refresh_token")
	assert.Equal(t, "User.Read", answer["scope"])
}

// TestClientCredentialsBesideOIDCScopes: MSAL for Go asks for openid in every request; they mean nothing for an application's own token.
func TestClientCredentialsBesideOIDCScopes(t *testing.T) {
	s := start(t, nil)
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {entratest.ContosoApp}, "client_secret": {entratest.ContosoSecret},
		"scope": {s.GraphURL + "/.default openid offline_access profile"},
	}
	status, answer, _ := post(t, s, entratest.ContosoID, form)
	require.Equal(t, http.StatusOK, status)
	assert.NotContains(t, answer, "id_token")
	assert.NotContains(t, answer, "refresh_token")
	for _, scope := range []string{"openid", s.GraphURL + "/.default " + s.GraphURL + "/User.Read.All"} {
		form.Set("scope", scope)
		status, _, _ = post(t, s, entratest.ContosoID, form)
		assert.Equal(t, http.StatusBadRequest, status, scope)
	}
}
