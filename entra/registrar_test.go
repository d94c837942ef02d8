package entra_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
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
	mu      sync.Mutex
	changes []entra.Change
	vouch   map[string]string // domain → organization
}

func (o *office) Proven(_ context.Context, domain string, by entra.Actor) (bool, error) {
	return o.vouch[domain] == by.Organization, nil
}

var environment = entra.Environment("operator")

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{store: memory.NewConnections(), vouch: map[string]string{}}
	var err error
	o.fake, err = entratest.Start(&entratest.Options{Keys: suiteKeys()})
	require.NoError(t, err)
	t.Cleanup(o.fake.Close)
	public := o.fake.Cloud()
	public.Name = "public" // an organization's administrator chooses no cloud, so the fake is the public one here
	none := public
	none.Name = ""
	o.Registrar, err = entra.NewRegistrar(entra.RegistrarConfig{
		Store: o.store, Domains: o, Clouds: []cloud.Cloud{public, none}, HTTPClient: o.fake.Client(),
		Audit: func(_ context.Context, c entra.Change) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.changes = append(o.changes, c)
		},
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
	fabrikam := entra.Administrator("org_fabrikam", "mallory")
	contoso := entra.Administrator("org_contoso", "ann")

	// Naming the victim's tenant costs nothing: discovery is public.
	squatter, _, err := o.Save(t.Context(), fabrikam, draft("org_fabrikam", "contoso.com", "contoso.com", "fabrikam.com"))
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoID, squatter.TenantID)
	require.Empty(t, squatter.ProvenDomains())
	require.Empty(t, o.routes(t, "contoso.com"))
	require.Empty(t, o.routes(t, "fabrikam.com"))

	o.vouch["contoso.com"] = "org_contoso"
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

// A save of the environment for another reason, trust for one, proves nothing that an organization's admin has listed.
func TestEnvironmentSavesProveNothingElse(t *testing.T) {
	o := newOffice(t)
	c, _, err := o.Save(t.Context(), entra.Administrator("org_fabrikam", "mallory"), draft("org_fabrikam", "fabrikam.com", "victim.example"))
	require.NoError(t, err)
	c.TrustEmails = true
	c.HomeRealmDomains = append(c.HomeRealmDomains, "fabrikam.com")
	c, _, err = o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.True(t, c.TrustEmails)
	require.Equal(t, []string{"fabrikam.com"}, c.ProvenDomains(), "what the environment adds itself, it proves")

	_, err = o.ProveDomain(t.Context(), entra.Administrator("org_fabrikam", "mallory"), c.ID, "victim.example")
	require.ErrorIs(t, err, entra.ErrNotAllowed)
	c, err = o.ProveDomain(t.Context(), environment, c.ID, "@Victim.example")
	require.NoError(t, err)
	require.Equal(t, []string{"victim.example", "fabrikam.com"}, c.ProvenDomains())

	// A domain that is proven elsewhere does not keep the environment from switching a squatter off.
	squatter, _, err := o.Save(t.Context(), entra.Administrator("org_x", "x"), draft("org_x", "contoso.com", "victim.example"))
	require.NoError(t, err)
	squatter.Enabled = false
	_, _, err = o.Save(t.Context(), environment, squatter)
	require.NoError(t, err)
	_, err = o.ProveDomain(t.Context(), environment, squatter.ID, "victim.example")
	var taken *entra.TakenError
	require.ErrorAs(t, err, &taken)
}

// administrator is the identity of somebody who signed in, with directory roles.
func administrator(t *testing.T, tenant, acct string, roles ...string) *claims.Identity {
	t.Helper()
	id, err := claims.FromVerifiedJWT([]byte(toJSON(t, map[string]any{
		"iss": "https://login.example/" + tenant + "/v2.0", "sub": "s", "tid": tenant, "oid": annObject, "acct": acct, "wids": roles,
	})))
	require.NoError(t, err)
	return id
}

// Entra's discovery counts once an administrator of that tenant has signed in through the connection; a better proof takes the domain away again.
func TestProveByAdministrator(t *testing.T) {
	const globalAdmin = "62e90394-69f5-4237-9190-012177145e10"
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "ann")
	c, _, err := o.Save(t.Context(), by, draft("org_contoso", "contoso.com", "contoso.com", "fabrikam.com", "nowhere.example"))
	require.NoError(t, err)
	for name, id := range map[string]*claims.Identity{
		"nobody":       nil,
		"other tenant": administrator(t, entratest.FabrikamID, "0", globalAdmin),
		"no admin":     administrator(t, entratest.ContosoID, "0", "b79fbf4d-3ef9-4689-8143-76b194e85509"),
		"no roles":     administrator(t, entratest.ContosoID, "0"),
		"a guest":      administrator(t, entratest.ContosoID, "1", globalAdmin),
	} {
		_, err := o.ProveByAdministrator(t.Context(), by, c.ID, id)
		require.ErrorIs(t, err, entra.ErrNotAllowed, name)
	}
	admin := administrator(t, entratest.ContosoID, "0", globalAdmin)
	_, err = o.ProveByAdministrator(t.Context(), entra.Administrator("org_other", "x"), c.ID, admin)
	require.ErrorIs(t, err, entra.ErrNotFound)
	c, err = o.ProveByAdministrator(t.Context(), by, c.ID, admin)
	require.NoError(t, err)
	require.Equal(t, []string{"contoso.com"}, c.ProvenDomains(), "only what discovery names this tenant for")
	require.Equal(t, entra.ProofByEntra, c.DomainProofs[0].By)

	o.vouch["contoso.com"] = "org_owner"
	owner, _, err := o.Save(t.Context(), entra.Administrator("org_owner", "o"), draft("org_owner", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	require.Equal(t, owner.ID, o.routes(t, "contoso.com"), "the authority's word displaces Entra's")
	stored, err := o.store.Connection(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, entra.DomainLapsed, stored.DomainProofs[0].State)
	_, err = o.ProveByAdministrator(t.Context(), by, c.ID, admin)
	var taken *entra.TakenError
	require.ErrorAs(t, err, &taken, "and not the other way round")
	require.Empty(t, taken.ConnectionID, "whose it is, is not the organization's to know")
}

// Of two whose proofs are both Entra's, the first keeps the domain; and a connection that the environment takes over proves nothing by that.
func TestEqualProofs(t *testing.T) {
	o := newOffice(t)
	admin := administrator(t, entratest.ContosoID, "0", "62e90394-69f5-4237-9190-012177145e10")
	var ids []string
	for _, organization := range []string{"org_first", "org_second"} {
		by := entra.Administrator(organization, "admin")
		c, _, err := o.Save(t.Context(), by, draft(organization, "contoso.com", "contoso.com", "claimed.example"))
		require.NoError(t, err)
		ids = append(ids, c.ID)
		_, err = o.ProveByAdministrator(t.Context(), by, c.ID, admin)
		require.Equal(t, organization == "org_second", err != nil)
	}
	require.Equal(t, ids[0], o.routes(t, "contoso.com"))

	c, err := o.store.Connection(t.Context(), ids[0])
	require.NoError(t, err)
	c = c.Clone()
	c.OrganizationID = ""
	c, _, err = o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.Equal(t, []string{"contoso.com"}, c.ProvenDomains())
	require.Equal(t, entra.ProofByEntra, c.DomainProofs[0].By)
}

// The first pin of a tenant changes nothing; more tenants than before do.
func TestWhatUndoesTrust(t *testing.T) {
	o := newOffice(t)
	o.fake.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointDiscovery: -1}})
	c := draft("", "contoso.com", "contoso.com")
	c.TrustEmails = true
	c, _, err := o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.Empty(t, c.TenantID)
	o.fake.SetFaults(entratest.Faults{})
	c, _, err = o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoID, c.TenantID)
	require.True(t, c.TrustEmails)

	c.UseCommonEndpoint, c.AllowedTenants, c.TrustEmails = true, []string{entratest.ContosoID}, false
	c, _, err = o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	c.TrustEmails = true
	c, _, err = o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.True(t, c.TrustEmails)
	c.AllowedTenants = append(c.AllowedTenants, entratest.FabrikamID)
	c, _, err = o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.False(t, c.TrustEmails)
}

// Who vouched is asked again, and a domain that is no longer theirs lapses.
func TestRecheck(t *testing.T) {
	o := newOffice(t)
	o.vouch["northwind.example"] = "org_contoso"
	by := entra.Administrator("org_contoso", "ann")
	c, _, err := o.Save(t.Context(), by, draft("org_contoso", "contoso.com", "contoso.com", "northwind.example"))
	require.NoError(t, err)
	c, err = o.ProveByAdministrator(t.Context(), by, c.ID, administrator(t, entratest.ContosoID, "0", "62e90394-69f5-4237-9190-012177145e10"))
	require.NoError(t, err)
	require.Len(t, c.ProvenDomains(), 2)
	same, err := o.RecheckDomains(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, c.Version, same.Version, "nothing changed, nothing is written")

	o.fake.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointDiscovery: -1}})
	same, err = o.RecheckDomains(t.Context(), c.ID)
	require.NoError(t, err)
	require.Len(t, same.ProvenDomains(), 2, "when nobody answers, states stay")

	o.fake.SetFaults(entratest.Faults{})
	delete(o.vouch, "northwind.example")
	require.NoError(t, o.fake.Edit(moveContoso))
	c, err = o.RecheckDomains(t.Context(), c.ID)
	require.NoError(t, err)
	require.Empty(t, c.ProvenDomains())
	require.Empty(t, o.routes(t, "contoso.com"))
}

// moveContoso makes contoso.com a domain of Fabrikam's tenant.
func moveContoso(tenants []entratest.Tenant) []entratest.Tenant {
	tenants[0].Domains = []string{"contoso.onmicrosoft.com"}
	tenants[1].Domains = append(tenants[1].Domains, "contoso.com")
	return tenants
}

// An unpinned connection that is pointed elsewhere is another one: what it was trusted for ends.
func TestUnpinnedConnectionIsPointedElsewhere(t *testing.T) {
	o := newOffice(t)
	c := draft("org_contoso", "unknown.example", "contoso.com")
	c.TrustEmails = true
	c, _, err := o.Save(t.Context(), environment, c)
	require.NoError(t, err)
	require.Empty(t, c.TenantID)
	require.True(t, c.TrustEmails)
	c.EntraDomain = "fabrikam.com"
	c, _, err = o.Save(t.Context(), entra.Administrator("org_contoso", "mallory"), c)
	require.NoError(t, err)
	require.Equal(t, entratest.FabrikamID, c.TenantID)
	require.False(t, c.TrustEmails)
	require.Empty(t, c.ProvenDomains())
}

// An organization's admin gets an id that nobody had, and learns nothing of others' connections.
func TestOrganizationLearnsNothing(t *testing.T) {
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "mallory")
	c := draft("org_contoso", "contoso.com")
	c.ID = "conn_of_another"
	c, _, err := o.Save(t.Context(), by, c)
	require.NoError(t, err)
	require.NotEqual(t, "conn_of_another", c.ID)

	theirs, _, err := o.Save(t.Context(), environment, draft("org_fabrikam", "fabrikam.com"))
	require.NoError(t, err)
	guess := theirs.Clone()
	guess.Version = "a guess"
	_, _, err = o.Save(t.Context(), by, guess)
	require.ErrorIs(t, err, entra.ErrNotFound, "as for one that does not exist")
	_, err = o.ProveDomain(t.Context(), by, theirs.ID, "fabrikam.com")
	require.ErrorIs(t, err, entra.ErrNotAllowed)
	_, _, err = o.ConfirmTenant(t.Context(), by, c.ID)
	require.ErrorIs(t, err, entra.ErrNotAllowed)

	_, _, err = o.Save(t.Context(), entra.Actor{}, draft("", "contoso.com"))
	require.ErrorIs(t, err, entra.ErrNotAllowed, "nobody's actor")
	require.ErrorIs(t, o.Delete(t.Context(), entra.Actor{Name: "x"}, theirs.ID, ""), entra.ErrNotFound)

	many := draft("org_contoso", "contoso.com")
	for i := range 101 {
		many.HomeRealmDomains = append(many.HomeRealmDomains, fmt.Sprintf("d%d.example", i))
	}
	_, findings, err := o.Save(t.Context(), by, many)
	require.Error(t, err)
	require.NotEmpty(t, findings)
}

func TestDomainAuthority(t *testing.T) {
	o := newOffice(t)
	o.vouch["northwind.example"] = "org_northwind"
	c, _, err := o.Save(t.Context(), entra.Administrator("org_northwind", "admin"), draft("org_northwind", "fabrikam.com", "northwind.example", "tailspin.example"))
	require.NoError(t, err)
	require.Equal(t, []string{"northwind.example"}, c.ProvenDomains())
	require.Equal(t, entra.ProofByAuthority, c.DomainProofs[0].By)
}

// What steers where we fetch from, whom we trust and whom we let in is the environment's.
func TestOrganizationMayNot(t *testing.T) {
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "admin")
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
	for _, organization := range []string{"", "org_contoso"} {
		o := newOffice(t)
		c := draft(organization, "contoso.com", "contoso.com")
		c.TrustEmails = true
		c, _, err := o.Save(t.Context(), environment, c)
		require.NoError(t, err)
		require.Equal(t, []string{"contoso.com"}, c.ProvenDomains())

		require.NoError(t, o.fake.Edit(moveContoso))
		_, _, err = o.Save(t.Context(), environment, c)
		require.ErrorIs(t, err, entra.ErrTenantChanged)
		c.TenantID = "" // a form that shows no tenant id confirms nothing
		_, _, err = o.Save(t.Context(), environment, c)
		require.ErrorIs(t, err, entra.ErrTenantChanged)

		c, findings, err := o.ConfirmTenant(t.Context(), environment, c.ID)
		require.NoError(t, err)
		require.Equal(t, entratest.FabrikamID, c.TenantID)
		require.False(t, c.TrustEmails)
		require.NotEmpty(t, findings)
		if organization == "" {
			require.Equal(t, []string{"contoso.com"}, c.ProvenDomains(), "the environment's own connection: it wrote the domain")
		} else {
			require.Empty(t, c.ProvenDomains(), "an organization's is to be proven anew")
		}
	}
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
