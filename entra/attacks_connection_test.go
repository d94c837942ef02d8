package entra_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// watchedUsers counts how often anybody is looked for.
type watchedUsers struct {
	provisioning.UserStore
	looks atomic.Int32
}

func (w *watchedUsers) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	w.looks.Add(1)
	return w.UserStore.UserByKey(ctx, keys...)
}

func (w *watchedUsers) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	w.looks.Add(1)
	return w.UserStore.UsersByEmail(ctx, folded)
}

// Discovery cannot tell who has an account, not even by the time it takes: it looks for nobody (attack 10).
func TestDiscoveryLooksForNobody(t *testing.T) {
	users := &watchedUsers{UserStore: memory.NewUsers()}
	h := newHouse(t, func(c *entra.Config) { c.Users = users })
	h.mustSignIn(t, contosoOAuth2, entratest.Ann)
	looks := users.looks.Load()
	require.NotZero(t, looks)
	var with, without *entra.Departure
	var err error
	with, err = h.BeginByAddress(t.Context(), entratest.Ann, entra.BeginOptions{})
	require.NoError(t, err)
	without, err = h.BeginByAddress(t.Context(), "nobody@contoso.com", entra.BeginOptions{})
	require.NoError(t, err)
	_, err = h.BeginByAddress(t.Context(), "nobody@nowhere.example", entra.BeginOptions{})
	requireKind(t, entra.KindNoConnection, err)
	require.Equal(t, looks, users.looks.Load())

	shape := func(d *entra.Departure) (names []string) {
		u, err := url.Parse(d.URL)
		require.NoError(t, err)
		for name, values := range u.Query() {
			names = append(names, name, strings.Repeat("x", len(values)))
		}
		return names
	}
	require.ElementsMatch(t, shape(with), shape(without))
	require.NotContains(t, without.URL+without.Cookie.Name, contosoOAuth2, "neither connection nor organization has a name there")
}

// "Any tenant" is any work tenant: a personal account is refused unless its tenant is named (attack 51).
func TestAnyTenantIsAnyWorkTenant(t *testing.T) {
	for _, named := range []bool{false, true} {
		h := newHouse(t)
		c := &entra.Connection{Name: "any", Strategy: entra.OAuth2, ClientID: entratest.MultiTenantApp, ClientSecret: secret(entratest.MultiTenantSecret), UseCommonEndpoint: true, AnyTenant: true}
		if named {
			c.AllowedTenants = []string{cloud.Consumers}
		}
		c = h.save(t, c)
		for _, person := range []string{entratest.Ann, entratest.Bob} {
			h.mustSignIn(t, c.ID, person)
		}
		d, err := h.Begin(t.Context(), c.ID, entra.BeginOptions{})
		require.NoError(t, err)
		r, err := h.fake.Authenticate(t.Context(), d.URL, entratest.Pia)
		if !named { // at organizations Entra itself lets no personal account in
			var page *entratest.PageError
			require.ErrorAs(t, err, &page)
			continue
		}
		require.NoError(t, err)
		r.AddCookie(d.Cookie)
		a, err := entra.ReadArrival(r)
		require.NoError(t, err)
		_, err = h.Finish(t.Context(), a)
		require.NoError(t, err)
	}
}

// Wherever a connection's data can point, nothing private is dialled: the service's own client resolves first and looks at the address then (attack 54). A
// name whose answer changes between two looks gains nothing, for there is one look.
func TestPrivateAddressesAreNotDialled(t *testing.T) {
	var hits atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(inside.Close)
	own := cloud.Cloud{Name: "own", Login: inside.URL, Graph: inside.URL, IssuerV2: inside.URL + "/{tenantid}/v2.0", IssuerV1: inside.URL + "/{tenantid}/"}
	store := memory.NewConnections()
	s, err := entra.New(entra.Config{
		BaseURL: "https://auth.example.com/sso", Connections: store, Protocols: []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys: newKeyring(t), Replay: memory.NewReplay(), Clouds: []cloud.Cloud{own},
	})
	require.NoError(t, err)
	r, err := entra.NewRegistrar(entra.RegistrarConfig{Store: store, Clouds: []cloud.Cloud{own}})
	require.NoError(t, err)
	adfs := sound(adfsConnection)
	adfs.ID, adfs.MetadataURL = "", strings.Replace(inside.URL, "127.0.0.1", "localhost", 1)+"/FederationMetadata/2007-06/FederationMetadata.xml"
	for _, c := range []*entra.Connection{
		{Name: "oauth2", Strategy: entra.OAuth2, EntraDomain: "contoso.com", Cloud: "own", ClientID: clientID, ClientSecret: secret("x"), HomeRealmDomains: []string{"contoso.com"}},
		{Name: "wsfed", Strategy: entra.WSFed, EntraDomain: "contoso.com", Cloud: "own", ClientID: clientID, ClientSecret: secret("x"), UserGroups: true},
		adfs,
	} {
		c.Enabled, c.AllApplications = true, true
		saved, _, err := r.Save(t.Context(), environment, c)
		require.NoError(t, err)
		require.Error(t, s.Diagnose(t.Context(), saved).Err(), c.Name)
		_, err = s.Begin(t.Context(), saved.ID, entra.BeginOptions{})
		requireKind(t, entra.KindUnavailable, err)
		_, err = r.RecheckDomains(t.Context(), saved.ID)
		require.NoError(t, err)
	}
	for _, err := range s.Expiring(t.Context(), 0) { // looks at the providers too
		require.NoError(t, err)
	}
	require.Zero(t, hits.Load())
}

// Metadata of another provider that calls itself Entra is refused when it is saved, whatever the issuer's spelling, and so is one that Entra's tenant
// stands beside (attack 54).
func TestADFSIsNotEntra(t *testing.T) {
	o := newOffice(t)
	for name, change := range map[string]func(*entra.Connection){
		"Entra's issuer":             func(c *entra.Connection) { c.Issuer = "https://sts.windows.net/" + contosoTenant + "/" },
		"in capitals":                func(c *entra.Connection) { c.Issuer = "https://STS.Windows.NET/" + contosoTenant + "/" },
		"of another cloud":           func(c *entra.Connection) { c.Issuer = "https://login.microsoftonline.us/" + contosoTenant + "/v2.0" },
		"a tenant beside":            func(c *entra.Connection) { c.EntraDomain = "contoso.com" },
		"metadata over http":         func(c *entra.Connection) { c.MetadataURL = "http://adfs.contoso.com/metadata.xml" },
		"metadata with a user":       func(c *entra.Connection) { c.MetadataURL = "https://a:b@adfs.contoso.com/metadata.xml" },
		"metadata of another scheme": func(c *entra.Connection) { c.MetadataURL = "file:///etc/passwd" },
	} {
		c := sound(adfsConnection)
		c.ID = ""
		change(c)
		_, findings, err := o.Save(t.Context(), environment, c)
		require.Error(t, err, name)
		require.NotEmpty(t, findings, name)
	}
}

// A test sign-in shows its claims to the browser that began it and to no other, once (attack 57).
func TestTestSignInIsTheTestersOwn(t *testing.T) {
	for _, onServer := range []bool{false, true} {
		var shown []string
		h := newHouse(t, func(c *entra.Config) {
			if onServer {
				c.Flows = memory.NewFlows()
			}
			c.OnTest = func(_ http.ResponseWriter, _ *http.Request, report *entra.TestReport) {
				shown = append(shown, string(report.Data)+" "+report.Identity.Raw["oid"].(string))
			}
		})
		h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Enabled = false })
		answer := func() (*entra.Departure, *http.Request) {
			d, err := h.BeginTest(t.Context(), contosoOAuth2, entra.BeginOptions{Data: []byte("admin 7")})
			require.NoError(t, err)
			r, err := h.fake.Authenticate(t.Context(), d.URL, entratest.Ann)
			require.NoError(t, err)
			return d, r
		}
		mine, r := answer()
		page := serve(h, r) // another person's browser, without the cookie
		require.Equal(t, http.StatusBadRequest, page.StatusCode)
		require.NotContains(t, body(t, page), entratest.AnnID)
		other, _ := answer()
		stolen := r.Clone(t.Context())
		stolen.AddCookie(other.Cookie) // one that has a test of its own under way
		require.Equal(t, http.StatusBadRequest, serve(h, stolen).StatusCode)
		require.Empty(t, shown)

		r.AddCookie(mine.Cookie)
		require.Equal(t, http.StatusOK, serve(h, r).StatusCode)
		require.Equal(t, []string{"admin 7 " + entratest.AnnID}, shown)
		require.Equal(t, http.StatusBadRequest, serve(h, r).StatusCode, "it is opened once")
		require.Len(t, shown, 1)
		for user, err := range h.users.Users(t.Context(), provisioning.UserFilter{}) {
			require.NoError(t, err)
			require.Fail(t, "a test made a user", user.ID)
		}
	}
}
