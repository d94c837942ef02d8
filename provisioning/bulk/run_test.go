package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

var errDown = errors.New("the store is down")

// brittle is a store that is gone from the n-th write on, as after a crash.
type brittle struct {
	*memory.Users
	left atomic.Int64
}

func (b *brittle) write() error {
	if b.left.Add(-1) < 0 {
		return errDown
	}
	return nil
}

func (b *brittle) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	if err := b.write(); err != nil {
		return nil, err
	}
	return b.Users.Update(ctx, id, c)
}

// CreateMany makes some of the users and dies.
func (b *brittle) CreateMany(ctx context.Context, changes []provisioning.Change) ([]error, error) {
	each := make([]error, len(changes))
	for i, c := range changes {
		if err := b.write(); err != nil {
			return nil, err
		}
		_, each[i] = b.Create(ctx, c)
	}
	return each, nil
}

// mixed is a file with a bit of everything, some rows far from those that they belong to.
func mixed(rows int) string {
	var b strings.Builder
	b.WriteString("email,id,first_name,external_organization_id,connection\n")
	for i := range rows {
		switch n := i % 20; {
		case n == 7:
			fmt.Fprintf(&b, "no address,%d,,,\n", i)
		case n == 11:
			fmt.Fprintf(&b, "p%d@contoso.com,%d,P,o2,contoso\n", i-10, i-10)
		case n == 12:
			fmt.Fprintf(&b, "p%d@contoso.com,%d,P,o3,contoso\n", i-11, i-11)
		case n == 16:
			fmt.Fprintf(&b, "p%d@contoso.com,%d,contradicts,o9,contoso\n", i-1, i-1)
		case n == 13:
			fmt.Fprintf(&b, "p%d@contoso.com,dup%d,P,,\n", i-12, i)
		default:
			fmt.Fprintf(&b, "p%d@contoso.com,%d,\"P, %d\",o1,contoso\n", i, i, i)
		}
	}
	return b.String()
}

// Whenever the store or the machine dies, going on gives what one run would have given: from the last checkpoint, and from the start.
func TestCrashes(t *testing.T) {
	file := mixed(60)
	want := memory.NewUsers()
	wantResults := mustImport(t, want, file)
	for writes := range int64(60) {
		for _, resume := range []bool{true, false} {
			store := &brittle{Users: memory.NewUsers()}
			store.left.Store(writes)
			var last bulk.Checkpoint
			config := bulk.Config{
				Users: store, By: bulk.ByEnvironment(), Source: "kinde", Connections: contosos(), Now: clock, Batch: 7,
				Checkpoint: func(_ context.Context, c bulk.Checkpoint) error { last = c; return nil },
			}
			i, err := bulk.New(config)
			require.NoError(t, err)
			r := reader(t, file)
			if _, err = i.Run(t.Context(), r); err == nil {
				continue // it was done before
			}
			require.ErrorIs(t, err, errDown)
			store.left.Store(1 << 40)
			r = reader(t, file)
			var summary bulk.Summary
			if resume && last.Source != "" {
				summary, err = i.Resume(t.Context(), r, last)
			} else {
				summary, err = i.Run(t.Context(), r)
			}
			require.NoError(t, err)
			require.EqualValues(t, len(wantResults), summary.Records())
			require.Equal(t, people(want), people(store.Users))
		}
	}
}

func reader(t *testing.T, file string) *bulk.Reader {
	t.Helper()
	r, err := bulk.NewReader(strings.NewReader(file))
	require.NoError(t, err)
	return r
}

// A checkpoint is of one file, one source and one importer.
func TestResumeElsewhere(t *testing.T) {
	var all []bulk.Checkpoint
	users := memory.NewUsers()
	file := mixed(30)
	mustImport(t, users, file, func(c *bulk.Config) {
		c.Checkpoint = func(_ context.Context, c bulk.Checkpoint) error { all = append(all, c); return nil }
	})
	require.Greater(t, len(all), 3)
	config := bulk.Config{Users: users, By: bulk.ByEnvironment(), Source: "kinde", Connections: contosos()}
	i, err := bulk.New(config)
	require.NoError(t, err)
	for _, checkpoint := range all {
		summary, err := i.Resume(t.Context(), reader(t, file), checkpoint)
		require.NoError(t, err)
		require.Equal(t, all[len(all)-1].Summary.Records(), summary.Records())
	}
	middle := all[2]
	for name, other := range map[string]string{
		"another row": strings.Replace(file, "\"P, 1\"", "\"P, I\"", 1), "a row less": strings.Join(slices.Delete(strings.SplitAfter(file, "\n"), 1, 2), ""), "shorter": file[:100],
	} {
		_, err := i.Resume(t.Context(), reader(t, other), middle)
		require.ErrorIs(t, err, bulk.ErrFile, name)
	}
	config.Source = "auth0"
	other, err := bulk.New(config)
	require.NoError(t, err)
	_, err = other.Resume(t.Context(), reader(t, file), middle)
	require.ErrorContains(t, err, "another source")
	r := reader(t, file)
	_, err = r.Next()
	require.NoError(t, err)
	require.Error(t, r.Skip(middle.Position), "rows were read already")
}

// Two machines that import the same file at once make everybody once.
func TestTwoRunsAtOnce(t *testing.T) {
	file := mixed(300)
	want := memory.NewUsers()
	mustImport(t, want, file)
	got := memory.NewUsers()
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			i, err := bulk.New(bulk.Config{Users: got, By: bulk.ByEnvironment(), Source: "kinde", Connections: contosos(), Now: clock, Batch: 5 + n})
			if err != nil {
				panic(err)
			}
			r, err := bulk.NewReader(strings.NewReader(file))
			if err == nil {
				_, err = i.Run(context.Background(), r)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, people(want), people(got))
}

// single hides CreateMany.
type single struct{ provisioning.UserStore }

func TestStoreWithoutCreateMany(t *testing.T) {
	want, got := memory.NewUsers(), memory.NewUsers()
	a := mustImport(t, want, mixed(60))
	b := mustImport(t, single{got}, mixed(60))
	require.Equal(t, outcomes(a), outcomes(b))
	require.Equal(t, people(want), people(got))
}

// A dry run says what a run would do, and writes nothing.
func TestDryRun(t *testing.T) {
	users := memory.NewUsers()
	mustImport(t, users, mixed(10))
	before := people(users)
	dry := mustImport(t, users, mixed(20), func(c *bulk.Config) {
		c.DryRun, c.Batch = true, 100
		c.Keep = func(context.Context, []bulk.Kept) error { return errDown }
	})
	require.Equal(t, before, people(users))
	require.Equal(t, outcomes(mustImport(t, users, mixed(20), func(c *bulk.Config) { c.Batch = 100 })), outcomes(dry))
}

// What a store has no place for is kept before the user is there, and never lost in silence.
func TestKeep(t *testing.T) {
	users := memory.NewUsers()
	file := string(testFile(t, "kinde.csv"))
	_, _, err := importing(t, users, file, func(c *bulk.Config) { c.Ignore = []string{"roles"} })
	var lost *bulk.NotKeptError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, []string{"permissions"}, lost.Names)
	require.Empty(t, people(users))

	kept := map[provisioning.Key][]string{}
	keep := func(c *bulk.Config) {
		c.Ignore = nil
		c.Keep = func(ctx context.Context, all []bulk.Kept) error {
			for _, k := range all {
				_, err := users.UserByKey(ctx, k.Key)
				require.ErrorIs(t, err, provisioning.ErrNotFound, "before the user")
				kept[k.Key] = append(kept[k.Key], text(k.Record))
			}
			return nil
		}
	}
	mustImport(t, users, file, keep)
	mustImport(t, users, file, keep)
	mustImport(t, users, "id,roles,external_organization_id\n0001,late,ext_org_id_9\n", keep)
	require.Len(t, kept, 3)
	for key, list := range kept {
		require.Len(t, list, 1, "importing again keeps nothing again")
		_, err := users.UserByKey(t.Context(), key)
		require.NoError(t, err, "and the user is found by the key")
	}
	require.Contains(t, kept[provisioning.ImportKey("kinde", "0001")][0], `"ext_org_id_1" ["role_1" "role_2"]`)

	_, _, err = importing(t, users, string(testFile(t, "kinde-passwords.csv")), func(c *bulk.Config) {
		c.Keep = func(context.Context, []bulk.Kept) error { return errDown }
	})
	require.ErrorIs(t, err, errDown)
	require.NotContains(t, err.Error(), "e7bd1e")
	require.Empty(t, byEmail(t, users, "pat@northwind.example"), "nobody is made whose password is not kept")

	var told []*bulk.Record
	mustImport(t, users, "email,connection,phone,phone_verified,email_verified\nann@contoso.com,contoso,+6155511555,TRUE,TRUE\n", func(c *bulk.Config) {
		c.By = bulk.ByOrganization("org_contoso")
		c.Keep = func(_ context.Context, all []bulk.Kept) error { told = append(told, all[0].Record); return nil }
	})
	require.Len(t, told, 1)
	require.False(t, told[0].PhoneVerified || told[0].EmailVerified, "an administrator's word does not reach the host")
}

// meddling lets somebody else write between the look-up and the write.
type meddling struct {
	*memory.Users
	meddle func()
}

func (m *meddling) CreateMany(ctx context.Context, c []provisioning.Change) ([]error, error) {
	m.meddle()
	return m.Users.CreateMany(ctx, c)
}

func (m *meddling) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	m.meddle()
	return m.Users.Update(ctx, id, c)
}

func TestSomebodyElseWrites(t *testing.T) {
	once := func(users *memory.Users, f func()) *meddling {
		var done sync.Once
		return &meddling{users, func() { done.Do(f) }}
	}
	waits := provisioning.Pending{ConnectionID: "conn_contoso", Address: "ann@contoso.com", Expires: now}
	file := "email,id\nann@contoso.com,1\n"

	users := memory.NewUsers()
	results := mustImport(t, once(users, func() {
		require.NoError(t, users.Load(&provisioning.User{ID: "u1", Pending: []provisioning.Pending{waits}}))
	}), file)
	require.Equal(t, []string{"2 attached"}, outcomes(results), "assigned while it was imported")

	users = load(t, &provisioning.User{ID: "u1", Pending: []provisioning.Pending{waits}})
	results = mustImport(t, once(users, func() { require.NoError(t, users.Erase(t.Context(), "u1", "")) }), file)
	require.Equal(t, []string{"2 created"}, outcomes(results), "erased while it was imported")

	users = load(t, &provisioning.User{ID: "u1", Pending: []provisioning.Pending{waits}})
	results = mustImport(t, once(users, func() {
		u := theUser(t, users, "ann@contoso.com")
		u.Suspended = true
		require.NoError(t, users.Load(u))
	}), file)
	require.Equal(t, []string{"2 bad suspended"}, outcomes(results), "suspended while it was imported")

	users = load(t, &provisioning.User{ID: "u1", Pending: []provisioning.Pending{waits}})
	results = mustImport(t, &meddling{users, func() { require.NoError(t, users.Load(theUser(t, users, "ann@contoso.com"))) }}, file)
	require.Equal(t, []string{"2 bad conflict"}, outcomes(results), "changing without pause")
}

// Somebody who is taken out of an organization while a second import runs stays out.
func TestTakenOutWhileJoining(t *testing.T) {
	users := memory.NewUsers()
	mustImport(t, users, "email,id\nann@contoso.com,1\n")
	row := "email,id,external_organization_id\nann@contoso.com,1,o1\n"
	meddler := &meddling{users, nil}
	meddler.meddle = func() {
		meddler.meddle = func() {}
		mustImport(t, users, row)
		ann := theUser(t, users, "ann@contoso.com")
		ann.Organizations = nil
		require.NoError(t, users.Load(ann))
	}
	require.Equal(t, []string{"2 known"}, outcomes(mustImport(t, meddler, row)))
	require.Empty(t, theUser(t, users, "ann@contoso.com").Organizations)
}

func TestTroubleOfTheHost(t *testing.T) {
	users := memory.NewUsers()
	file := "email,external_organization_id\nann@contoso.com,o1\n"
	for name, change := range map[string]func(*bulk.Config){
		"connections": func(c *bulk.Config) { c.Connections = &directory{err: errDown} },
		"organizations": func(c *bulk.Config) {
			c.Organization = func(context.Context, string) (string, bool, error) { return "", false, errDown }
		},
		"checkpoint": func(c *bulk.Config) { c.Checkpoint = func(context.Context, bulk.Checkpoint) error { return errDown } },
	} {
		_, _, err := importing(t, users, file, change)
		require.ErrorIs(t, err, errDown, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	i, err := bulk.New(bulk.Config{Users: memory.NewUsers(), By: bulk.ByEnvironment(), Source: "s"})
	require.NoError(t, err)
	_, err = i.Run(ctx, reader(t, file))
	require.ErrorIs(t, err, context.Canceled)

	results := mustImport(t, memory.NewUsers(), "email,external_organization_id\nann@contoso.com,o1\nben@contoso.com,o2\n", func(c *bulk.Config) {
		c.Organization = func(_ context.Context, external string) (string, bool, error) {
			return "org_" + external, external == "o1", nil
		}
	})
	require.Equal(t, []string{"2 created", "3 bad organization"}, outcomes(results))
}
