package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// spy is a store that counts, and goes wrong where told.
type spy struct {
	provisioning.UserStore
	mu      sync.Mutex
	reads   int
	writes  []provisioning.Change
	onWrite func(ctx context.Context, n int, c provisioning.Change) error // before the n-th write, from 1
	onRead  func() error
}

func (s *spy) read() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.onRead != nil {
		return s.onRead()
	}
	return nil
}

func (s *spy) write(ctx context.Context, c provisioning.Change) error {
	s.mu.Lock()
	s.writes = append(s.writes, c)
	n := len(s.writes)
	s.mu.Unlock()
	if s.onWrite != nil {
		return s.onWrite(ctx, n, c)
	}
	return nil
}

func (s *spy) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.UserStore.UserByKey(ctx, keys...)
}

func (s *spy) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.UserStore.UsersByEmail(ctx, folded)
}

func (s *spy) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	if err := s.write(ctx, c); err != nil {
		return nil, err
	}
	return s.UserStore.Create(ctx, c)
}

func (s *spy) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	if err := s.write(ctx, c); err != nil {
		return nil, err
	}
	return s.UserStore.Update(ctx, id, c)
}

// bench is a provisioner over a memory store, seen through a spy, with a clock that stands still.
type bench struct {
	*provisioning.Provisioner
	users  *memory.Users
	spy    *spy
	clock  time.Time
	mu     sync.Mutex
	audits []provisioning.Audit
}

func newBench(t *testing.T, users ...*provisioning.User) *bench {
	t.Helper()
	b := &bench{users: memory.NewUsers(), clock: now}
	require.NoError(t, b.users.Load(users...))
	b.spy = &spy{UserStore: b.users}
	var err error
	b.Provisioner, err = provisioning.New(provisioning.Config{
		Users: b.spy,
		Now:   func() time.Time { return b.clock },
		Audit: func(_ context.Context, a provisioning.Audit) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.audits = append(b.audits, a)
		},
	})
	require.NoError(t, err)
	return b
}

func (b *bench) all() []*provisioning.User { return slices.Collect(b.users.All()) }

// jit is a policy that creates.
func jit() provisioning.Policy {
	return provisioning.Policy{ConnectionID: conn, SingleTenant: true, CreateMissing: true}
}

func TestNewNeedsAStore(t *testing.T) {
	_, err := provisioning.New(provisioning.Config{})
	require.Error(t, err)
}

func TestProvisionCreatesThenKnows(t *testing.T) {
	b := newBench(t)
	p := jit()
	p.ProvenDomains = []string{"contoso.com"}
	id := ann()
	id.Picture, id.Extended = "https://p.example/ann", map[string]any{"jobTitle": "Engineer"}
	id.Groups = claims.KnownGroups([]claims.Group{{ID: "g2"}, {ID: "g1", Name: "Staff"}, {ID: "g2"}})

	u, d, err := b.Provision(t.Context(), p, id)
	require.NoError(t, err)
	require.Equal(t, provisioning.ActionCreate, d.Action)
	require.Equal(t, u.ID, d.UserID)
	require.True(t, d.Confirmed)
	require.Equal(t, []string{"email", "email_verified", "given_name", "family_name", "picture", "extended"}, d.Changed)
	require.Equal(t, []provisioning.Key{annKey()}, u.Keys)
	require.Equal(t, provisioning.Profile{
		Email: annMail, EmailVerified: true, GivenName: "Ann", FamilyName: "Lee", Picture: id.Picture, Extended: id.Extended,
	}, u.Profile)
	require.Equal(t, []claims.Group{{ID: "g1", Name: "Staff"}, {ID: "g2"}}, u.Groups, "each once, in a fixed order")
	require.Equal(t, now, u.GroupsAt)

	b.spy.reads = 0
	again, d, err := b.Provision(t.Context(), p, id)
	require.NoError(t, err)
	require.Equal(t, provisioning.ActionSignIn, d.Action)
	require.Equal(t, u, again)
	require.Len(t, b.spy.writes, 1, "nothing new, nothing written")
	require.Equal(t, 1, b.spy.reads, "one query for a known person")

	require.Len(t, b.audits, 2)
	require.Equal(t, provisioning.Audit{Event: provisioning.EventSignedIn, Time: now, UserID: u.ID, ConnectionID: conn, Key: annKey(), Decision: d}, b.audits[1])
}

func TestProvisionLinks(t *testing.T) {
	imported := func() *provisioning.User {
		return &provisioning.User{
			ID: "imported", Version: "7",
			Keys:    []provisioning.Key{provisioning.ImportKey("kinde", "42")},
			Pending: []provisioning.Pending{pending(byAddress), {ConnectionID: elsewhere, Address: annMail, Expires: now.Add(time.Hour)}},
			Profile: provisioning.Profile{Email: "Ann.Lee@contoso.com", GivenName: "Annie", EmailVerified: true},
		}
	}
	b := newBench(t, imported())
	u, d, err := b.Provision(t.Context(), pinned(), ann())
	require.NoError(t, err)
	require.Equal(t, provisioning.ReasonPendingAddress, d.Reason)
	require.Equal(t, "imported", u.ID)
	require.Equal(t, []provisioning.Key{provisioning.ImportKey("kinde", "42"), annKey()}, u.Keys)
	require.Equal(t, elsewhere, u.Pending[0].ConnectionID)
	require.Len(t, u.Pending, 1, "the record is used up, another connection's stays")
	require.Equal(t, "Annie", u.Profile.GivenName, "no profile sync, no change")
	require.Nil(t, b.spy.writes[0].Profile)
	require.Equal(t, "7", b.spy.writes[0].Version, "written over nobody else's change")
	require.True(t, b.spy.writes[0].DropOtherIdentities)

	_, d, err = b.Provision(t.Context(), pinned(), ann())
	require.NoError(t, err)
	require.Equal(t, provisioning.ActionSignIn, d.Action)

	t.Run("other identities kept", func(t *testing.T) {
		b := newBench(t, imported())
		p := pinned()
		p.KeepOtherIdentities = true
		_, _, err := b.Provision(t.Context(), p, ann())
		require.NoError(t, err)
		require.False(t, b.spy.writes[0].DropOtherIdentities)
	})
	t.Run("not those of an address that nobody verified", func(t *testing.T) {
		squatted := imported()
		squatted.Profile.EmailVerified = false
		b := newBench(t, squatted)
		p := pinned()
		p.KeepOtherIdentities = true
		_, _, err := b.Provision(t.Context(), p, ann())
		require.NoError(t, err)
		require.True(t, b.spy.writes[0].DropOtherIdentities, "whoever registered it keeps no door")
	})
	t.Run("signing in drops nothing", func(t *testing.T) {
		known := imported()
		known.Keys, known.Pending = []provisioning.Key{annKey()}, nil
		b := newBench(t, known)
		p := pinned()
		p.SyncProfile = true
		_, _, err := b.Provision(t.Context(), p, ann())
		require.NoError(t, err)
		require.False(t, b.spy.writes[0].DropOtherIdentities)
		require.Empty(t, b.spy.writes[0].AddKeys)
	})
	t.Run("by user name", func(t *testing.T) {
		u := imported()
		u.Pending = []provisioning.Pending{pending(byUPN)}
		u.Profile.Email = "ann@old.example"
		b := newBench(t, u)
		_, d, err := b.Provision(t.Context(), pinned(), ann())
		require.NoError(t, err)
		require.Equal(t, provisioning.ReasonPendingUPN, d.Reason)
	})
	t.Run("by object id", func(t *testing.T) {
		u := imported()
		u.Pending = []provisioning.Pending{pending(byObject)}
		u.Profile.Email = ""
		b := newBench(t, u)
		id := ann()
		id.Email.Address, id.Username = "", ""
		_, d, err := b.Provision(t.Context(), pinned(), id)
		require.NoError(t, err)
		require.Equal(t, provisioning.ReasonPendingObjectID, d.Reason)
	})
}

func TestProvisionRefuses(t *testing.T) {
	b := newBench(t)
	u, d, err := b.Provision(t.Context(), pinned(), ann())
	require.Nil(t, u)
	var refused *provisioning.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, d, refused.Decision)
	require.Equal(t, provisioning.ReasonNoAccount, d.Reason)
	require.Empty(t, b.spy.writes)
	require.Len(t, b.audits, 1)
	require.NotContains(t, err.Error(), annMail)
	require.ErrorContains(t, err, "ask an admin")

	id := ann()
	id.ObjectID = ""
	_, d, err = b.Provision(t.Context(), jit(), id)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, provisioning.ReasonNoKey, d.Reason)
	require.Empty(t, b.all())
	require.Zero(t, b.audits[1].Key)

	known := &provisioning.User{ID: "u", Keys: []provisioning.Key{annKey()}, Suspended: true, Profile: provisioning.Profile{GivenName: "Old"}}
	b = newBench(t, known)
	p := jit()
	p.SyncProfile = true
	_, d, err = b.Provision(t.Context(), p, ann())
	require.ErrorAs(t, err, &refused)
	require.Equal(t, provisioning.ReasonSuspended, d.Reason)
	require.Equal(t, "u", d.UserID)
	require.Empty(t, b.spy.writes, "a suspended user is not brought up to date")

	b = newBench(t, local("u", true))
	p.TrustEmails = true
	_, d, err = b.Provision(t.Context(), p, ann())
	require.ErrorAs(t, err, &refused)
	require.Equal(t, provisioning.ActionVerify, d.Action)
	require.Equal(t, "u", d.UserID)
	require.ErrorContains(t, err, "must be verified")
	require.Empty(t, b.spy.writes)
}

func TestRefusedSentinels(t *testing.T) {
	old := local("old", true)
	old.Keys = []provisioning.Key{{conn, tenant, oldOID}}
	b := newBench(t, old)
	_, _, err := b.Provision(t.Context(), jit(), ann())
	require.ErrorIs(t, err, provisioning.ErrIdentityConflict)
	require.NotErrorIs(t, err, provisioning.ErrEmailTaken)
}

// A host with unique addresses refuses; the unique column never decides whom somebody is.
func TestProvisionEmailTaken(t *testing.T) {
	b := newBench(t, local("u", true))
	b.users.UniqueEmails = true
	_, d, err := b.Provision(t.Context(), jit(), proven(ann()))
	require.ErrorIs(t, err, provisioning.ErrEmailTaken)
	var refused *provisioning.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, provisioning.ActionRefuse, d.Action)
	require.Equal(t, provisioning.ReasonEmailTaken, d.Reason)
	require.Empty(t, d.Changed)
	require.Len(t, b.all(), 1)
	require.Empty(t, b.all()[0].Keys)
	require.Len(t, b.audits, 1)
	require.Equal(t, provisioning.ReasonEmailTaken, b.audits[0].Decision.Reason)
}

// Each attempt is somebody's first sign-in at the same moment, over several provisioners as on several machines.
func TestProvisionTogether(t *testing.T) {
	b := newBench(t)
	other, err := provisioning.New(provisioning.Config{Users: b.spy, Now: func() time.Time { return now }})
	require.NoError(t, err)
	id := ann()
	id.Groups = claims.KnownGroups([]claims.Group{{ID: "g"}})
	p := jit()
	p.SyncProfile = true

	const n = 100
	ids := make([]string, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			who := b.Provisioner
			if i%2 == 0 {
				who = other
			}
			u, _, err := who.Provision(t.Context(), p, id)
			if errs[i] = err; err == nil {
				ids[i] = u.ID
			}
		})
	}
	close(start)
	wg.Wait()
	for i := range n {
		require.NoError(t, errs[i])
		require.Equal(t, ids[0], ids[i])
	}
	require.Len(t, b.all(), 1)
	require.Equal(t, []provisioning.Key{annKey()}, b.all()[0].Keys)
}

// The same where they find an account to link: one link, and everybody signs in.
func TestProvisionLinkTogether(t *testing.T) {
	b := newBench(t, &provisioning.User{ID: "imported", Pending: []provisioning.Pending{pending(byObject)}})
	var wg sync.WaitGroup
	errs := make(chan error, 50)
	for range cap(errs) {
		wg.Go(func() {
			u, _, err := b.Provision(t.Context(), jit(), ann())
			if err == nil && u.ID != "imported" {
				err = fmt.Errorf("signed in as %s", u.ID)
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, b.all(), 1)
}

func TestProvisionConflicts(t *testing.T) {
	t.Run("reads again and signs in", func(t *testing.T) {
		b := newBench(t)
		b.spy.onWrite = func(ctx context.Context, n int, _ provisioning.Change) error {
			if n == 1 { // another machine is first
				_, err := b.users.Create(ctx, provisioning.Change{AddKeys: []provisioning.Key{annKey()}})
				return err
			}
			return nil
		}
		_, d, err := b.Provision(t.Context(), jit(), ann())
		require.NoError(t, err)
		require.Equal(t, provisioning.ActionSignIn, d.Action)
		require.Len(t, b.audits, 1, "one outcome, one event")
	})
	t.Run("gives up", func(t *testing.T) {
		b := newBench(t)
		b.spy.onWrite = func(context.Context, int, provisioning.Change) error {
			return fmt.Errorf("a row: %w", provisioning.ErrConflict)
		}
		u, _, err := b.Provision(t.Context(), jit(), ann())
		require.Nil(t, u)
		require.ErrorIs(t, err, provisioning.ErrConflict)
		var refused *provisioning.Refused
		require.NotErrorAs(t, err, &refused, "no decision was applied: trying again may help")
		require.Len(t, b.spy.writes, 5)
		require.Empty(t, b.audits)
	})
	t.Run("suspended meanwhile", func(t *testing.T) {
		known := &provisioning.User{ID: "u", Keys: []provisioning.Key{annKey()}}
		b := newBench(t, known)
		b.spy.onWrite = func(_ context.Context, n int, _ provisioning.Change) error {
			suspended := known.Clone()
			suspended.Suspended = true
			return b.users.Load(suspended)
		}
		p := jit()
		p.SyncProfile = true
		_, d, err := b.Provision(t.Context(), p, ann())
		require.Error(t, err)
		require.Equal(t, provisioning.ReasonSuspended, d.Reason)
	})
	t.Run("erased meanwhile", func(t *testing.T) {
		b := newBench(t, &provisioning.User{ID: "u", Keys: []provisioning.Key{annKey()}})
		b.spy.onWrite = func(_ context.Context, n int, _ provisioning.Change) error {
			if n == 1 {
				b.spy.UserStore = memory.NewUsers()
			}
			return nil
		}
		p := jit()
		p.SyncProfile = true
		_, d, err := b.Provision(t.Context(), p, ann())
		require.NoError(t, err)
		require.Equal(t, provisioning.ActionCreate, d.Action)
	})
}

func TestProvisionStoreErrors(t *testing.T) {
	down := errors.New("database is down")
	for name, b := range map[string]*bench{"read": newBench(t), "write": newBench(t)} {
		if name == "read" {
			b.spy.onRead = func() error { return down }
		} else {
			b.spy.onWrite = func(context.Context, int, provisioning.Change) error { return down }
		}
		u, d, err := b.Provision(t.Context(), jit(), ann())
		require.Nil(t, u)
		require.Zero(t, d)
		require.ErrorIs(t, err, down, name)
		require.Empty(t, b.all())
		require.Empty(t, b.audits)
	}

	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := b.Provision(ctx, jit(), ann())
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, b.all())

	b.spy.UserStore = hollow{}
	_, _, err = b.Provision(t.Context(), jit(), ann())
	require.ErrorContains(t, err, "neither a user nor an error")
}

// hollow is a store that returns nothing at all.
type hollow struct{ provisioning.UserStore }

func (hollow) UserByKey(context.Context, ...provisioning.Key) (*provisioning.User, error) {
	return nil, nil
}

func TestDryRun(t *testing.T) {
	b := newBench(t, &provisioning.User{ID: "u", Keys: []provisioning.Key{annKey()}})
	p := jit()
	p.SyncProfile, p.ProvenDomains = true, []string{"contoso.com"}
	p.Join = &provisioning.Organization{ID: "org", AutoJoin: true}

	dry, err := b.DryRun(t.Context(), p, ann())
	require.NoError(t, err)
	require.Empty(t, b.spy.writes)
	require.Empty(t, b.audits)
	_, real, err := b.Provision(t.Context(), p, ann())
	require.NoError(t, err)
	require.Equal(t, real, dry, "a dry run tells what the sign-in then does")
	require.NotEmpty(t, dry.Changed)
	require.Equal(t, "org", dry.Joined)

	dry, err = newBench(t).DryRun(t.Context(), pinned(), ann())
	require.NoError(t, err, "a refusal is a decision")
	require.Equal(t, provisioning.ReasonNoAccount, dry.Reason)

	b = newBench(t)
	b.spy.onRead = func() error { return errors.New("down") }
	_, err = b.DryRun(t.Context(), p, ann())
	require.Error(t, err)
}
