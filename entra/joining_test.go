package entra_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// lobby lets people join by themselves, except into the organization that it calls closed.
type lobby struct{}

func (lobby) Organization(_ context.Context, id string) (*provisioning.Organization, error) {
	switch id {
	case "org_contoso", "org_northwind":
		return &provisioning.Organization{ID: id, AutoJoin: true}, nil
	case "org_closed":
		return &provisioning.Organization{ID: id}, nil
	}
	return nil, entra.ErrNotFound
}

// A person joins the organization they land in, if the connection is its own or it switched the shared one on, and its own policy allows it (attack 58).
func TestJoining(t *testing.T) {
	own := func(c *entra.Connection) { c.OrganizationID, c.AutoJoinOrganization = "org_contoso", true }
	shared := func(c *entra.Connection) { c.Organizations = []string{"org_northwind", "org_closed", "org_unknown"} }
	for name, test := range map[string]struct {
		change       func(*entra.Connection)
		organization string
		byAddress    bool
		joins        string
		why          provisioning.JoinRefusal
	}{
		"own, named":                         {own, "org_contoso", false, "org_contoso", ""},
		"own, by home realm discovery":       {own, "", true, "org_contoso", ""},
		"own, discovery beats what is named": {own, "org_northwind", true, "org_contoso", ""},
		"own, auto-join off":                 {func(c *entra.Connection) { c.OrganizationID = "org_contoso" }, "org_contoso", false, "", provisioning.JoinClosed},
		"shared, switched on":                {shared, "org_northwind", false, "org_northwind", ""},
		"shared, its policy is closed":       {shared, "org_closed", false, "", provisioning.JoinClosed},
		"shared, unknown to the host":        {shared, "org_unknown", false, "", ""},
		"shared, a foreign organization":     {shared, "org_contoso", false, "", ""},
		"shared, none named":                 {shared, "", false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(c *entra.Config) { c.Organizations = lobby{} })
			h.edit(t, contosoOAuth2, test.change)
			o := entra.BeginOptions{Organization: test.organization}
			d, err := h.Begin(t.Context(), contosoOAuth2, o)
			if test.byAddress {
				d, err = h.BeginByAddress(t.Context(), entratest.Ann, o)
			}
			require.NoError(t, err)
			in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
			require.NoError(t, err)
			require.Equal(t, test.joins, in.Decision.Joined)
			require.Equal(t, test.why, in.Decision.NotJoined)
			if test.joins == "" {
				require.Empty(t, in.User.Organizations)
			} else {
				require.Equal(t, []string{test.joins}, in.User.Organizations)
			}
		})
	}
}
