package entra_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Advice for the session's end is the earliest of what is known, and none where nothing is.
func TestNotAfter(t *testing.T) {
	for name, c := range map[string]struct {
		maxAge  time.Duration // of groups
		session int
		groups  bool
		want    time.Duration
		by      string
	}{
		"nothing is known":    {24 * time.Hour, 0, false, 0, ""},
		"groups":              {24 * time.Hour, 0, true, 24 * time.Hour, "groups"},
		"groups of no age":    {-1, 0, true, 0, ""},
		"the connection":      {-1, 3600, true, time.Hour, "connection"},
		"the connection last": {time.Minute, 3600, true, time.Minute, "groups"},
		"groups last":         {24 * time.Hour, 3600, true, time.Hour, "connection"},
	} {
		h := newHouse(t, func(config *entra.Config) { config.GroupsMaxAge = c.maxAge })
		h.edit(t, contosoOAuth2, func(conn *entra.Connection) { conn.UserGroups, conn.MaxSessionSeconds = c.groups, c.session })
		in := h.mustSignIn(t, contosoOAuth2, entratest.Ann)
		require.Equal(t, c.by, in.NotAfterBy, name)
		if c.by == "" {
			require.Zero(t, in.NotAfter, name)
			continue
		}
		require.Equal(t, h.clock.Now().Add(c.want).UTC(), in.NotAfter, name)
	}
}

// Groups that are known from before are good for what is left of their age.
func TestNotAfterOfOldGroups(t *testing.T) {
	h := newHouse(t)
	first := h.mustSignIn(t, contosoWSFed, entratest.Maya)
	require.Equal(t, "graph", first.GroupsFrom)
	known := h.clock.Now()
	h.clock.advance(20 * time.Hour)
	h.fake.SetFaults(entratest.Faults{Fail: map[string]int{entratest.EndpointGraph: -1}})
	in := h.mustSignIn(t, contosoWSFed, entratest.Maya)
	require.Equal(t, "before", in.GroupsFrom)
	require.Equal(t, known.Add(24*time.Hour).UTC(), in.NotAfter)
	require.Equal(t, "groups", in.NotAfterBy)
}

// The provider's own session ends the host's, where a token names its end.
func TestNotAfterOfTheProvider(t *testing.T) {
	s := newStage(t)
	end := s.clock.Now().Add(time.Hour).UTC()
	s.door.edit = func(id *claims.Identity) { id.SessionEnd = end }
	d := s.begin(t, entra.BeginOptions{})
	in, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	require.NoError(t, err)
	require.Equal(t, end, in.NotAfter)
	require.Equal(t, "provider", in.NotAfterBy)
}

// street is the host's list of organizations.
type street map[string]*provisioning.Organization

func (s street) Organization(_ context.Context, id string) (*provisioning.Organization, error) {
	if o := s[id]; o != nil {
		return o, nil
	}
	return nil, entra.ErrNotFound
}

// Access is bound to the connection, and everything is looked at anew.
func TestMayEnter(t *testing.T) {
	orgs := street{"org_contoso": {ID: "org_contoso", AutoJoin: true}, "org_northwind": {ID: "org_northwind", AutoJoin: true}, "org_evil": {ID: "org_evil", AutoJoin: true}}
	h := newHouse(t, func(c *entra.Config) { c.Organizations = orgs })
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.Organizations, c.AllApplications, c.EnabledApplications = []string{"org_contoso", "org_northwind"}, false, []string{"app"}
	})
	signIn := func(org string) *entra.SignIn {
		d, err := h.Begin(t.Context(), contosoOAuth2, entra.BeginOptions{Application: "app", Organization: org})
		require.NoError(t, err)
		in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
		require.NoError(t, err)
		return in
	}
	in := signIn("org_contoso")
	require.NoError(t, h.MayEnter(t.Context(), in, "org_contoso"))
	requireKind(t, entra.KindRefused, h.MayEnter(t.Context(), in, "org_northwind")) // no member yet
	in = signIn("org_northwind")
	for _, org := range []string{"org_contoso", "org_northwind"} {
		require.NoError(t, h.MayEnter(t.Context(), in, org))
	}
	kept := &entra.SignIn{Connection: &entra.Connection{ID: contosoOAuth2}, Identity: &claims.Identity{TenantID: entratest.ContosoID}, Application: "app", User: &provisioning.User{ID: in.User.ID}}
	require.NoError(t, h.MayEnter(t.Context(), kept, "org_northwind"), "from what a host keeps of a sign-in")
	kept.Application = "another"
	requireKind(t, entra.KindDisabled, h.MayEnter(t.Context(), kept, "org_evil"))

	// A member of an organization that never switched the connection on: another door.
	_, err := h.users.Update(t.Context(), in.User.ID, provisioning.Change{Join: []string{"org_evil", "org_ghost"}})
	require.NoError(t, err)
	requireKind(t, entra.KindDisabled, h.MayEnter(t.Context(), in, "org_evil"))
	requireKind(t, entra.KindConfiguration, h.MayEnter(t.Context(), in, ""))
	requireKind(t, entra.KindConfiguration, h.MayEnter(t.Context(), nil, "org_contoso"))

	for name, c := range map[string]struct {
		happens func()
		kind    entra.Kind
	}{
		"the organization is suspended": {func() { orgs["org_contoso"].Suspended = true }, entra.KindRefused},
		"the organization is gone":      {func() { delete(orgs, "org_contoso") }, entra.KindRefused},
		"the organization switched it off": {func() {
			h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Organizations = []string{"org_northwind"} })
		}, entra.KindDisabled},
		"the connection is off": {func() { h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Enabled = false }) }, entra.KindDisabled},
		"the application is off": {func() {
			h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.EnabledApplications = []string{"another"} })
		}, entra.KindDisabled},
		"the user is suspended": {func() {
			u := in.User.Clone()
			u.Suspended, u.Organizations = true, []string{"org_contoso"}
			require.NoError(t, h.users.Load(u))
		}, entra.KindRefused},
		"the user was erased":        {func() { require.NoError(t, h.users.Erase(t.Context(), in.User.ID, "")) }, entra.KindRefused},
		"the connection was deleted": {func() { require.NoError(t, h.connections.Delete(t.Context(), contosoOAuth2, "")) }, entra.KindNoConnection},
		"the connection leads elsewhere": {func() {
			c, err := h.connections.Connection(t.Context(), contosoOAuth2)
			require.NoError(t, err)
			c = c.Clone()
			c.TenantID = entratest.FabrikamID
			_, err = h.connections.Put(t.Context(), c)
			require.NoError(t, err)
		}, entra.KindDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			c0, err := h.connections.Connection(t.Context(), contosoOAuth2)
			require.NoError(t, err)
			u0, err := h.users.User(t.Context(), in.User.ID)
			require.NoError(t, err)
			require.NoError(t, h.MayEnter(t.Context(), in, "org_contoso"))
			c.happens()
			e := requireKind(t, c.kind, h.MayEnter(t.Context(), in, "org_contoso"))
			require.Equal(t, contosoOAuth2, e.ConnectionID)

			orgs["org_contoso"] = &provisioning.Organization{ID: "org_contoso", AutoJoin: true}
			require.NoError(t, h.users.Load(u0))
			_ = h.connections.Delete(t.Context(), contosoOAuth2, "") // gone already, or it is replaced
			restored := c0.Clone()
			restored.Version = ""
			_, err = h.connections.Put(t.Context(), restored)
			require.NoError(t, err)
		})
	}
}

// An organization's own connection opens its own door only, wherever the person is a member (attack 58).
func TestMayEnterByOwnConnection(t *testing.T) {
	h := newHouse(t)
	h.edit(t, contosoWSFed, func(c *entra.Connection) { c.OrganizationID = "org_contoso" })
	d, err := h.Begin(t.Context(), contosoWSFed, entra.BeginOptions{Organization: "org_contoso"})
	require.NoError(t, err)
	in, err := h.Finish(t.Context(), h.arrival(t, d, entratest.Ann))
	require.NoError(t, err)
	_, err = h.users.Update(t.Context(), in.User.ID, provisioning.Change{Join: []string{"org_contoso", "org_northwind"}})
	require.NoError(t, err)
	require.NoError(t, h.MayEnter(t.Context(), in, "org_contoso"))
	requireKind(t, entra.KindDisabled, h.MayEnter(t.Context(), in, "org_northwind"))
}
