package provisioning_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func known(p provisioning.Profile) *provisioning.User {
	return &provisioning.User{ID: "u", Keys: []provisioning.Key{annKey()}, Profile: p}
}

func TestSyncProfile(t *testing.T) {
	type profile = provisioning.Profile
	base := profile{Email: "ann.lee@contoso.com", EmailVerified: true, GivenName: "Ann", FamilyName: "Lee", Picture: "https://p.example/1", Extended: map[string]any{"jobTitle": "Engineer", "phones": []any{"1", "2"}}}
	with := func(change func(*profile)) profile {
		p := base.Clone()
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		old     profile
		token   func(*claims.Identity)
		off     bool
		want    profile
		changed []string
	}{
		"nothing new": {old: base, want: base},
		"switch off":  {old: base, off: true, token: func(id *claims.Identity) { id.GivenName = "Anna" }, want: base},
		"a name": {
			old: base, token: func(id *claims.Identity) { id.GivenName = "Anna" },
			want: with(func(p *profile) { p.GivenName = "Anna" }), changed: []string{"given_name"},
		},
		"names and picture": {
			old: base, token: func(id *claims.Identity) { id.FamilyName, id.Picture = "Lee-Roy", "https://p.example/2" },
			want: with(func(p *profile) { p.FamilyName, p.Picture = "Lee-Roy", "https://p.example/2" }), changed: []string{"family_name", "picture"},
		},
		"silence deletes nothing": {old: base, want: base, token: func(id *claims.Identity) {
			id.GivenName, id.FamilyName, id.Email = "", "", claims.Email{}
		}},
		"extended, the same as stored": {old: base, want: base, token: func(id *claims.Identity) {
			id.Extended = map[string]any{"phones": []string{"1", "2"}, "jobTitle": "Engineer"}
		}},
		"extended": {
			old: base, token: func(id *claims.Identity) { id.Extended = map[string]any{"jobTitle": "Lead"} },
			want: with(func(p *profile) { p.Extended = map[string]any{"jobTitle": "Lead"} }), changed: []string{"extended"},
		},
		"extended, now empty": {
			old: base, token: func(id *claims.Identity) { id.Extended = map[string]any{} },
			want: with(func(p *profile) { p.Extended = map[string]any{} }), changed: []string{"extended"},
		},

		"unproven never replaces verified": {old: base, want: base, token: func(id *claims.Identity) { id.Email.Address = "ceo@contoso.com" }},
		"proven replaces verified": {
			old: base, token: func(id *claims.Identity) { proven(id).Email.Address = "Ann.Roy@contoso.com" },
			want: with(func(p *profile) { p.Email = "Ann.Roy@contoso.com" }), changed: []string{"email"},
		},
		"unproven replaces unverified": {
			old: with(func(p *profile) { p.EmailVerified = false }), token: func(id *claims.Identity) { id.Email.Address = "ann.roy@contoso.com" },
			want: with(func(p *profile) { p.Email, p.EmailVerified = "ann.roy@contoso.com", false }), changed: []string{"email"},
		},
		"proven replaces unverified": {
			old: with(func(p *profile) { p.EmailVerified = false }), token: func(id *claims.Identity) { proven(id).Email.Address = "ann.roy@contoso.com" },
			want: with(func(p *profile) { p.Email = "ann.roy@contoso.com" }), changed: []string{"email", "email_verified"},
		},
		"proof raises": {
			old: with(func(p *profile) { p.EmailVerified = false }), token: func(id *claims.Identity) { proven(id) },
			want: base, changed: []string{"email_verified"},
		},
		"missing proof lowers nothing": {old: base, want: base},
		"no proof raises nothing": {
			old: with(func(p *profile) { p.EmailVerified = false }), want: with(func(p *profile) { p.EmailVerified = false }),
		},
		"no address at all replaces none": {
			old: with(func(p *profile) { p.EmailVerified = false }), want: with(func(p *profile) { p.EmailVerified = false }),
			token: func(id *claims.Identity) { id.Email.Address = "evil@evil.example@contoso.com" },
		},
		"no address at all, and none before": {
			old: with(func(p *profile) { p.Email, p.EmailVerified = "", false }), want: with(func(p *profile) { p.Email, p.EmailVerified = "", false }),
			token: func(id *claims.Identity) { proven(id).Email.Address = "evil@evil.example@contoso.com" },
		},
		"first address": {
			old:  with(func(p *profile) { p.Email, p.EmailVerified = "", false }),
			want: with(func(p *profile) { p.Email, p.EmailVerified = annMail, false }), changed: []string{"email"},
		},
		"no address at all": {old: base, want: base, token: func(id *claims.Identity) { proven(id).Email.Address = "evil@evil.example@contoso.com" }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, known(c.old))
			id := ann()
			if c.token != nil {
				c.token(id)
			}
			p := pinned()
			p.SyncProfile = !c.off
			u, d, err := b.Provision(t.Context(), p, id)
			require.NoError(t, err)
			require.Equal(t, c.want, u.Profile)
			require.Equal(t, c.changed, d.Changed)
			require.Len(t, b.spy.writes, min(1, len(c.changed)), "only what changed is written")
			require.False(t, d.EmailCollision)
		})
	}
}

// A collision of addresses is reported and resolved by people.
func TestSyncEmailCollision(t *testing.T) {
	p := pinned()
	p.SyncProfile, p.ProvenDomains = true, []string{"contoso.com"}
	for _, verified := range []bool{false, true} {
		b := newBench(t, known(provisioning.Profile{Email: "ann@old.example", EmailVerified: true}), local("other", verified))
		dry, err := b.DryRun(t.Context(), p, ann())
		require.NoError(t, err)
		u, d, err := b.Provision(t.Context(), p, ann())
		require.NoError(t, err, "the person signs in all the same")
		require.True(t, d.EmailCollision)
		require.Equal(t, dry, d)
		require.Equal(t, "ann@old.example", u.Profile.Email)
		require.True(t, u.Profile.EmailVerified)
		require.Equal(t, []string{"given_name", "family_name"}, d.Changed, "the rest is written")
		require.Equal(t, "Ann", u.Profile.GivenName)
	}
	t.Run("seen by the store only", func(t *testing.T) {
		b := newBench(t, known(provisioning.Profile{Email: "ann@old.example", GivenName: "Ann", FamilyName: "Lee"}))
		b.spy.onWrite = func(_ context.Context, _ int, c provisioning.Change) error {
			if c.Profile != nil && c.Profile.Email != "ann@old.example" {
				return provisioning.ErrEmailTaken
			}
			return nil
		}
		u, d, err := b.Provision(t.Context(), p, ann())
		require.NoError(t, err)
		require.True(t, d.EmailCollision)
		require.Empty(t, d.Changed)
		require.Equal(t, "ann@old.example", u.Profile.Email)
		require.Len(t, b.spy.writes, 1, "nothing was left to write")
	})
}

func TestSyncGroups(t *testing.T) {
	had := []claims.Group{{ID: "a"}, {ID: "b"}}
	at := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		token  claims.Groups
		at     time.Time
		want   []claims.Group
		wantAt time.Time
		writes int
	}{
		"not emitted":           {claims.Groups{}, at, had, at, 0},
		"overage":               {claims.OverageGroups(), at, had, at, 0},
		"changed":               {claims.KnownGroups([]claims.Group{{ID: "c"}}), now, []claims.Group{{ID: "c"}}, now, 1},
		"a name appears":        {claims.KnownGroups([]claims.Group{{ID: "a", Name: "Staff"}, {ID: "b"}}), now, []claims.Group{{ID: "a", Name: "Staff"}, {ID: "b"}}, now, 1},
		"removed from all":      {claims.KnownGroups(nil), now, []claims.Group{}, now, 1},
		"same, time is old":     {claims.KnownGroups(had), at, had, now, 1},
		"same, another order":   {claims.KnownGroups([]claims.Group{{ID: "b"}, {ID: "a"}, {ID: "a"}}), now.Add(-14 * time.Minute), had, now.Add(-14 * time.Minute), 0},
		"same, time is due":     {claims.KnownGroups(had), now.Add(-15 * time.Minute), had, now, 1},
		"same, from the future": {claims.KnownGroups(had), now.Add(time.Minute), had, now, 1},
	} {
		t.Run(name, func(t *testing.T) {
			u := known(provisioning.Profile{})
			u.Groups, u.GroupsAt = had, c.at
			b := newBench(t, u)
			id := ann()
			id.Groups = c.token
			got, _, err := b.Provision(t.Context(), pinned(), id)
			require.NoError(t, err)
			require.Equal(t, c.want, got.Groups)
			require.Equal(t, c.wantAt, got.GroupsAt)
			require.Len(t, b.spy.writes, c.writes)
		})
	}
	t.Run("every time, if the host wants", func(t *testing.T) {
		u := known(provisioning.Profile{})
		u.Groups, u.GroupsAt = had, now
		b := newBench(t, u)
		p, err := provisioning.New(provisioning.Config{Users: b.spy, Now: func() time.Time { return now }, GroupsRefresh: -1})
		require.NoError(t, err)
		id := ann()
		id.Groups = claims.KnownGroups(had)
		_, _, err = p.Provision(t.Context(), pinned(), id)
		require.NoError(t, err)
		require.Len(t, b.spy.writes, 1)
	})
}

// The token's list is the caller's: provisioning neither sorts nor keeps it.
func TestSyncGroupsCopies(t *testing.T) {
	list := []claims.Group{{ID: "b"}, {ID: "a"}}
	id := ann()
	id.Groups = claims.KnownGroups(list)
	_, _, err := newBench(t).Provision(t.Context(), jit(), id)
	require.NoError(t, err)
	require.Equal(t, []claims.Group{{ID: "b"}, {ID: "a"}}, list)
}

func TestJoin(t *testing.T) {
	for name, c := range map[string]struct {
		org    *provisioning.Organization
		proven bool
		member bool
		joined bool
		why    provisioning.JoinRefusal
	}{
		"any domain":          {&provisioning.Organization{ID: "org", AutoJoin: true}, true, false, true, ""},
		"allowed domain":      {&provisioning.Organization{ID: "org", AutoJoin: true, AllowedDomains: []string{"fabrikam.example", "contoso.com"}}, true, false, true, ""},
		"other domain":        {&provisioning.Organization{ID: "org", AutoJoin: true, AllowedDomains: []string{"fabrikam.example", "toso.com"}}, true, false, false, provisioning.JoinDomain},
		"unproven, any":       {&provisioning.Organization{ID: "org", AutoJoin: true}, false, false, false, provisioning.JoinUnconfirmed},
		"unproven, allowed":   {&provisioning.Organization{ID: "org", AutoJoin: true, AllowedDomains: []string{"contoso.com"}}, false, false, false, provisioning.JoinUnconfirmed},
		"no auto-join":        {&provisioning.Organization{ID: "org"}, true, false, false, provisioning.JoinClosed},
		"suspended":           {&provisioning.Organization{ID: "org", AutoJoin: true, Suspended: true}, true, false, false, provisioning.JoinSuspended},
		"a member already":    {&provisioning.Organization{ID: "org", AutoJoin: true}, true, true, false, ""},
		"no organization":     {nil, true, false, false, ""},
		"organization's zero": {&provisioning.Organization{AutoJoin: true}, true, false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := known(provisioning.Profile{})
			u.Organizations = []string{"first"}
			want := []string{"first"}
			if c.member {
				u.Organizations = append(u.Organizations, "org")
				want = append(want, "org")
			}
			if c.joined {
				want = append(want, "org")
			}
			b := newBench(t, u)
			p, id := pinned(), ann()
			p.Join = c.org
			if c.proven {
				id = proven(id)
			}
			got, d, err := b.Provision(t.Context(), p, id)
			require.NoError(t, err)
			require.Equal(t, want, got.Organizations)
			require.Equal(t, c.joined, d.Joined == "org")
			require.Equal(t, c.why, d.NotJoined)
			require.Equal(t, c.joined, len(b.spy.writes) == 1)
		})
	}
	t.Run("by an address that the user verified", func(t *testing.T) {
		b := newBench(t, known(provisioning.Profile{Email: annMail, EmailVerified: true}))
		p := pinned()
		p.Join = &provisioning.Organization{ID: "org", AutoJoin: true}
		_, d, err := b.Provision(t.Context(), p, ann())
		require.NoError(t, err)
		require.Equal(t, "org", d.Joined)
	})
}
