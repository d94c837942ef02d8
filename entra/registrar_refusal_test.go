package entra_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// refusals are the faults that an error of a Registrar holds, by field.
func refusals(t *testing.T, err error) map[string]string {
	t.Helper()
	require.ErrorIs(t, err, entra.ErrNotAllowed)
	require.ErrorIs(t, err, provisioning.ErrNotAllowed, "a host that asks for either finds both")
	var refused *entra.NotAllowedError
	require.ErrorAs(t, err, &refused)
	byField := map[string]string{}
	for _, f := range refused.Faults {
		require.Equal(t, entra.SeverityError, f.Severity)
		require.NotEmpty(t, f.Problem, f.Field)
		require.NotEmpty(t, f.Fix, f.Field)
		require.Contains(t, err.Error(), f.String())
		byField[f.Field] = f.String()
	}
	return byField
}

// Whoever is refused reads every field that is not theirs to change, who may, and what to do.
func TestRefusalsSayWhoMay(t *testing.T) {
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "ann")
	_, _, err := o.Save(t.Context(), by, draft("", "contoso.com"))
	require.Equal(t, map[string]string{
		"organization_id": `organization_id: is not your organization; enter "org_contoso"; connections of others, and of all, are the operator's to make`,
	}, refusals(t, err))

	c, _, err := o.Save(t.Context(), by, draft("org_contoso", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	changed := c.Clone()
	changed.OrganizationID, changed.TrustEmails, changed.Cloud = "org_other", true, "china"
	_, _, err = o.Save(t.Context(), by, changed)
	require.Equal(t, map[string]string{
		"organization_id":         "organization_id: is the operator's to change; leave it as it is, or ask the operator",
		"is_trust_emails_enabled": "is_trust_emails_enabled: is the operator's to switch on; leave it off, or ask the operator",
		"cloud":                   "cloud: is the operator's to change; leave it as it is, or ask the operator",
	}, refusals(t, err))

	_, _, err = o.Save(t.Context(), entra.Actor{}, draft("", "contoso.com"))
	require.Contains(t, refusals(t, err)[""], "the actor has no organization")
	_, _, err = o.Save(t.Context(), entra.Administrator("org_other", "mallory"), changed)
	require.ErrorIs(t, err, entra.ErrNotFound, "and nobody reads of another's connection")
	_, _, err = o.ConfirmTenant(t.Context(), by, c.ID)
	require.Contains(t, refusals(t, err)["tenant_id"], "the operator's to confirm")
	_, err = o.ProveDomain(t.Context(), by, c.ID, "contoso.com")
	require.Contains(t, refusals(t, err)["home_realm_domains"], "record in DNS")
}

// An administrator of the tenant who is refused reads what their sign-in lacked.
func TestWhoDoesNotSpeakForDomains(t *testing.T) {
	const globalAdmin = "62e90394-69f5-4237-9190-012177145e10"
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "ann")
	c, _, err := o.Save(t.Context(), by, draft("org_contoso", "contoso.com", "contoso.com"))
	require.NoError(t, err)
	why := func() string {
		_, err := o.ProveByAdministrator(t.Context(), by, c.ID, nil)
		return refusals(t, err)["home_realm_domains"]
	}
	require.Contains(t, why(), "nobody has signed in")
	for lacks, token := range map[string][3]string{
		"of another tenant":            {entratest.FabrikamID, "0", globalAdmin},
		"no member":                    {entratest.ContosoID, "1", globalAdmin},
		"groupMembershipClaims":        {entratest.ContosoID, "0", "b79fbf4d-3ef9-4689-8143-76b194e85509"},
		"or the token does not say so": {entratest.ContosoID, "", globalAdmin},
	} {
		_, err := o.ProveByAdministrator(t.Context(), by, c.ID, administrator(t, token[0], token[1], token[2]))
		require.Contains(t, refusals(t, err)["home_realm_domains"], lacks)
	}
	stored := c.Clone()
	stored.TenantID = ""
	_, err = o.store.Put(t.Context(), stored)
	require.NoError(t, err)
	_, err = o.ProveByAdministrator(t.Context(), by, c.ID, administrator(t, entratest.ContosoID, "0", globalAdmin))
	require.Contains(t, refusals(t, err)["home_realm_domains"], "not of one tenant")
}

// A name that is no secret's is answered with those that are.
func TestSecretsByName(t *testing.T) {
	o := newOffice(t)
	c, _, err := o.Save(t.Context(), environment, draft("", "contoso.com"))
	require.NoError(t, err)
	_, err = o.ClearSecret(t.Context(), environment, c.ID, "", "secret")
	require.ErrorContains(t, err, "client_secret, next_client_secret, client_certificate, next_client_certificate")
	_, err = o.PromoteSecret(t.Context(), environment, c.ID, "", "next_client_secret")
	require.ErrorContains(t, err, "name one of client_secret, client_certificate")
	_, err = o.PromoteSecret(t.Context(), environment, c.ID, "", "client_secret")
	require.ErrorContains(t, err, "save it first")
}
