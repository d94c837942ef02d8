package entra_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// A team that Maya is in nested, and the one whose rule gives "teams" (byRules).
const (
	requiredTeam = "c0a70500-0000-4000-8000-000000700002"
	ruledTeam    = "c0a70500-0000-4000-8000-000000700000"
)

// refreshing is a house in which Maya, of 300 groups, has signed in with a refresh token, and must stay in a team.
func refreshing(t *testing.T, change func(*entra.Connection)) (*house, *entra.SignIn, func() (*entra.Refreshed, error)) {
	t.Helper()
	h := byRules(t)
	h.inGroups(t, 300, nil)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.Scopes, c.Groups.Required = []string{"offline_access"}, []string{requiredTeam}
		if change != nil {
			change(c)
		}
	})
	in := h.mustSignIn(t, contosoOAuth2, entratest.Maya)
	require.Equal(t, []string{"teams"}, in.Roles())
	return h, in, func() (*entra.Refreshed, error) {
		now, err := h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, in.Identity)
		if err != nil {
			require.Nil(t, now)
		}
		return now, err
	}
}

// What groups are worth at a sign-in they are worth at a refresh: who was taken out of the required group does not go on.
func TestRefreshRequiredGroup(t *testing.T) {
	h, in, refresh := refreshing(t, nil)
	now, err := refresh()
	require.NoError(t, err)
	list, known := now.Groups()
	require.True(t, known)
	require.Len(t, list, 300)
	require.Equal(t, "graph", now.GroupsFrom)
	require.Equal(t, h.clock.Now().UTC(), now.GroupsAt)
	require.Equal(t, []string{"teams"}, now.Roles())
	require.Equal(t, ruledTeam, now.Grants()[0].Group.ID)
	tokens, err := now.AccessTokenClaims(claims.TokenOptions{})
	require.NoError(t, err)
	require.Len(t, tokens["ext_groups"], 300)

	h.inGroups(t, 2, nil) // still in the team that a rule names, no longer in the one that is required
	_, err = refresh()
	require.ErrorIs(t, err, entra.ErrGroupRequired)
	e := requireKind(t, entra.KindRefused, err)
	require.Contains(t, e.Public, "none of the groups")
	require.Equal(t, contosoOAuth2, e.ConnectionID)
	h.inGroups(t, 0, nil)
	_, err = refresh()
	require.ErrorIs(t, err, entra.ErrGroupRequired, "out of the last group")
	require.Equal(t, in.Roles(), h.storedRoles(t, in), "nothing is written")
}

// Rules and filters are the connection's of now.
func TestRefreshMapping(t *testing.T) {
	h, _, refresh := refreshing(t, nil)
	h.inGroups(t, 2, nil)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.Groups.Required, c.Groups.Only = nil, []string{"c0a70500-0000-4000-8000-000000700001"}
	})
	now, err := refresh()
	require.NoError(t, err)
	list, _ := now.Groups()
	require.Len(t, list, 1)
	require.Empty(t, now.Roles(), "a group that was filtered gives nothing")
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.UserGroups = false })
	now, err = refresh()
	require.NoError(t, err)
	_, known := now.Groups()
	require.False(t, known, "not asked for")
	tokens, err := now.AccessTokenClaims(claims.TokenOptions{})
	require.NoError(t, err)
	require.NotContains(t, tokens, "ext_groups")
}

// Graph is silent: the connection says what that is worth, and nobody passes the gate by it.
func TestRefreshGraphDown(t *testing.T) {
	h, in, refresh := refreshing(t, nil)
	h.fake.SetFaults(graphIsDown())
	h.clock.advance(23 * time.Hour)
	now, err := refresh()
	require.NoError(t, err)
	require.Equal(t, "before", now.GroupsFrom)
	require.Equal(t, in.GroupsAt, now.GroupsAt)
	require.Equal(t, []string{"teams"}, now.Roles())

	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Groups.Required = []string{"c0a70500-0000-4000-8000-000000799999"} })
	_, err = refresh()
	require.ErrorIs(t, err, entra.ErrGroupRequired, "the groups known before are not the ones required now")
	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.Groups.Required, c.Groups.OnFailure = []string{requiredTeam}, entra.GroupsForgo
	})
	_, err = refresh()
	require.ErrorIs(t, err, entra.ErrGroupsUnknown, "a gate does not go on without")
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Groups.Required = nil })
	now, err = refresh()
	require.NoError(t, err)
	require.Empty(t, now.GroupsFrom)
	require.Empty(t, now.Roles())
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Groups.OnFailure = entra.GroupsRefuse })
	_, err = refresh()
	require.ErrorIs(t, err, entra.ErrGroupsUnknown)
	require.True(t, requireKind(t, entra.KindUnavailable, err).Retry)

	h.edit(t, contosoOAuth2, func(c *entra.Connection) {
		c.Groups.OnFailure, c.Groups.Required = entra.GroupsKeep, []string{requiredTeam}
	})
	h.clock.advance(time.Hour + time.Second)
	_, err = refresh()
	require.ErrorIs(t, err, entra.ErrGroupsUnknown, "what was known before is too old")
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Groups.Required = nil })
	now, err = refresh()
	require.NoError(t, err)
	_, known := now.Groups()
	require.False(t, known)
	require.Empty(t, now.Roles())
	require.True(t, now.GroupsAt.IsZero())

	h.fake.SetFaults(entratest.Faults{})
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Groups.Required = []string{requiredTeam} })
	now, err = refresh()
	require.NoError(t, err, "the token that the host has is still good")
	require.Equal(t, "graph", now.GroupsFrom)
}

// Where rules, or the groups known before, cannot be read, nothing was learned.
func TestRefreshFailsClosed(t *testing.T) {
	var down error
	h := newHouse(t, func(c *entra.Config) {
		c.GroupRules = func(context.Context, *entra.Connection) ([]provisioning.Rule, error) { return nil, down }
		c.Users = brittle{c.Users, &down}
	})
	h.inGroups(t, 300, nil)
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Scopes = []string{"offline_access"} })
	in := h.mustSignIn(t, contosoOAuth2, entratest.Maya)
	_, err := h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, in.Identity)
	require.NoError(t, err)
	down = errors.New("the database is away")
	now, err := h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, in.Identity)
	require.Nil(t, now)
	require.ErrorContains(t, requireKind(t, entra.KindUnavailable, err), "rules")
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Groups.Required = []string{requiredTeam} })
	h.fake.SetFaults(graphIsDown())
	_, err = h.Refresh(t.Context(), contosoOAuth2, in.Tokens.Refresh, in.Identity)
	require.ErrorIs(t, requireKind(t, entra.KindUnavailable, err), down)
}

// brittle is a store of users that can be away.
type brittle struct {
	provisioning.UserStore
	err *error
}

func (b brittle) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	if *b.err != nil {
		return nil, *b.err
	}
	return b.UserStore.UserByKey(ctx, keys...)
}

// A recheck asks about the account alone: what its token says of groups was not settled, and counts for nothing.
func TestRecheckTellsNoGroups(t *testing.T) {
	h, in, _ := refreshing(t, nil)
	h.inGroups(t, 3, nil)
	r, err := h.Recheck(t.Context(), in.User.Keys[0], entra.RecheckOptions{Refresh: in.Tokens.Refresh})
	require.NoError(t, err)
	require.Equal(t, entra.AccountActive, r.State)
	_, known := r.Identity.Groups.Known()
	require.False(t, known)
}
