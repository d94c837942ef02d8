package entra_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// fromGuide registers an application by nothing but the guide of a connection that knows no client id yet, changed as an administrator's slip would
// change it, and then completes the connection with what the registration answers.
func fromGuide(t *testing.T, h *house, c *entra.Connection, slip func(*entra.AppManifest)) *entra.Connection {
	t.Helper()
	c.Cloud = h.fake.Cloud().Name
	guide, err := h.SetupGuide(t.Context(), c)
	require.NoError(t, err)
	require.Empty(t, guide.ConsentURL, "there is nobody to consent to yet")
	if slip != nil {
		slip(guide.Manifest)
	}
	app, err := h.fake.Register("contoso.com", []byte(guide.ManifestJSON()))
	require.NoError(t, err)
	c.ClientID, c.ClientSecret = app.ClientID, secret(app.Secrets[0])
	c = h.save(t, c)
	guide, err = h.SetupGuide(t.Context(), c)
	require.NoError(t, err)
	_, err = h.fake.Authenticate(t.Context(), guide.ConsentURL, entratest.Ada)
	require.NoError(t, err)
	return c
}

func guided(strategy entra.Strategy) *entra.Connection {
	c := &entra.Connection{Name: "guided " + string(strategy), Strategy: strategy, EntraDomain: "contoso.com", UserGroups: true, ExtendedProfile: true}
	if strategy == entra.WSFed {
		c.Realm = "https://guided.contoso.com/app"
	}
	return c
}

// An application that is registered from the guide alone signs people in over both protocols, with all that the connection wants of them.
func TestGuideAlone(t *testing.T) {
	for _, strategy := range []entra.Strategy{entra.OAuth2, entra.WSFed} {
		h := newHouse(t)
		c := fromGuide(t, h, guided(strategy), nil)
		ann := h.mustSignIn(t, c.ID, entratest.Ann)
		require.Equal(t, entratest.AnnID, ann.Identity.ObjectID)
		require.Equal(t, "Principal engineer", ann.Identity.Extended["jobTitle"])
		require.ElementsMatch(t, []string{entratest.ContosoEngineering, entratest.ContosoStaff, entratest.ContosoAdmins}, groupIDs(t, ann))
		require.Equal(t, "token", ann.GroupsFrom)
		require.Equal(t, entratest.Ann, ann.Identity.Email.Address)
		if strategy == entra.OAuth2 {
			require.NotEmpty(t, ann.Identity.SessionID)
			require.NotEmpty(t, ann.Identity.LoginHint)
			require.False(t, ann.Identity.AuthTime.IsZero())
			require.Equal(t, claims.KindMember, ann.Identity.Kind)
			require.NotEmpty(t, ann.Identity.Email.Evidence)
		}
		require.Len(t, groupIDs(t, h.mustSignIn(t, c.ID, entratest.Maya)), 1000, "past the token's limit, by Graph")
	}
}

// The guide says nothing that could be left out: each slip has its consequence.
func TestGuideIsNeeded(t *testing.T) {
	page := func(code int) func(*testing.T, *house, *entra.Connection) {
		return func(t *testing.T, h *house, c *entra.Connection) {
			d, err := h.Begin(t.Context(), c.ID, entra.BeginOptions{})
			require.NoError(t, err)
			_, err = h.fake.Authenticate(t.Context(), d.URL, entratest.Ann)
			var e *entratest.PageError
			require.ErrorAs(t, err, &e)
			require.Equal(t, code, e.Code)
		}
	}
	elsewhere := func(m *entra.AppManifest) {
		m.Web.RedirectURIs = []string{strings.Replace(m.Web.RedirectURIs[0], "/callback/", "/Callback/", 1)}
	}
	for name, test := range map[string]struct {
		strategy entra.Strategy
		slip     func(*entra.AppManifest)
		check    func(*testing.T, *house, *entra.Connection)
	}{
		"redirect URI":   {entra.OAuth2, elsewhere, page(50011)},
		"reply URL":      {entra.WSFed, elsewhere, page(50011)},
		"identifier URI": {entra.WSFed, func(m *entra.AppManifest) { m.IdentifierURIs = nil }, page(700016)},
		"optional claims": {entra.OAuth2, func(m *entra.AppManifest) { m.OptionalClaims.IDToken = nil }, func(t *testing.T, h *house, c *entra.Connection) {
			id := h.mustSignIn(t, c.ID, entratest.Ann).Identity
			require.Empty(t, id.Email.Evidence)
			require.Empty(t, id.SessionID+id.LoginHint)
		}},
		"groups": {entra.OAuth2, func(m *entra.AppManifest) {
			m.GroupMembershipClaims, m.OptionalClaims = "", entra.AppManifestClaims{IDToken: m.OptionalClaims.IDToken[:3]}
		}, func(t *testing.T, h *house, c *entra.Connection) {
			require.Equal(t, "graph", h.mustSignIn(t, c.ID, entratest.Ann).GroupsFrom)
		}},
		"permissions": {entra.WSFed, func(m *entra.AppManifest) { m.RequiredResourceAccess = nil }, func(t *testing.T, h *house, c *entra.Connection) {
			_, known := h.mustSignIn(t, c.ID, entratest.Maya).Groups()
			require.False(t, known)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			test.check(t, h, fromGuide(t, h, guided(test.strategy), test.slip))
		})
	}
}

var manifestRE = regexp.MustCompile(`(?s)<pre>(.*)</pre>`)

// The page holds what the data holds, nothing from elsewhere, no script, and no secret.
func TestGuidePage(t *testing.T) {
	h := newHouse(t)
	c, err := h.connections.Connection(t.Context(), contosoOAuth2)
	require.NoError(t, err)
	c.DisplayName = `<script>alert(1)</script>`
	guide, err := h.SetupGuide(t.Context(), c)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	guide.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/guide", nil))
	page := w.Body.String()
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	for _, foreign := range []string{"<script", "src=", "<link", "url(", entratest.ContosoSecret} {
		require.NotContains(t, page, foreign)
	}
	for _, s := range guide.Steps {
		require.NotEmpty(t, s.Title)
		require.NotEmpty(t, s.Text)
		for _, v := range s.Values {
			require.Contains(t, page, ">"+strings.ReplaceAll(v.Value, "&", "&amp;")+"<")
		}
	}
	require.Equal(t, len(guide.Steps)+1, strings.Count(page, "<h2>"))
	require.NotContains(t, toJSON(t, guide), entratest.ContosoSecret)
	require.Equal(t, guide.ManifestJSON(), strings.ReplaceAll(manifestRE.FindStringSubmatch(page)[1], "&#34;", `"`))
	require.Equal(t, []string{"http://localhost:8080/sso/callback/oauth2"}, guide.Manifest.Web.RedirectURIs)
	require.Equal(t, "http://localhost:8080/sso/signout/oauth2", guide.Manifest.Web.LogoutURL)
}

func TestGuideFollowsTheConnection(t *testing.T) {
	h := newHouse(t)
	manifest := func(change func(*entra.Connection)) *entra.AppManifest {
		c := guided(entra.OAuth2)
		c.Cloud, c.ClientID = h.fake.Cloud().Name, entratest.ContosoApp
		change(c)
		g, err := h.SetupGuide(t.Context(), c)
		require.NoError(t, err)
		return g.Manifest
	}
	require.Equal(t, "AzureADMyOrg", manifest(func(*entra.Connection) {}).SignInAudience)
	require.Equal(t, "AzureADMultipleOrgs", manifest(func(c *entra.Connection) { c.UseCommonEndpoint = true }).SignInAudience)
	require.Equal(t, "AzureADandPersonalMicrosoftAccount", manifest(func(c *entra.Connection) {
		c.UseCommonEndpoint, c.AllowedTenants = true, []string{entratest.PersonalID}
	}).SignInAudience)
	require.Equal(t, "SecurityGroup, DirectoryRole", manifest(func(c *entra.Connection) {
		c.OrganizationID, c.HomeRealmDomains = "org", []string{"contoso.com"}
	}).GroupMembershipClaims)
	require.Equal(t, "SecurityGroup", manifest(func(c *entra.Connection) { c.OrganizationID = "org" }).GroupMembershipClaims, "there is no domain to prove")
	none := manifest(func(c *entra.Connection) { c.UserGroups, c.ExtendedProfile = false, false })
	require.Empty(t, none.GroupMembershipClaims)
	require.NotContains(t, toJSON(t, none), "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User.Read is not asked for")
	require.NotContains(t, toJSON(t, none), `"groups"`)
	assigned := manifest(func(c *entra.Connection) {
		c.Groups.Kind, c.Groups.Form, c.Groups.AsRoles = entra.GroupsAssigned, entra.GroupDisplayName, true
	})
	require.Equal(t, "ApplicationGroup", assigned.GroupMembershipClaims)
	require.Equal(t, []string{"cloud_displayname", "emit_as_roles"}, assigned.OptionalClaims.IDToken[len(assigned.OptionalClaims.IDToken)-1].AdditionalProperties)
	require.Contains(t, toJSON(t, assigned), "bc024368-1153-4739-b217-4326f2e966d0", "GroupMember.Read.All: Graph answers without names else")
	require.Equal(t, "All", manifest(func(c *entra.Connection) {
		c.Groups.Kind, c.OrganizationID, c.HomeRealmDomains = entra.GroupsAll, "org", []string{"contoso.com"}
	}).GroupMembershipClaims)
	require.Empty(t, manifest(func(c *entra.Connection) { c.Groups.Source = entra.GroupsGraph }).GroupMembershipClaims, "tokens stay small")
	require.Contains(t, toJSON(t, manifest(func(c *entra.Connection) { c.Profile.Manager = true })), "a154be20-db9c-4678-8ab7-66f6cc099a59")
	foreign := manifest(func(c *entra.Connection) { c.Scopes = []string{"api://other/read"} })
	require.Contains(t, toJSON(t, foreign), `"Role"`, "the person's token is for something else, so Graph is asked as the application")

	c := guided(entra.OAuth2)
	c.Cloud = "nowhere"
	_, err := h.SetupGuide(t.Context(), c)
	var e *entra.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, entra.KindConfiguration, e.Kind)
}

// What proves the application is what the guide asks for: a certificate without its key, a federated credential's audience, else a secret.
func TestGuideOfCredentials(t *testing.T) {
	h := newHouse(t)
	pair, _ := keyPair(t, h.clock.Now().Add(-time.Hour), h.clock.Now().Add(time.Hour))
	certificate, _, _ := strings.Cut(pair, "-----BEGIN PRIVATE KEY-----")
	step := func(change func(*entra.Connection)) entra.GuideStep {
		c := guided(entra.OAuth2)
		c.Cloud = h.fake.Cloud().Name
		change(c)
		g, err := h.SetupGuide(t.Context(), c)
		require.NoError(t, err)
		require.NotContains(t, toJSON(t, g), "PRIVATE")
		for _, s := range g.Steps {
			if s.Title == "Certificates & secrets" {
				return s
			}
		}
		return entra.GuideStep{}
	}
	require.Contains(t, step(func(*entra.Connection) {}).Text, "client secret")
	require.Equal(t, certificate, step(func(c *entra.Connection) { c.ClientCertificate = secret(pair) }).Values[0].Value)
	require.Equal(t, []entra.GuideValue{{Label: "Audience", Value: "api://AzureADTokenExchangeTest"}}, step(func(c *entra.Connection) { c.FederatedTokenFile = "/token" }).Values)
	require.Contains(t, step(func(c *entra.Connection) { c.ClientCertificate = secret("unreadable") }).Text, "client secret")
	require.Empty(t, step(func(c *entra.Connection) { c.Strategy, c.UserGroups, c.ExtendedProfile = entra.WSFed, false, false }).Title)
}

// AD FS has a trust instead of an app registration.
func TestGuideForADFS(t *testing.T) {
	h := newHouse(t)
	c := sound(adfsConnection)
	c.Cloud = h.fake.Cloud().Name
	guide, err := h.SetupGuide(t.Context(), c)
	require.NoError(t, err)
	require.Nil(t, guide.Manifest)
	require.Empty(t, guide.ManifestJSON())
	text, err := json.Marshal(guide)
	require.NoError(t, err)
	for _, needed := range []string{c.Realm, c.SubjectClaim, "http://localhost:8080/sso/callback/wsfed"} {
		require.Contains(t, string(text), needed)
	}
}

// TestConsentLinkOfAnUncheckedConnection: the guide of a connection that nobody has checked leads to no other page of the provider's.
func TestConsentLinkOfAnUncheckedConnection(t *testing.T) {
	h := newHouse(t)
	guide, err := h.SetupGuide(t.Context(), &entra.Connection{
		Name: "x", Strategy: entra.OAuth2, Cloud: h.fake.Cloud().Name, ClientID: entratest.ContosoApp,
		TenantID: "common/oauth2/v2.0/authorize?client_id=" + entratest.FabrikamApp + "#",
	})
	require.NoError(t, err)
	u, err := url.Parse(guide.ConsentURL)
	require.NoError(t, err)
	require.Equal(t, url.Values{"client_id": {entratest.ContosoApp}}, u.Query())
	require.Equal(t, 2, strings.Count(u.EscapedPath(), "/"), "%s", u)
}
