package entra_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// leads reports whether an address leads to Contoso's sign-in page, and the person back from there.
func (h *house) leads(t *testing.T, address string) bool {
	t.Helper()
	d, err := h.BeginByAddress(t.Context(), address, entra.BeginOptions{})
	if err != nil {
		requireKind(t, entra.KindNoConnection, err)
		return false
	}
	_, err = h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
	require.NoError(t, err)
	return true
}

// Subdomains are led to a connection by explicit choice only, and a connection that lists one of them goes before.
func TestSubdomains(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.HomeRealmDomains, c.AllApplications = []string{"contoso.com"}, true })
	require.True(t, h.leads(t, "ann@contoso.com"))
	require.False(t, h.leads(t, "ann@sales.contoso.com"))

	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.HomeRealmDomains = []string{"@*.Contoso.com"} })
	require.False(t, h.leads(t, "ann@contoso.com"), "the domain itself is listed by itself")
	require.True(t, h.leads(t, "ann@sales.contoso.com"))
	require.True(t, h.leads(t, "ann@eu.sales.contoso.com"))
	require.False(t, h.leads(t, "ann@evilcontoso.com"))
	require.False(t, h.leads(t, "ann@contoso.com.evil.example"))

	h.edit(t, contosoWSFed, func(c *entra.Connection) { c.HomeRealmDomains, c.AllApplications = []string{"sales.contoso.com"}, true })
	d, err := h.BeginByAddress(t.Context(), "ann@sales.contoso.com", entra.BeginOptions{})
	require.NoError(t, err)
	require.Contains(t, d.URL, "/wsfed?")
	require.True(t, h.leads(t, "ann@eu.sales.contoso.com"))
}

// What stands for subdomains is proven as its domain is, and apart from it: another record, of another organization, proves nothing.
func TestSubdomainsAreProven(t *testing.T) {
	o := newOffice(t)
	contosos, mallorys := entra.Administrator("org_contoso", "ann"), entra.Administrator("org_mallory", "mallory")
	squatter, _, err := o.Save(t.Context(), mallorys, draft("org_mallory", "contoso.com", "*.contoso.com", "*.sales.contoso.com"))
	require.NoError(t, err)
	require.Empty(t, squatter.ProvenDomains())
	require.Empty(t, o.routes(t, "*.contoso.com"))

	o.vouch["contoso.com"] = "org_contoso"
	owner, _, err := o.Save(t.Context(), contosos, draft("org_contoso", "contoso.com", "*.contoso.com"))
	require.NoError(t, err)
	require.Equal(t, []string{"*.contoso.com"}, owner.ProvenDomains())
	require.Equal(t, owner.ID, o.routes(t, "*.contoso.com"))
	require.Empty(t, o.routes(t, "contoso.com"))

	delete(o.vouch, "contoso.com")
	owner, err = o.RecheckDomains(t.Context(), owner.ID)
	require.NoError(t, err)
	require.Empty(t, owner.ProvenDomains())

	// The environment's word, by any spelling.
	owner, err = o.ProveDomain(t.Context(), environment, owner.ID, "@*.CONTOSO.com.")
	require.NoError(t, err)
	require.Equal(t, owner.ID, o.routes(t, "*.contoso.com"))
}

// Entra's word is about the name that it was asked for: below it other tenants can hold names of their own.
func TestSubdomainsAreNotProvenByEntra(t *testing.T) {
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "ann")
	c, _, err := o.Save(t.Context(), by, draft("org_contoso", "contoso.com", "*.contoso.com", "contoso.com"))
	require.NoError(t, err)
	c, err = o.ProveByAdministrator(t.Context(), by, c.ID, administrator(t, entratest.ContosoID, "0", "62e90394-69f5-4237-9190-012177145e10"))
	require.NoError(t, err)
	require.Equal(t, []string{"contoso.com"}, c.ProvenDomains())

	stored := c.Clone()
	for i, p := range stored.DomainProofs {
		if p.Domain == "*.contoso.com" {
			stored.DomainProofs[i].State, stored.DomainProofs[i].By = entra.DomainProven, entra.ProofByEntra
		}
	}
	_, err = o.store.Put(t.Context(), stored)
	require.NoError(t, err)
	c, err = o.RecheckDomains(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"contoso.com"}, c.ProvenDomains(), "one that is stored so lapses")
}

// The record to publish for subdomains is the domain's own.
func TestSubdomainsHaveTheirDomainsRecord(t *testing.T) {
	a := dnsAuthority(&zone{})
	require.Equal(t, challengeFor(t, a, "contoso.com", "org_contoso"), challengeFor(t, a, "*.contoso.com", "org_contoso"))
	_, err := a.Challenge("*.co.uk", "org_contoso")
	require.Error(t, err)
}
