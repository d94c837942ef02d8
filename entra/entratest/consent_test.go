package entratest_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

func consentURL(s *entratest.Server, authority string, changes ...string) string {
	q := url.Values{"client_id": {entratest.ContosoApp}, "redirect_uri": {callback}, "scope": {s.GraphURL + "/.default"}, "state": {"the-state"}}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return s.URL + "/" + authority + "/v2.0/adminconsent?" + q.Encode()
}

// An admin's consent opens what was closed before.
func TestAdminConsent(t *testing.T) {
	for _, authority := range []string{"contoso.com", entratest.ContosoID} {
		t.Run(authority, func(t *testing.T) {
			tenants := entratest.Sample()
			tenants[0].Applications[0].GraphPermissions, tenants[0].Applications[0].DelegatedPermissions = nil, nil
			s := start(t, &entratest.Options{Tenants: tenants})
			needs := authorizeURL(s, "contoso.com", "scope", "openid GroupMember.Read.All")
			_, err := s.Authenticate(t.Context(), needs, entratest.Ann)
			var page *entratest.PageError
			require.ErrorAs(t, err, &page)
			assert.Equal(t, 90094, page.Code)

			back, err := s.Authenticate(t.Context(), consentURL(s, authority), entratest.Ada)
			require.NoError(t, err)
			assert.Equal(t, url.Values{
				"admin_consent": {"True"}, "tenant": {entratest.ContosoID}, "scope": {s.GraphURL + "/.default"}, "state": {"the-state"},
			}, answerOf(t, back))

			_, err = s.Authenticate(t.Context(), needs, entratest.Ann)
			require.NoError(t, err)
			_, answer, _ := post(t, s, "contoso.com", url.Values{
				"grant_type": {"client_credentials"}, "client_id": {entratest.ContosoApp}, "client_secret": {entratest.ContosoSecret}, "scope": {s.GraphURL + "/.default"},
			})
			access, _ := answer["access_token"].(string)
			assert.Equal(t, []any{"GroupMember.Read.All", "User.Read.All"}, unverified(t, access)["roles"])
		})
	}
}

// At organizations the admin's tenant is the answer; it is not signed.
func TestAdminConsentAtOrganizations(t *testing.T) {
	s := start(t, nil)
	require.NoError(t, s.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[1].Users[0].DirectoryRoles = []string{entratest.GlobalAdministrator}
		return tenants
	}))
	back, err := s.Authenticate(t.Context(), consentURL(s, "organizations", "client_id", entratest.MultiTenantApp), entratest.Bob)
	require.NoError(t, err)
	assert.Equal(t, entratest.FabrikamID, answerOf(t, back).Get("tenant"))
}

func TestAdminConsentDeclined(t *testing.T) {
	s := start(t, nil)
	b := s.NewBrowser()
	b.Decline = true
	back, err := b.Authenticate(t.Context(), consentURL(s, "contoso.com"), entratest.Ada)
	require.NoError(t, err)
	got := answerOf(t, back)
	assert.Equal(t, "access_denied", got.Get("error"))
	assert.Equal(t, "True", got.Get("admin_consent"), "the error answer says so too")
	assert.Equal(t, "the-state", got.Get("state"))
	assert.Empty(t, got.Get("tenant"))
}

func TestAdminConsentRefusals(t *testing.T) {
	s := start(t, nil)
	for name, test := range map[string]struct {
		authority string
		changes   []string
		who       string
		code      int
	}{
		"not an admin":              {"contoso.com", nil, entratest.Ann, 90094},
		"single tenant, shared":     {"organizations", nil, entratest.Ada, 50194},
		"at common":                 {"common", nil, entratest.Ada, 50059},
		"unknown tenant":            {"nobody.example", nil, entratest.Ada, 90002},
		"no application":            {"contoso.com", []string{"client_id", ""}, entratest.Ada, 900144},
		"unknown application":       {"contoso.com", []string{"client_id", "x"}, entratest.Ada, 700016},
		"of another tenant":         {"fabrikam.com", nil, entratest.Bob, 700016},
		"unregistered redirect URI": {"contoso.com", []string{"redirect_uri", "https://evil.example/"}, entratest.Ada, 50011},
		"no scope":                  {"contoso.com", []string{"scope", ""}, entratest.Ada, 900144},
		"unknown scope":             {"contoso.com", []string{"scope", "x"}, entratest.Ada, 70011},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Authenticate(t.Context(), consentURL(s, test.authority, test.changes...), test.who)
			var page *entratest.PageError
			require.ErrorAs(t, err, &page)
			assert.Equal(t, test.code, page.Code)
		})
	}
}
