package entra_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// inGroups puts Maya into n security groups: chains of three, of which she is directly in the first. It returns their ids, sorted.
func (h *house) inGroups(t *testing.T, n int, change func(*entratest.Tenant)) []string {
	t.Helper()
	ids := make([]string, 0, n)
	require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		c := &tenants[0]
		maya := &c.Users[slices.IndexFunc(c.Users, func(u entratest.User) bool { return u.UPN == entratest.Maya })]
		maya.Groups = nil
		c.Groups = slices.DeleteFunc(c.Groups, func(g entratest.Group) bool { return strings.HasPrefix(g.Name, "Team ") || g.Name == "App admins" })
		for i := range n {
			g := entratest.Group{ID: fmt.Sprintf("c0a70500-0000-4000-8000-0000007%05x", i), Name: fmt.Sprintf("Team %04d", i), SecurityEnabled: true}
			if i%3 < 2 && i+1 < n {
				g.MemberOf = []string{fmt.Sprintf("c0a70500-0000-4000-8000-0000007%05x", i+1)}
			}
			if i%3 == 0 {
				maya.Groups = append(maya.Groups, g.ID)
			}
			c.Groups, ids = append(c.Groups, g), append(ids, g.ID)
		}
		if change != nil {
			change(c)
		}
		return tenants
	}))
	return ids
}

// graphIsDown has Graph ask to come back in an hour, which ends the asking at once.
func graphIsDown() entratest.Faults { return entratest.Faults{Throttle: -1, RetryAfter: time.Hour} }

// What arrives is what the tenant holds, whatever form of overage stands between.
func TestGroupsOfEveryNumber(t *testing.T) {
	for _, n := range []int{0, 1, 199, 200, 201, 999, 1000, 5000} {
		h := newHouse(t)
		want := h.inGroups(t, n, nil)
		for _, names := range []bool{false, true} {
			for _, connection := range []string{contosoOAuth2, contosoWSFed} {
				h.edit(t, connection, func(c *entra.Connection) { c.Groups.Names, c.ExtendedProfile = names, false })
				before := h.fake.CountRequests(entratest.EndpointGraph)
				in := h.mustSignIn(t, connection, entratest.Maya)
				got := groupIDs(t, in)
				require.Len(t, got, len(want))
				require.True(t, slices.Equal(want, got), "%d over %s", n, connection)
				list, _ := in.Groups()
				for _, g := range list {
					require.Equal(t, names, g.Name != "")
				}
				require.False(t, in.GroupsAt.IsZero())
				require.LessOrEqual(t, h.fake.CountRequests(entratest.EndpointGraph)-before, 6+5, "a batch is counted with its questions")
			}
		}
		h.inGroups(t, n, func(c *entratest.Tenant) { c.Applications[0].HasGroups = true })
		require.True(t, slices.Equal(want, groupIDs(t, h.mustSignIn(t, contosoOAuth2, entratest.Maya))), "hasgroups")
	}
}

// An application that emits names, SIDs, groups as roles: the token's list and Graph's are the same list.
func TestGroupsAsTheApplicationEmitsThem(t *testing.T) {
	for form, synced := range map[entra.GroupForm]string{
		entra.GroupSAM: "admins", entra.GroupDNSSAM: `corp.contoso.com\admins`, entra.GroupNetBIOSSAM: `CORP\admins`, entra.GroupSID: "S-1-5-21-1-2-3-1104",
	} {
		for _, connection := range []string{contosoOAuth2, contosoWSFed} {
			for _, roles := range []bool{false, true} {
				h := newHouse(t)
				h.inGroups(t, 2, func(c *entratest.Tenant) {
					c.Applications[0].GroupForm, c.Applications[0].GroupRoles = string(form), roles
					g := &c.Groups[len(c.Groups)-1]
					g.OnPremises, g.DNSDomain, g.NetBIOSDomain, g.SID = "admins", "corp.contoso.com", "CORP", "S-1-5-21-1-2-3-1104"
				})
				h.edit(t, connection, func(c *entra.Connection) { c.Groups.Form, c.Groups.AsRoles = form, roles })
				var lists [2][]claims.Group
				for i, from := range []string{"token", "graph"} {
					h.fake.SetFaults(entratest.Faults{Overage: from == "graph"})
					in := h.mustSignIn(t, connection, entratest.Maya)
					require.Equal(t, from, in.GroupsFrom, "%s over %s", form, connection)
					require.Empty(t, in.Identity.Roles)
					list, ok := in.Groups()
					require.True(t, ok)
					slices.SortFunc(list, func(a, b claims.Group) int { return len(a.Value()) - len(b.Value()) })
					lists[i] = list
				}
				require.Equal(t, lists[0], lists[1])
				require.Contains(t, []string{lists[0][0].Value(), lists[0][1].Value()}, synced)
			}
		}
	}
}

// byRules is a house whose host gives roles for groups.
func byRules(t *testing.T) *house {
	return newHouse(t, func(c *entra.Config) {
		c.GroupRules = func(context.Context, *entra.Connection) ([]provisioning.Rule, error) {
			return []provisioning.Rule{
				{ID: "c0a70500-0000-4000-8000-000000700000", Gives: "teams"},
				{Name: "Team 0000", Gives: "named"},
				{Name: "App admins", Gives: "admin"},
			}, nil
		}
	})
}

func (h *house) storedRoles(t *testing.T, in *entra.SignIn) []string {
	t.Helper()
	u, err := h.users.UserByKey(t.Context(), in.User.Keys...)
	require.NoError(t, err)
	return u.Roles
}

// Attack 47: taken out of the last group, and Graph silent past the maximum age: the roles are gone at the next sign-in, here and in the store.
func TestAttack47RolesGo(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := byRules(t)
		h.edit(t, connection, func(c *entra.Connection) { c.Groups.Emitted = true })
		h.inGroups(t, 300, nil)
		in := h.mustSignIn(t, connection, entratest.Maya)
		require.Equal(t, []string{"teams"}, in.Roles())
		require.Len(t, in.Grants(), 1)
		require.Equal(t, in.Roles(), h.storedRoles(t, in))

		down := graphIsDown()
		h.fake.SetFaults(down)
		h.clock.advance(23 * time.Hour)
		in = h.mustSignIn(t, connection, entratest.Maya)
		require.Equal(t, "before", in.GroupsFrom)
		require.Equal(t, []string{"teams"}, in.Roles())
		h.clock.advance(time.Hour + time.Second)
		in = h.mustSignIn(t, connection, entratest.Maya)
		require.Empty(t, in.Roles())
		require.Empty(t, h.storedRoles(t, in))
		_, known := in.Groups()
		require.False(t, known)

		h.fake.SetFaults(entratest.Faults{})
		in = h.mustSignIn(t, connection, entratest.Maya)
		require.Equal(t, []string{"teams"}, h.storedRoles(t, in), "Graph is back")
		h.inGroups(t, 0, nil)
		h.fake.SetFaults(down)
		in = h.mustSignIn(t, connection, entratest.Maya)
		list, known := in.Groups()
		require.True(t, known, "an application that emits groups and emits none says none, also while Graph is down")
		require.Empty(t, list)
		require.Empty(t, in.Roles())
		require.Empty(t, h.storedRoles(t, in))
	}
}

// Attack 53: an employee's own group of the right name gives nothing, nor does one nested in an assigned group.
func TestAttack53GroupOfTheRightName(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := byRules(t)
		h.inGroups(t, 3, func(c *entratest.Tenant) {
			for i := range 2 {
				c.Groups[len(c.Groups)-1-i].Name = "App admins"
			}
			c.Applications[0].GraphPermissions = append(c.Applications[0].GraphPermissions, "Directory.Read.All")
		})
		for _, overage := range []bool{false, true} {
			h.fake.SetFaults(entratest.Faults{Overage: overage})
			h.edit(t, connection, func(c *entra.Connection) { c.Groups = entra.GroupOptions{Names: true} })
			in := h.mustSignIn(t, connection, entratest.Maya)
			list, _ := in.Groups()
			require.Len(t, list, 3)
			require.Equal(t, "App admins", list[2].Name)
			require.Equal(t, []string{"teams"}, in.Roles(), "by id alone")
		}
		require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
			a := &tenants[0].Applications[0]
			a.GroupClaims, a.Assigned = "ApplicationGroup", []string{"c0a70500-0000-4000-8000-000000700000"}
			return tenants
		}))
		h.edit(t, connection, func(c *entra.Connection) { c.Groups.Kind = entra.GroupsAssigned })
		for _, overage := range []bool{false, true} {
			h.fake.SetFaults(entratest.Faults{Overage: overage})
			in := h.mustSignIn(t, connection, entratest.Maya)
			list, _ := in.Groups()
			require.Equal(t, []claims.Group{{ID: "c0a70500-0000-4000-8000-000000700000", Name: "Team 0000", Origin: claims.OriginAssigned}}, list, "direct and assigned, as the token has it")
			require.Equal(t, []string{"named", "teams"}, in.Roles())
		}
	}
}

// Attack 53: where an application emits display names, a group that its owner calls like the object id of another is none.
func TestAttack53GroupCalledLikeAnID(t *testing.T) {
	const admins, own = "c0a70500-0000-4000-8000-000000700000", "c0a70500-0000-4000-8000-0000007fffff" // byRules gives "teams" to the first
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := byRules(t)
		h.inGroups(t, 1, func(c *entratest.Tenant) {
			c.Groups = append(c.Groups, entratest.Group{ID: own, Name: admins, SecurityEnabled: true})
			c.Users[slices.IndexFunc(c.Users, func(u entratest.User) bool { return u.UPN == entratest.Maya })].Groups = []string{own}
			a := &c.Applications[0]
			a.GroupNames, a.GroupClaims, a.Assigned = true, "ApplicationGroup", []string{own}
			a.GraphPermissions = append(a.GraphPermissions, "Directory.Read.All")
		})
		h.edit(t, connection, func(c *entra.Connection) {
			c.Groups = entra.GroupOptions{Kind: entra.GroupsAssigned, Form: entra.GroupDisplayName}
		})
		for _, overage := range []bool{false, true} {
			h.fake.SetFaults(entratest.Faults{Overage: overage})
			in := h.mustSignIn(t, connection, entratest.Maya)
			list, _ := in.Groups()
			require.Equal(t, []claims.Group{{Name: admins, Origin: claims.OriginAssigned}}, list)
			require.Empty(t, in.Roles())
		}
	}
}

// Attack 22: whatever a token or a page points to, nothing is sent there, and what was read before is no list.
func TestAttack22ForeignAddresses(t *testing.T) {
	stranger := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stranger <- r.Header.Get("Authorization") }))
	defer server.Close()
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := newHouse(t)
		want := h.inGroups(t, 1500, nil)
		h.edit(t, connection, func(c *entra.Connection) { c.Groups.Names = true })
		h.fake.SetFaults(entratest.Faults{ForeignSource: server.URL + "/users"})
		require.Equal(t, want, groupIDs(t, h.mustSignIn(t, connection, entratest.Maya)))
		h.fake.SetFaults(entratest.Faults{ForeignSource: server.URL + "/users", ForeignNextLink: server.URL + "/v1.0/next"})
		h.clock.advance(25 * time.Hour)
		_, known := h.mustSignIn(t, connection, entratest.Maya).Groups()
		require.False(t, known)
		h.fake.SetFaults(entratest.Faults{Throttle: -1, RetryAfter: time.Hour})
		_, known = h.mustSignIn(t, connection, entratest.Maya).Groups()
		require.False(t, known)
	}
	require.Empty(t, stranger)
}

func TestGroupFailurePolicies(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := newHouse(t)
		h.inGroups(t, 300, nil)
		h.mustSignIn(t, connection, entratest.Maya)
		h.fake.SetFaults(graphIsDown())
		h.edit(t, connection, func(c *entra.Connection) { c.Groups.OnFailure = entra.GroupsForgo })
		_, known := h.mustSignIn(t, connection, entratest.Maya).Groups()
		require.False(t, known)
		h.edit(t, connection, func(c *entra.Connection) { c.Groups.OnFailure = entra.GroupsRefuse })
		_, err := h.signIn(t, connection, entratest.Maya)
		require.ErrorIs(t, err, entra.ErrGroupsUnknown)
		e := requireKind(t, entra.KindUnavailable, err)
		require.True(t, e.Retry)
		require.NotContains(t, e.Public, "Graph")
		h.edit(t, connection, func(c *entra.Connection) { c.Groups = entra.GroupOptions{MaxAgeHours: 1} })
		h.clock.advance(59 * time.Minute)
		require.Equal(t, "before", h.mustSignIn(t, connection, entratest.Maya).GroupsFrom)
		h.clock.advance(2 * time.Minute)
		_, known = h.mustSignIn(t, connection, entratest.Maya).Groups()
		require.False(t, known)
		h.edit(t, connection, func(c *entra.Connection) {
			c.Groups = entra.GroupOptions{Source: entra.GroupsTokenOnly, OnFailure: entra.GroupsForgo}
		})
		before := h.fake.CountRequests(entratest.EndpointGraph)
		h.fake.SetFaults(entratest.Faults{})
		h.edit(t, connection, func(c *entra.Connection) { c.ExtendedProfile = false })
		_, known = h.mustSignIn(t, connection, entratest.Maya).Groups()
		require.False(t, known)
		require.Equal(t, before, h.fake.CountRequests(entratest.EndpointGraph))
		h.edit(t, connection, func(c *entra.Connection) { c.Groups = entra.GroupOptions{Source: entra.GroupsGraph} })
		h.inGroups(t, 3, nil)
		require.Equal(t, "graph", h.mustSignIn(t, connection, entratest.Maya).GroupsFrom, "though the token has them")
	}
}

func TestRequiredGroups(t *testing.T) {
	const team = "c0a70500-0000-4000-8000-000000700002"
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := newHouse(t)
		h.inGroups(t, 300, nil)
		h.edit(t, connection, func(c *entra.Connection) { c.Groups.Required = []string{entratest.ContosoAdmins, team} })
		_, err := h.signIn(t, connection, entratest.Ben)
		require.ErrorIs(t, err, entra.ErrGroupRequired)
		requireKind(t, entra.KindRefused, err)
		users, err := h.users.UsersByEmail(t.Context(), entratest.Ben)
		require.NoError(t, err)
		require.Empty(t, users, "nothing is written")

		h.fake.SetFaults(graphIsDown())
		_, err = h.signIn(t, connection, entratest.Maya)
		require.ErrorIs(t, err, entra.ErrGroupsUnknown, "a stranger of unknown groups")
		h.fake.SetFaults(entratest.Faults{})
		h.mustSignIn(t, connection, entratest.Maya)
		h.fake.SetFaults(graphIsDown())
		require.Equal(t, "before", h.mustSignIn(t, connection, entratest.Maya).GroupsFrom)
		h.clock.advance(25 * time.Hour)
		_, err = h.signIn(t, connection, entratest.Maya)
		require.ErrorIs(t, err, entra.ErrGroupsUnknown)

		h.fake.SetFaults(entratest.Faults{})
		h.edit(t, connection, func(c *entra.Connection) { c.Groups = entra.GroupOptions{Names: true, Required: []string{"Team 0002"}} })
		_, err = h.signIn(t, connection, entratest.Maya)
		require.ErrorIs(t, err, entra.ErrGroupRequired, "anybody can call a group so")
	}
}

func TestGroupFilters(t *testing.T) {
	h := newHouse(t)
	h.inGroups(t, 12, nil)
	for want, o := range map[int]entra.GroupOptions{
		2:  {Names: true, Prefixes: []string{"Team 001"}},
		12: {Names: true, Prefixes: []string{"Nobody", "Team"}},
		1:  {Only: []string{"c0a70500-0000-4000-8000-000000700002"}},
		0:  {Only: []string{entratest.ContosoStaff}},
	} {
		h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.Groups = o })
		require.Len(t, groupIDs(t, h.mustSignIn(t, contosoOAuth2, entratest.Maya)), want)
	}
}

// Attack 55: chosen properties and the manager arrive; what is named like the host's own does not reach its tokens, nor an SVG the host.
func TestAttack55ProfileManagerPhoto(t *testing.T) {
	for _, connection := range []string{contosoOAuth2, contosoWSFed} {
		h := newHouse(t)
		h.edit(t, connection, func(c *entra.Connection) {
			c.ExtendedProfile, c.Profile = true, entra.ProfileOptions{Fields: []string{"employeeId", "roles", "extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_costCentre"}, Manager: true, Photo: true}
		})
		annHas := func(change func(*entratest.User)) {
			require.NoError(t, h.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
				tenants[0].Users[0].Properties = map[string]any{"employeeId": "E-7", "roles": "admin", "extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_costCentre": "42"}
				tenants[0].Users[0].Manager = entratest.MayaID
				tenants[0].Applications[0].DelegatedPermissions = append(tenants[0].Applications[0].DelegatedPermissions, "User.Read.All")
				change(&tenants[0].Users[0])
				return tenants
			}))
		}
		annHas(func(*entratest.User) {})
		in := h.mustSignIn(t, connection, entratest.Ann)
		require.Equal(t, "E-7", in.Identity.Extended["employeeId"])
		require.Equal(t, "42", in.Identity.Extended["extension_6ed0e19ec81446d8a8ce5aebb3ea0d43_costCentre"])
		if m, ok := in.Identity.Extended["manager"].(map[string]any); connection == contosoWSFed || ok {
			require.Equal(t, entratest.MayaID, m["id"])
		}
		access, err := in.AccessTokenClaims(claims.TokenOptions{})
		require.NoError(t, err)
		require.NotContains(t, access["extra_claims"], "roles")
		require.Equal(t, "image/png", in.Photo.ContentType)
		require.Equal(t, in.Photo.ContentType, http.DetectContentType(in.Photo.Data))
		for _, photo := range [][]byte{[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), make([]byte, 200<<10), nil} {
			annHas(func(u *entratest.User) { u.Photo = photo })
			require.Nil(t, h.mustSignIn(t, connection, entratest.Ann).Photo)
		}
	}
}
