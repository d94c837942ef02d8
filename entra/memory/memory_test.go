package memory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/entra/storetest"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/provisioningtest"
)

// The zero values are ready: the suites of storetest and provisioningtest run against what the constructors return.
func TestZeroValues(t *testing.T) {
	storetest.Connections(t, func(t *testing.T) entra.ConnectionRegistry { return new(memory.Connections) })
	storetest.Flows(t, func(t *testing.T) entra.FlowStore { return new(memory.Flows) })
	storetest.Replay(t, func(t *testing.T) entra.ReplayStore { return new(memory.Replay) })
	provisioningtest.Users(t, func(t *testing.T) provisioning.UserStore { return new(memory.Users) })
}

// clock is set by the test.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func id(n int) string { return fmt.Sprintf("%064x", n) }

func TestReplayExpires(t *testing.T) {
	c := newClock()
	r := &memory.Replay{Now: c.now}
	remember := func(n int, until time.Time) bool {
		first, err := r.Remember(t.Context(), id(n), until)
		require.NoError(t, err)
		return first
	}
	until := c.t.Add(time.Minute)
	require.True(t, remember(1, until))
	c.t = until
	require.False(t, remember(1, until), "kept until the very instant")
	c.t = until.Add(1)
	require.True(t, remember(1, until.Add(time.Minute)), "and then forgotten")

	// The later of two times counts.
	require.False(t, remember(1, c.t.Add(time.Hour)))
	require.False(t, remember(1, c.t.Add(time.Second)))
	c.t = c.t.Add(time.Hour)
	require.False(t, remember(1, c.t))
	c.t = c.t.Add(1)
	require.True(t, remember(1, c.t))
}

// What has expired goes in small steps, and faster than new things come.
func TestReplaySweeps(t *testing.T) {
	c := newClock()
	r := &memory.Replay{Now: c.now}
	for n := range 1000 {
		_, err := r.Remember(t.Context(), id(n), c.t.Add(time.Duration(n%60)*time.Second))
		require.NoError(t, err)
	}
	_, err := r.Remember(t.Context(), id(-1), c.t.Add(24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1001, r.Len(), "nothing goes early")
	c.t = c.t.Add(time.Hour)
	before := r.Len()
	for n := range 70 {
		_, err := r.Remember(t.Context(), id(5000+n), c.t.Add(time.Hour))
		require.NoError(t, err)
		require.LessOrEqual(t, before-r.Len(), 15, "one call sweeps a few")
		before = r.Len()
	}
	require.Equal(t, 71, r.Len())
	first, err := r.Remember(t.Context(), id(-1), c.t)
	require.NoError(t, err)
	require.False(t, first, "what lives is not swept")
}

// What has expired and is not swept yet is gone all the same.
func TestExpiredBeforeSwept(t *testing.T) {
	c := newClock()
	r, f := &memory.Replay{Now: c.now}, &memory.Flows{Now: c.now}
	for n := range 100 {
		until := c.t.Add(time.Duration(n) * time.Second)
		_, err := r.Remember(t.Context(), id(n), until)
		require.NoError(t, err)
		require.NoError(t, f.Put(t.Context(), id(n), nil, until))
	}
	c.t = c.t.Add(time.Hour)
	first, err := r.Remember(t.Context(), id(99), c.t)
	require.NoError(t, err)
	require.True(t, first)
	_, err = f.Take(t.Context(), id(99))
	require.ErrorIs(t, err, entra.ErrNotFound)
	require.NotZero(t, f.Len())
}

// An id that is kept for longer does not hold up the sweep of others.
func TestReplayExtendedIsSweptLater(t *testing.T) {
	c := newClock()
	r := &memory.Replay{Now: c.now}
	for n := range 10 {
		_, err := r.Remember(t.Context(), id(n), c.t.Add(time.Duration(n+1)*time.Minute))
		require.NoError(t, err)
	}
	_, err := r.Remember(t.Context(), id(0), c.t.Add(24*time.Hour))
	require.NoError(t, err)
	c.t = c.t.Add(time.Hour)
	_, err = r.Remember(t.Context(), id(99), c.t.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, r.Len())
}

func TestFlowsExpire(t *testing.T) {
	c := newClock()
	f := &memory.Flows{Now: c.now}
	put := func(id string, d time.Duration) { require.NoError(t, f.Put(t.Context(), id, []byte(id), c.t.Add(d))) }
	put("a", time.Minute)
	put("b", time.Minute)
	put("b", time.Hour) // put again: the last one counts
	c.t = c.t.Add(time.Minute)
	got, err := f.Take(t.Context(), "a")
	require.NoError(t, err, "until the very instant")
	require.Equal(t, "a", string(got))
	c.t = c.t.Add(time.Minute)
	require.NoError(t, f.Put(t.Context(), "a", nil, c.t.Add(-1)))
	_, err = f.Take(t.Context(), "a")
	require.ErrorIs(t, err, entra.ErrNotFound)
	_, err = f.Take(t.Context(), "b")
	require.NoError(t, err)

	for n := range 100 {
		put(fmt.Sprint(n), time.Second)
	}
	c.t = c.t.Add(time.Hour)
	for range 8 {
		_, err := f.Take(t.Context(), "nothing")
		require.ErrorIs(t, err, entra.ErrNotFound)
	}
	require.Zero(t, f.Len(), "sweeps go on while flows are taken")
}

// Callers get copies: nobody can change what the store holds, or what another caller reads.
func TestConnectionsCopies(t *testing.T) {
	s := memory.NewConnections()
	_, err := s.Put(t.Context(), &entra.Connection{ID: "con_1", Name: "contoso", EnabledApplications: []string{"app_1"}})
	require.NoError(t, err)
	c, err := s.Connection(t.Context(), "con_1")
	require.NoError(t, err)
	c.Name, c.EnabledApplications[0] = "spoiled", "spoiled"
	for c, err := range s.Connections(t.Context(), entra.Filter{}) {
		require.NoError(t, err)
		require.Equal(t, "contoso", c.Name)
		c.EnabledApplications[0] = "spoiled"
	}
	c, err = s.Connection(t.Context(), "con_1")
	require.NoError(t, err)
	require.Equal(t, []string{"app_1"}, c.EnabledApplications)
}

func TestConnectionsNeedAnID(t *testing.T) {
	_, err := memory.NewConnections().Put(t.Context(), &entra.Connection{Name: "contoso"})
	require.ErrorContains(t, err, "needs an id")
}

var (
	key   = provisioning.Key{ConnectionID: "con_1", Authority: "11111111-1111-4111-8111-111111111111", Subject: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"}
	other = provisioning.Key{ConnectionID: "con_1", Authority: "11111111-1111-4111-8111-111111111111", Subject: "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"}
)

// A snapshot comes back as it was.
func TestUsersSnapshot(t *testing.T) {
	s := memory.NewUsers()
	for _, k := range []provisioning.Key{key, other} {
		_, err := s.Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{k}, Profile: &provisioning.Profile{Email: "a@contoso.com"}, Join: []string{"org"}})
		require.NoError(t, err)
	}
	all := slices.Collect(s.All())
	require.Len(t, all, 2)
	require.Less(t, all[0].ID, all[1].ID)
	again := memory.NewUsers()
	require.NoError(t, again.Load(all...))
	require.Equal(t, all, slices.Collect(again.All()))
	u, err := again.UserByKey(t.Context(), other)
	require.NoError(t, err)
	require.Contains(t, all, u)

	for u := range again.All() {
		u.Keys[0].Subject = "spoiled"
	}
	for range again.All() {
		break
	}
	require.Equal(t, all, slices.Collect(again.All()), "a listing yields copies")
	all[0].Organizations[0] = "spoiled"
	require.NotEqual(t, all, slices.Collect(again.All()), "and Load keeps copies")
}

// A host edits a user by loading it: writers who read the user before are told.
func TestUsersLoadReplaces(t *testing.T) {
	s := memory.NewUsers()
	u, err := s.Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{key}, Profile: &provisioning.Profile{Email: "a@contoso.com"}})
	require.NoError(t, err)
	edited := u.Clone()
	edited.Suspended, edited.Profile.Email = true, "b@contoso.com"
	require.NoError(t, s.Load(edited))
	_, err = s.Update(t.Context(), u.ID, provisioning.Change{Version: u.Version, Join: []string{"org"}})
	require.ErrorIs(t, err, provisioning.ErrConflict)
	got, err := s.UserByKey(t.Context(), key)
	require.NoError(t, err)
	require.True(t, got.Suspended)
	list, err := s.UsersByEmail(t.Context(), "a@contoso.com")
	require.NoError(t, err)
	require.Empty(t, list)
}

// All users of a Load go in or none.
func TestUsersLoadRefuses(t *testing.T) {
	s := memory.NewUsers()
	require.NoError(t, s.Load(&provisioning.User{ID: "u1", Version: "1", Keys: []provisioning.Key{key}, Profile: provisioning.Profile{Email: "a@contoso.com"}}))
	before := slices.Collect(s.All())
	changed := before[0].Clone()
	changed.Suspended, changed.Keys, changed.Profile.Email = true, nil, "z@contoso.com"
	for name, bad := range map[string]*provisioning.User{
		"no id":                {},
		"a taken key":          {ID: "u3", Keys: []provisioning.Key{other}},
		"two keys":             {ID: "u3", Keys: []provisioning.Key{key, {ConnectionID: key.ConnectionID, Authority: key.Authority, Subject: "x"}}},
		"a pending key":        {ID: "u3", Keys: []provisioning.Key{provisioning.PendingKey("con_1", key.Subject)}},
		"an endless pending":   {ID: "u3", Pending: []provisioning.Pending{{ConnectionID: "con_1", Address: "x@contoso.com"}}},
		"two of an import key": {ID: "u3", Keys: []provisioning.Key{provisioning.ImportKey("csv", "1"), provisioning.ImportKey("csv", "1")}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, s.Load(changed, &provisioning.User{ID: "u2", Keys: []provisioning.Key{other}}, bad))
			require.Equal(t, before, slices.Collect(s.All()))
			u, err := s.UserByKey(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, "u1", u.ID)
			_, err = s.UserByKey(t.Context(), other)
			require.ErrorIs(t, err, provisioning.ErrNotFound)
			list, err := s.UsersByEmail(t.Context(), "a@contoso.com")
			require.NoError(t, err)
			require.Len(t, list, 1)
		})
	}
}

func TestUsersUniqueEmails(t *testing.T) {
	s := &memory.Users{UniqueEmails: true}
	_, err := s.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{Email: "Ann@contoso.com"}})
	require.NoError(t, err)
	_, err = s.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{Email: "ann@CONTOSO.com"}})
	require.ErrorIs(t, err, provisioning.ErrEmailTaken)
	for range 2 {
		_, err = s.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{GivenName: "No address"}})
		require.NoError(t, err, "no address is not one address")
	}
	require.Len(t, slices.Collect(s.All()), 3)
}

// A listing goes on after an id, also when that user is gone, and one user is read by id.
func TestUsersListing(t *testing.T) {
	s := memory.NewUsers()
	key := provisioning.Key{ConnectionID: "conn", Authority: "a", Subject: "s"}
	require.NoError(t, s.Load(&provisioning.User{ID: "a"}, &provisioning.User{ID: "b", Keys: []provisioning.Key{key}}, &provisioning.User{ID: "d"}))
	ids := func(f provisioning.UserFilter) (list []string) {
		for u, err := range s.Users(t.Context(), f) {
			require.NoError(t, err)
			list = append(list, u.ID)
		}
		n, err := s.CountUsers(t.Context(), f)
		require.NoError(t, err)
		require.Len(t, list, n)
		return list
	}
	require.Equal(t, []string{"a", "b", "d"}, ids(provisioning.UserFilter{}))
	require.Equal(t, []string{"b", "d"}, ids(provisioning.UserFilter{After: "a"}))
	require.Equal(t, []string{"d"}, ids(provisioning.UserFilter{After: "c"}))
	require.Empty(t, ids(provisioning.UserFilter{After: "d"}))
	require.Equal(t, []string{"b"}, ids(provisioning.UserFilter{ConnectionID: "conn", After: "a"}))
	require.Empty(t, ids(provisioning.UserFilter{ConnectionID: "conn", After: "b"}))

	u, err := s.User(t.Context(), "b")
	require.NoError(t, err)
	require.Equal(t, []provisioning.Key{key}, u.Keys)
	_, err = s.User(t.Context(), "c")
	require.ErrorIs(t, err, provisioning.ErrNotFound)
}

func TestSetSuspendedAndEmergency(t *testing.T) {
	s := memory.NewUsers()
	u, err := s.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{Email: "ann@contoso.com"}})
	require.NoError(t, err)
	require.NoError(t, s.SetSuspended(t.Context(), u.ID, true))
	require.NoError(t, s.SetEmergency(t.Context(), u.ID, true))
	now, err := s.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.True(t, now.Suspended && now.Emergency)
	require.NotEqual(t, u.Version, now.Version)
	require.Equal(t, u.Profile, now.Profile)
	require.NoError(t, s.SetSuspended(t.Context(), u.ID, false))
	now, err = s.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.False(t, now.Suspended)
	require.ErrorIs(t, s.SetSuspended(t.Context(), "nobody", true), provisioning.ErrNotFound)
	require.ErrorIs(t, s.SetEmergency(t.Context(), "nobody", true), provisioning.ErrNotFound)
}
