package entratest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

const soundManifest = `{
	"displayName": "Contoso Door", "signInAudience": "AzureADMyOrg", "identifierUris": ["https://door.contoso.com/app"], "groupMembershipClaims": "SecurityGroup, DirectoryRole",
	"web": {"redirectUris": ["` + callback + `"], "logoutUrl": "https://door.contoso.com/signout"},
	"optionalClaims": {"idToken": [{"name": "email", "essential": false, "additionalProperties": []}, {"name": "groups"}], "saml2Token": [{"name": "acct"}]},
	"requiredResourceAccess": [{"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": [{"id": "98830695-27a2-44f7-8c18-0c3ebc9698f6", "type": "Role"}]}]
}`

func TestRegister(t *testing.T) {
	s := start(t, nil)
	app, err := s.Register("contoso.com", []byte(soundManifest))
	require.NoError(t, err)
	require.Equal(t, "Contoso Door", app.Name)
	require.Equal(t, []string{"GroupMember.Read.All"}, app.WantedPermissions)
	require.Empty(t, app.GraphPermissions, "wanted is not granted")

	_, err = s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "client_id", app.ClientID), entratest.Ann)
	require.NoError(t, err)
	_, err = s.Authenticate(t.Context(), s.URL+"/contoso.com/wsfed?wa=wsignin1.0&wtrealm=https://door.contoso.com/app&wreply="+callback, entratest.Ann)
	require.NoError(t, err)
	back, err := s.Authenticate(t.Context(), s.URL+"/contoso.com/adminconsent?client_id="+app.ClientID, entratest.Ada)
	require.NoError(t, err)
	require.Equal(t, "True", back.URL.Query().Get("admin_consent"))

	moved := strings.Replace(soundManifest, callback, "https://moved.contoso.com/callback", 1)
	require.NoError(t, s.Configure(app.ClientID, []byte(moved)))
	_, err = s.Authenticate(t.Context(), authorizeURL(s, "contoso.com", "client_id", app.ClientID), entratest.Ann)
	var page *entratest.PageError
	require.ErrorAs(t, err, &page)
	require.Equal(t, 50011, page.Code)
}

// What Entra would refuse, or the server would silently not do, is refused.
func TestRegisterRefuses(t *testing.T) {
	s := start(t, nil)
	for name, change := range map[string][2]string{
		"http":                   {callback, "http://door.contoso.com/callback"},
		"a fragment":             {callback, "https://door.contoso.com/#callback"},
		"a wildcard":             {callback, "https://*.contoso.com/callback"},
		"too long":               {callback, "https://door.contoso.com/" + strings.Repeat("a", 256)},
		"logout over http":       {"https://door.contoso.com/signout", "http://door.contoso.com/signout"},
		"another platform":       {`"web"`, `"spa"`},
		"an unknown audience":    {"AzureADMyOrg", "Everybody"},
		"a foreign identifier":   {"https://door.contoso.com/app", "https://door.fabrikam.com/app"},
		"a free identifier":      {"https://door.contoso.com/app", "contoso"},
		"an unknown claim":       {`"email"`, `"mail"`},
		"a JWT's claim in SAML":  {`"acct"`, `"xms_edov"`},
		"an unknown group kind":  {"SecurityGroup", "Groups"},
		"groups without a kind":  {`"SecurityGroup, DirectoryRole"`, `""`},
		"another form of groups": {`{"name": "groups"}`, `{"name": "groups", "additionalProperties": ["sam_account_name"]}`},
		"an unknown permission":  {"98830695", "98830696"},
		"a permission's type":    {`"Role"`, `"Scope"`},
		"an unknown resource":    {"00000003-0000", "00000009-0000"},
		"not JSON":               {"{", "["},
	} {
		changed := strings.Replace(soundManifest, change[0], change[1], 1)
		require.NotEqual(t, soundManifest, changed, name)
		_, err := s.Register("contoso.com", []byte(changed))
		require.Error(t, err, name)
		require.Error(t, s.Configure(entratest.ContosoApp, []byte(changed)), name)
	}
	_, err := s.Register("nowhere.example", []byte(soundManifest))
	require.Error(t, err)
	require.Error(t, s.Configure("nothing", []byte(soundManifest)))
}
