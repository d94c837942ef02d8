package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// TestStrangeIdentifiers: what nobody can have is not found, rather than trouble of the database's: identifiers come from strangers' requests.
func TestStrangeIdentifiers(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s, ctx := e.store(t, db, sqlstore.Config{}), t.Context()
		cache := s.Cache()
		for _, id := range []string{"", "a\x00b", "\xff", "a\xc3", strings.Repeat("x", 256), strings.Repeat("x", 1<<20), "'; DROP TABLE tenantdoor_users; --", "%", "👩‍🚀"} {
			_, err := s.Connections().Connection(ctx, id)
			require.ErrorIs(t, err, entra.ErrNotFound, "%q", id)
			_, err = cache.Connection(ctx, id)
			require.ErrorIs(t, err, entra.ErrNotFound, "%q", id)
			_, found, err := s.Connections().HomeRealm(ctx, id)
			require.NoError(t, err, "%q", id)
			require.False(t, found)
			require.ErrorIs(t, s.Connections().Delete(ctx, id, ""), entra.ErrNotFound, "%q", id)
			_, err = s.Flows().Take(ctx, id)
			require.ErrorIs(t, err, entra.ErrNotFound, "%q", id)
			_, err = s.Users().User(ctx, id)
			require.ErrorIs(t, err, provisioning.ErrNotFound, "%q", id)
			_, err = s.Users().Update(ctx, id, provisioning.Change{})
			require.ErrorIs(t, err, provisioning.ErrNotFound, "%q", id)
			require.ErrorIs(t, s.Users().Erase(ctx, id, ""), provisioning.ErrNotFound, "%q", id)
			_, err = s.Users().UserByKey(ctx, provisioning.Key{ConnectionID: id, Authority: id, Subject: id}, provisioning.PendingKey(id, id))
			require.ErrorIs(t, err, provisioning.ErrNotFound, "%q", id)
			list, err := s.Users().UsersByEmail(ctx, id)
			require.NoError(t, err, "%q", id)
			require.Empty(t, list)
			for range s.Connections().Connections(ctx, entra.Filter{Name: id + "x", Application: id, Organization: id}) {
				t.Errorf("%q lists something", id)
			}
			for range s.Connections().Connections(ctx, entra.Filter{Realm: id + "x"}) {
				t.Errorf("realm %q lists something", id)
			}
		}
		for _, id := range []string{"a\x00b", "\xff", strings.Repeat("x", 256), ""} {
			_, err := s.Connections().Put(ctx, &entra.Connection{ID: id, Name: "name", Strategy: entra.OAuth2})
			require.Error(t, err, "%q", id)
		}
		for _, id := range []string{"", "abc", strings.Repeat("\x00", 64), strings.Repeat("a", 65)} {
			first, err := s.Replay().Remember(ctx, id, time.Now().Add(time.Hour))
			require.Error(t, err, "%q", id)
			require.False(t, first)
		}
	})
}

// TestStrangeValues: what a token or a record may say comes back as it was, or is refused; a NUL is no end.
func TestStrangeValues(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s, ctx := e.store(t, db, sqlstore.Config{}), t.Context()
		k := provisioning.Key{ConnectionID: "con_1", Authority: "https://adfs.example", Subject: "a\\b'c\"d%e_f"}
		want := provisioning.Profile{Email: "ann@contoso.example", GivenName: "A\x00nn \\ ' \" \u2028 <b>", FamilyName: "\U0010ffff", Extended: map[string]any{"a\x00b": []any{"\\u0000", nil, true, 1.5}}}
		u, err := s.Users().Create(ctx, provisioning.Change{AddKeys: []provisioning.Key{k}, Profile: &want, Groups: &[]claims.Group{{ID: "g", Name: "\x00"}}, GroupsAt: time.Now(), Roles: &[]string{"r\\ole"}, Join: []string{"o'rg"}})
		require.NoError(t, err)
		got, err := s.Users().UserByKey(ctx, k)
		require.NoError(t, err)
		require.Equal(t, u, got)
		require.Equal(t, want, got.Profile)
		for i, k := range []provisioning.Key{{ConnectionID: "\xff", Authority: "a", Subject: "b"}, {Authority: "a\x00", Subject: "b"}, {Authority: "a", Subject: "\xc3"}} {
			_, err := s.Users().Create(ctx, provisioning.Change{AddKeys: []provisioning.Key{k}})
			require.Error(t, err, "a key that would come back as another: %q", k)
			each, err := s.Users().CreateMany(ctx, []provisioning.Change{{AddKeys: []provisioning.Key{k}}, {AddKeys: []provisioning.Key{provisioning.ImportKey("good", fmt.Sprint(i))}}})
			require.NoError(t, err)
			require.Error(t, each[0])
			require.NoError(t, each[1], "the one beside it")
		}
	})
}

// TestFirstSignInTwice: a person whose first sign-in reaches several machines at once is a conflict there, and never somebody whose address is taken: a
// conflict is decided again, and signs the person in.
func TestFirstSignInTwice(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s := e.store(t, db, sqlstore.Config{UniqueEmails: true})
		for n := range 10 {
			errs := make([]error, 8)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = s.Users().Create(context.Background(), imported(n)) })
			}
			wg.Wait()
			created := 0
			for _, err := range errs {
				if err == nil {
					created++
				} else if !errors.Is(err, provisioning.ErrConflict) {
					t.Errorf("a loser got %v", err)
				}
			}
			require.Equal(t, 1, created)
		}
	})
}

// TestSameIDsInTwoEnvironments: hosts make ids, so that two environments may have the same ones, and the same people. Nothing that is done in one is seen in the other.
func TestSameIDsInTwoEnvironments(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		ctx := t.Context()
		stores := map[string]*sqlstore.Users{}
		for _, name := range []string{"a", "b"} {
			stores[name] = e.store(t, db, sqlstore.Config{Environment: name, UniqueEmails: true, NewID: func() string { return "the same" }}).Users()
			c := imported(1)
			c.Profile.GivenName = name
			_, err := stores[name].Create(ctx, c)
			require.NoError(t, err)
		}
		sees := func(name string, want ...string) {
			t.Helper()
			var seen [5][]string
			add := func(i int, list ...*provisioning.User) {
				for _, u := range list {
					seen[i] = append(seen[i], u.Profile.GivenName)
				}
			}
			if u, err := stores[name].User(ctx, "the same"); err == nil {
				add(0, u)
			}
			if u, err := stores[name].UserByKey(ctx, imported(1).AddKeys...); err == nil {
				add(1, u)
			}
			list, err := stores[name].UsersByEmail(ctx, "person1@contoso.example")
			require.NoError(t, err)
			add(2, list...)
			for i, f := range []provisioning.UserFilter{{}, {ConnectionID: "con_1"}} {
				for u, err := range stores[name].Users(ctx, f) {
					require.NoError(t, err)
					add(3+i, u)
				}
				n, err := stores[name].CountUsers(ctx, f)
				require.NoError(t, err)
				require.Equal(t, len(want), n)
			}
			for _, list := range seen {
				require.Equal(t, want, list)
			}
		}
		sees("a", "a")
		sees("b", "b")
		_, err := stores["a"].Update(ctx, "the same", provisioning.Change{Profile: &provisioning.Profile{Email: "person1@contoso.example", GivenName: "changed"}})
		require.NoError(t, err)
		require.NoError(t, stores["a"].SetSuspended(ctx, "the same", true))
		sees("a", "changed")
		sees("b", "b")
		u, err := stores["b"].User(ctx, "the same")
		require.NoError(t, err)
		require.False(t, u.Suspended)
		require.NoError(t, stores["a"].Erase(ctx, "the same", ""))
		sees("a")
		sees("b", "b")
	})
}

func TestSwitches(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s, ctx := e.store(t, db, sqlstore.Config{}), t.Context()
		u, err := s.Users().Create(ctx, imported(1))
		require.NoError(t, err)
		require.NoError(t, s.Users().SetSuspended(ctx, u.ID, true))
		require.NoError(t, s.Users().SetEmergency(ctx, u.ID, true))
		got, err := s.Users().User(ctx, u.ID)
		require.NoError(t, err)
		require.True(t, got.Suspended && got.Emergency)
		require.NotEqual(t, u.Version, got.Version)
		_, err = s.Users().Update(ctx, u.ID, provisioning.Change{Version: u.Version})
		require.ErrorIs(t, err, provisioning.ErrConflict, "decided before the user was suspended")
		require.NoError(t, s.Users().SetSuspended(ctx, u.ID, false))
		got, err = s.Users().User(ctx, u.ID)
		require.NoError(t, err)
		require.False(t, got.Suspended)
		require.ErrorIs(t, s.Users().SetSuspended(ctx, "nobody", true), provisioning.ErrNotFound)
	})
}
