package entra_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Deleting a connection tells how many users depend on it, to whoever may delete it, and goes on when told so.
func TestDeleteTellsHowManyDepend(t *testing.T) {
	h := newHouse(t)
	for _, person := range []string{entratest.Ann, entratest.Ben} {
		h.mustSignIn(t, contosoOAuth2, person)
	}
	h.mustSignIn(t, fabrikamWSFed, entratest.Bob)
	var changes []entra.Change
	r, err := entra.NewRegistrar(entra.RegistrarConfig{
		Store: h.connections, Users: h.users, Clouds: []cloud.Cloud{h.fake.Cloud()}, HTTPClient: h.fake.Client(),
		Audit: func(_ context.Context, c entra.Change) { changes = append(changes, c) },
	})
	require.NoError(t, err)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.OrganizationID = "org_contoso" })

	var inUse *entra.InUseError
	for _, by := range []entra.Actor{environment, entra.Administrator("org_contoso", "ann")} {
		require.ErrorAs(t, r.Delete(t.Context(), by, contosoOAuth2, ""), &inUse)
		require.Equal(t, entra.InUseError{ConnectionID: contosoOAuth2, Users: 2}, *inUse)
	}
	for _, stranger := range []entra.Actor{entra.Administrator("org_fabrikam", "mallory"), {}} {
		require.ErrorIs(t, r.Delete(t.Context(), stranger, contosoOAuth2, ""), entra.ErrNotFound, "a stranger learns no number")
		require.ErrorIs(t, r.DeleteInUse(t.Context(), stranger, contosoOAuth2, ""), entra.ErrNotFound)
	}
	require.ErrorIs(t, r.DeleteInUse(t.Context(), environment, contosoOAuth2, "stale"), entra.ErrConflict)
	require.NoError(t, r.Delete(t.Context(), environment, contosoSAML11, ""), "nobody depends on this one")
	require.NoError(t, r.DeleteInUse(t.Context(), entra.Administrator("org_contoso", "ann"), contosoOAuth2, ""))
	require.Len(t, changes, 2)
	require.Equal(t, entra.SessionsDeleted, changes[1].SessionsEnd())

	broken, err := entra.NewRegistrar(entra.RegistrarConfig{Store: h.connections, Users: brokenUsers{}})
	require.NoError(t, err)
	require.ErrorContains(t, broken.Delete(t.Context(), environment, fabrikamWSFed, ""), "users are away", "who cannot count does not delete")
}

type brokenUsers struct{}

func (brokenUsers) Users(context.Context, provisioning.UserFilter) iter.Seq2[*provisioning.User, error] {
	return func(func(*provisioning.User, error) bool) {}
}

func (brokenUsers) CountUsers(context.Context, provisioning.UserFilter) (int, error) {
	return 0, errors.New("users are away")
}

// What a change means for sessions that began before it.
func TestSessionsEnd(t *testing.T) {
	const other = "22222222-2222-4222-8222-222222222222"
	mine := entra.Session{Tenant: contosoTenant, Application: "app"}
	foreign := entra.Session{Tenant: other, Application: "app"}
	elsewhere := entra.Session{Tenant: contosoTenant, Application: "app_2"}
	inOrganization := entra.Session{Tenant: contosoTenant, Application: "app", Organization: "org_1"}
	byAddress := func(organization string) entra.Session { // an address led here, from an application that is not listed
		return entra.Session{Tenant: contosoTenant, Application: "app_3", Organization: organization, ByHomeRealm: true}
	}
	for name, test := range map[string]struct {
		before, after func(*entra.Connection)
		want          entra.SessionEnd
		ends, stays   []entra.Session
	}{
		"renamed":             {nil, func(c *entra.Connection) { c.DisplayName = "x" }, entra.SessionsGoOn, nil, []entra.Session{mine}},
		"another strategy":    {nil, func(c *entra.Connection) { c.Strategy = entra.WSFed }, entra.SessionsGoOn, nil, []entra.Session{mine}},
		"another secret":      {nil, func(c *entra.Connection) { c.ClientSecret = secret("x") }, entra.SessionsGoOn, nil, []entra.Session{mine}},
		"switched off":        {nil, func(c *entra.Connection) { c.Enabled = false }, entra.SessionsSwitchedOff, []entra.Session{mine, foreign, {}}, nil},
		"switched on":         {func(c *entra.Connection) { c.Enabled = false }, nil, entra.SessionsGoOn, nil, []entra.Session{mine}},
		"another tenant":      {nil, func(c *entra.Connection) { c.TenantID = other }, entra.SessionsElsewhere, []entra.Session{mine}, []entra.Session{foreign}},
		"another cloud":       {nil, func(c *entra.Connection) { c.Cloud = "usgov" }, entra.SessionsElsewhere, []entra.Session{mine}, nil},
		"pinned at last":      {func(c *entra.Connection) { c.TenantID = "" }, nil, entra.SessionsGoOn, nil, []entra.Session{mine}},
		"an application less": {func(c *entra.Connection) { c.EnabledApplications = []string{"app", "app_2"} }, nil, entra.SessionsNarrowed, []entra.Session{elsewhere}, []entra.Session{mine}},
		"no longer all":       {func(c *entra.Connection) { c.AllApplications = true }, nil, entra.SessionsNarrowed, []entra.Session{elsewhere}, []entra.Session{mine}},
		"an application more": {nil, func(c *entra.Connection) { c.EnabledApplications = []string{"app", "app_2"} }, entra.SessionsGoOn, nil, []entra.Session{mine}},
		"an organization less": {
			func(c *entra.Connection) { c.EnabledApplications, c.Organizations = nil, []string{"org_1", "org_2"} }, func(c *entra.Connection) { c.EnabledApplications, c.Organizations = nil, []string{"org_2"} },
			entra.SessionsNarrowed,
			[]entra.Session{inOrganization},
			[]entra.Session{{Tenant: contosoTenant, Organization: "org_2"}},
		},
		"an organization less, by address": {
			func(c *entra.Connection) { c.Organizations = []string{"org_1", "org_2"} }, func(c *entra.Connection) { c.Organizations = []string{"org_2"} },
			entra.SessionsNarrowed,
			[]entra.Session{byAddress("org_1")},
			[]entra.Session{byAddress("org_2"), mine},
		},
		"another organization's own": {
			func(c *entra.Connection) { c.OrganizationID = "org_1" }, func(c *entra.Connection) { c.OrganizationID = "org_2" },
			entra.SessionsNarrowed,
			[]entra.Session{byAddress("org_1"), inOrganization},
			nil,
		},
		"an application less of its own": {
			func(c *entra.Connection) { c.OrganizationID, c.EnabledApplications = "org_1", []string{"app", "app_2"} }, func(c *entra.Connection) { c.OrganizationID = "org_1" },
			entra.SessionsNarrowed,
			[]entra.Session{{Tenant: contosoTenant, Application: "app_2", Organization: "org_1"}},
			[]entra.Session{byAddress("org_1"), inOrganization},
		},
		"a tenant less": {
			func(c *entra.Connection) {
				c.UseCommonEndpoint, c.AllowedTenants = true, []string{contosoTenant, other}
			}, func(c *entra.Connection) { c.UseCommonEndpoint, c.AllowedTenants = true, []string{contosoTenant} },
			entra.SessionsNarrowed,
			[]entra.Session{foreign},
			[]entra.Session{mine},
		},
		"no longer any": {func(c *entra.Connection) { c.UseCommonEndpoint, c.AnyTenant = true, true }, nil, entra.SessionsNarrowed, []entra.Session{foreign}, []entra.Session{mine}},
		"personal accounts less": {
			func(c *entra.Connection) {
				c.UseCommonEndpoint, c.AnyTenant, c.AllowedTenants = true, true, []string{cloud.Consumers}
			}, func(c *entra.Connection) { c.UseCommonEndpoint, c.AnyTenant = true, true },
			entra.SessionsNarrowed,
			[]entra.Session{{Tenant: cloud.Consumers, Application: "app"}},
			[]entra.Session{mine, foreign},
		},
	} {
		before, after := contoso(), contoso()
		for _, change := range []struct {
			c *entra.Connection
			f func(*entra.Connection)
		}{{before, test.before}, {after, test.after}} {
			if change.f != nil {
				change.f(change.c)
			}
		}
		ch := entra.Change{Before: before, After: after}
		require.Equal(t, test.want, ch.SessionsEnd(), name)
		for _, s := range test.ends {
			require.True(t, ch.EndsSession(s), "%s: %+v", name, s)
		}
		for _, s := range test.stays {
			require.False(t, ch.EndsSession(s), "%s: %+v", name, s)
		}
	}
	gone := entra.Change{Before: contoso()}
	require.True(t, gone.EndsSession(mine))
	created := entra.Change{After: contoso()}
	require.False(t, created.EndsSession(mine))
}
