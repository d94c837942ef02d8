package entra_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
)

// office is a Registrar over an empty store, beside a fake Entra.
type office struct {
	*entra.Registrar
	fake    *entratest.Server
	store   *memory.Connections
	changes []entra.Change
	vouch   map[string]string // domain → organization
}

func (o *office) Proven(_ context.Context, domain string, by entra.Actor) (bool, error) {
	return o.vouch[domain] == by.Organization, nil
}

var environment = entra.Actor{Name: "operator"}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{store: memory.NewConnections(), vouch: map[string]string{}}
	var err error
	o.fake, err = entratest.Start(nil)
	require.NoError(t, err)
	t.Cleanup(o.fake.Close)
	public := o.fake.Cloud()
	public.Name = "public" // an organization's administrator chooses no cloud, so the fake is the public one here
	none := public
	none.Name = ""
	o.Registrar, err = entra.NewRegistrar(entra.RegistrarConfig{
		Store: o.store, Domains: o, Clouds: []cloud.Cloud{public, none}, HTTPClient: o.fake.Client(),
		Audit: func(_ context.Context, c entra.Change) { o.changes = append(o.changes, c) },
	})
	require.NoError(t, err)
	return o
}

func draft(organization, entraDomain string, domains ...string) *entra.Connection {
	return &entra.Connection{
		Name: "sso-" + organization, Strategy: entra.OAuth2, OrganizationID: organization, EntraDomain: entraDomain, ClientID: entratest.ContosoApp,
		ClientSecret: secret(entratest.ContosoSecret), HomeRealmDomains: domains, CreateMissingUsers: true,
	}
}

func (o *office) routes(t *testing.T, domain string) string {
	t.Helper()
	id, found, err := o.store.HomeRealm(t.Context(), domain)
	require.NoError(t, err)
	require.Equal(t, found, id != "")
	return id
}

func TestEnvironmentProvesWhatItWrites(t *testing.T) {
	o := newOffice(t)
	c, _, err := o.Save(t.Context(), environment, draft("", "contoso.com", "@contoso.com", "Contoso.IO"))
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoID, c.TenantID, "the tenant is pinned")
	require.Equal(t, []string{"@contoso.com", "Contoso.IO"}, c.HomeRealmDomains, "the admin's spelling is kept")
	require.Equal(t, c.ID, o.routes(t, "contoso.com"))
	require.Equal(t, c.ID, o.routes(t, "contoso.io"))
	require.Len(t, o.changes, 1)
	require.True(t, o.changes[0].SecretChanged)
	require.True(t, o.changes[0].After.ClientSecret.IsZero(), "an audit log holds no secret")
	require.Equal(t, []string{"entra_id_domain", "tenant_id", "client_id", "home_realm_domains"}, o.changes[0].HighRisk)
}

// A customer's admin claims what is not theirs: it does not route, hides no button, blocks nobody; proof moves it (attack 43).
func TestOrganizationsRaceForADomain(t *testing.T) {
	o := newOffice(t)
	fabrikam := entra.Actor{Organization: "org_fabrikam", Name: "mallory"}
	contoso := entra.Actor{Organization: "org_contoso", Name: "ann"}

	squatter, _, err := o.Save(t.Context(), fabrikam, draft("org_fabrikam", "fabrikam.com", "contoso.com", "fabrikam.com"))
	require.NoError(t, err)
	require.Empty(t, o.routes(t, "contoso.com"))
	require.Equal(t, squatter.ID, o.routes(t, "fabrikam.com"), "Entra's discovery names their own tenant")
	require.Equal(t, []string{"fabrikam.com"}, squatter.ProvenDomains())

	owner, _, err := o.Save(t.Context(), contoso, draft("org_contoso", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	require.Equal(t, owner.ID, o.routes(t, "contoso.com"))

	// The squatter saves again, and gains nothing.
	again := squatter.Clone()
	again.DisplayName = "Contoso"
	again, _, err = o.Save(t.Context(), fabrikam, again)
	require.NoError(t, err)
	require.Equal(t, owner.ID, o.routes(t, "contoso.com"))

	// A draft that brings its own proofs along is not believed.
	forged := draft("org_fabrikam", "fabrikam.com", "northwind.example")
	forged.Name = "forged"
	forged.DomainProofs = []entra.DomainProof{{Domain: "northwind.example", State: entra.DomainProven, By: entra.ProofByEnvironment}}
	_, _, err = o.Save(t.Context(), fabrikam, forged)
	require.NoError(t, err)
	again.HomeRealmDomains = []string{"fabrikam.com", "tailspin.example"}
	again.DomainProofs = append(again.DomainProofs, entra.DomainProof{Domain: "tailspin.example", State: entra.DomainProven, By: entra.ProofByEnvironment})
	_, _, err = o.Save(t.Context(), fabrikam, again)
	require.NoError(t, err)
	require.Empty(t, o.routes(t, "northwind.example"))
	require.Empty(t, o.routes(t, "tailspin.example"))
}

func TestDomainAuthority(t *testing.T) {
	o := newOffice(t)
	o.vouch["northwind.example"] = "org_northwind"
	c, _, err := o.Save(t.Context(), entra.Actor{Organization: "org_northwind"}, draft("org_northwind", "fabrikam.com", "northwind.example", "tailspin.example"))
	require.NoError(t, err)
	require.Equal(t, []string{"northwind.example"}, c.ProvenDomains())
	require.Equal(t, entra.ProofByAuthority, c.DomainProofs[0].By)
}

// What steers where we fetch from, whom we trust and whom we let in is the environment's.
func TestOrganizationMayNot(t *testing.T) {
	o := newOffice(t)
	by := entra.Actor{Organization: "org_contoso"}
	for field, change := range map[string]func(*entra.Connection){
		"trust":      func(c *entra.Connection) { c.TrustEmails = true },
		"any tenant": func(c *entra.Connection) { c.UseCommonEndpoint, c.AnyTenant = true, true },
		"cloud":      func(c *entra.Connection) { c.Cloud = "usgov" },
		"metadata": func(c *entra.Connection) {
			c.Strategy, c.MetadataURL, c.Issuer, c.SubjectClaim = entra.WSFed, "https://169.254.169.254/x", "x", "y"
		},
		"applications": func(c *entra.Connection) { c.AllApplications = true },
		"shared":       func(c *entra.Connection) { c.OrganizationID = "" },
		"other's":      func(c *entra.Connection) { c.OrganizationID = "org_fabrikam" },
	} {
		c := draft("org_contoso", "contoso.com")
		change(c)
		_, _, err := o.Save(t.Context(), by, c)
		require.Error(t, err, field)
		require.Empty(t, o.changes, field)
	}
	theirs, _, err := o.Save(t.Context(), environment, draft("org_fabrikam", "fabrikam.com"))
	require.NoError(t, err)
	mine := theirs.Clone()
	mine.DisplayName = "mine now"
	_, _, err = o.Save(t.Context(), by, mine)
	require.ErrorIs(t, err, entra.ErrNotFound)
	require.ErrorIs(t, o.Delete(t.Context(), by, theirs.ID, ""), entra.ErrNotFound)
}

// A domain that now resolves to another tenant is refused until the environment confirms; and confirming undoes what the old tenant earned (attack 46).
func TestTenantChanges(t *testing.T) {
	o := newOffice(t)
	c := draft("", "contoso.com", "contoso.com")
	c.TrustEmails = true
	c, _, err := o.Save(t.Context(), environment, c)
	require.NoError(t, err)

	require.NoError(t, o.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Domains = []string{"contoso.onmicrosoft.com"}
		tenants[1].Domains = append(tenants[1].Domains, "contoso.com")
		return tenants
	}))
	_, _, err = o.Save(t.Context(), environment, c)
	require.ErrorIs(t, err, entra.ErrTenantChanged)

	c.TenantID = ""
	c, findings, err := o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.Equal(t, entratest.FabrikamID, c.TenantID)
	require.False(t, c.TrustEmails)
	require.NotEmpty(t, findings)
}

// Entra's bad day neither pins a wrong tenant nor loses the right one.
func TestTenantWhileEntraIsDown(t *testing.T) {
	o := newOffice(t)
	c, _, err := o.Save(t.Context(), environment, draft("", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	o.fake.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointDiscovery: -1}})
	c.DisplayName = "Contoso Ltd"
	c, findings, err := o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.NotEmpty(t, findings)
	require.Equal(t, entratest.ContosoID, c.TenantID)

	fresh, _, err := o.Save(t.Context(), environment, draft("org_x", "fabrikam.com"))
	require.NoError(t, err)
	require.Empty(t, fresh.TenantID)
}

func TestSaveKeepsSecretsAndRefusesStaleEdits(t *testing.T) {
	o := newOffice(t)
	c, _, err := o.Save(t.Context(), environment, draft("", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	edit := c.Clone()
	edit.ClientSecret = secret("")
	edit.DisplayName = "Contoso Ltd"
	edit, _, err = o.Save(t.Context(), environment, edit)
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoSecret, edit.ClientSecret.Reveal(), "absent means unchanged")

	_, _, err = o.Save(t.Context(), environment, c) // an older version
	require.ErrorIs(t, err, entra.ErrConflict)

	other := draft("", "fabrikam.com", "CONTOSO.com.")
	other.Name = "other"
	_, _, err = o.Save(t.Context(), environment, other)
	var taken *entra.TakenError
	require.ErrorAs(t, err, &taken)
	require.Equal(t, c.ID, taken.ConnectionID)

	require.ErrorIs(t, o.Delete(t.Context(), environment, c.ID, c.Version), entra.ErrConflict)
	require.NoError(t, o.Delete(t.Context(), environment, c.ID, edit.Version))
	require.Empty(t, o.routes(t, "contoso.com"))
	last := o.changes[len(o.changes)-1]
	require.Nil(t, last.After)
}

// Faults are all named at once, and nothing that cannot verify a token is stored (attacks 46 and 51).
func TestSaveChecks(t *testing.T) {
	o := newOffice(t)
	for name, change := range map[string]func(*entra.Connection){
		"common":         func(c *entra.Connection) { c.EntraDomain = "common" },
		"consumers":      func(c *entra.Connection) { c.EntraDomain = cloud.Consumers },
		"path":           func(c *entra.Connection) { c.EntraDomain = "a/../b" },
		"no tenant":      func(c *entra.Connection) { c.EntraDomain = "" },
		"any and trust":  func(c *entra.Connection) { c.UseCommonEndpoint, c.AnyTenant, c.TrustEmails = true, true, true },
		"any and an org": func(c *entra.Connection) { c.UseCommonEndpoint, c.AnyTenant, c.OrganizationID = true, true, "org_x" },
		"reserved parameter": func(c *entra.Connection) {
			c.UpstreamParams = map[string]entra.UpstreamParam{"Redirect_URI": {Value: "x"}}
		},
		"cloud":         func(c *entra.Connection) { c.Cloud = "nowhere" },
		"mail provider": func(c *entra.Connection) { c.HomeRealmDomains = []string{"gmail.com"} },
		"public suffix": func(c *entra.Connection) { c.HomeRealmDomains = []string{"co.uk"} },
	} {
		c := draft("", "contoso.com", "contoso.com")
		change(c)
		_, findings, err := o.Save(t.Context(), environment, c)
		require.Error(t, err, name)
		require.NotEmpty(t, findings, name)
		require.Empty(t, o.routes(t, "contoso.com"), name)
	}
}
