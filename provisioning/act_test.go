package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// desk is where administrators act: a provisioner over a store that can do everything, and that somebody else writes to where told.
type desk struct {
	*provisioning.Provisioner
	users  *meddled
	audits []provisioning.Audit
}

// inMemory is embedded under a name of its own, so that the store's method Users is not hidden.
type inMemory = memory.Users

// meddled is a memory store in which something happens before an update.
type meddled struct {
	*inMemory
	before func() error
}

func (m *meddled) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	if m.before != nil {
		if err := m.before(); err != nil {
			return nil, err
		}
	}
	return m.inMemory.Update(ctx, id, c)
}

func newDesk(t *testing.T, users ...*provisioning.User) *desk {
	t.Helper()
	d := &desk{users: &meddled{inMemory: memory.NewUsers()}}
	require.NoError(t, d.users.Load(users...))
	var err error
	d.Provisioner, err = provisioning.New(provisioning.Config{
		Users: d.users, Now: func() time.Time { return now },
		Audit: func(_ context.Context, a provisioning.Audit) { d.audits = append(d.audits, a) },
	})
	require.NoError(t, err)
	return d
}

func (d *desk) user(t *testing.T, id string) *provisioning.User {
	t.Helper()
	u, err := d.users.User(t.Context(), id)
	require.NoError(t, err)
	return u
}

func (d *desk) all() []*provisioning.User { return slices.Collect(d.users.All()) }

// refused holds an act to have changed nothing, and to have been audited as refused.
func (d *desk) refused(t *testing.T, before []*provisioning.User, want, err error) {
	t.Helper()
	var refused *provisioning.ActError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, want)
	require.NotEmpty(t, refused.Fix)
	require.Equal(t, before, d.all(), "a refused act writes nothing")
	require.NotEmpty(t, d.audits)
	last := d.audits[len(d.audits)-1]
	require.ErrorIs(t, last.Err, want)
	require.Equal(t, refused.Event, last.Event)
}

var (
	operator = provisioning.Order{By: provisioning.Actor{Environment: true, Name: "ops"}, Note: "ticket 7"}
	lookOnly = provisioning.Order{By: operator.By, DryRun: true}
)

func oldKey() provisioning.Key    { return provisioning.Key{conn, tenant, oldOID} }
func mergedKey() provisioning.Key { return provisioning.Key{conn, tenant2, annOID} }

func holds(id string, keys ...provisioning.Key) *provisioning.User {
	return &provisioning.User{ID: id, Version: "1", Keys: keys, Profile: provisioning.Profile{Email: id + "@contoso.com", EmailVerified: true}, Roles: []string{"admin"}, Groups: []claims.Group{{ID: "g"}}, GroupsAt: now}
}

func TestRebind(t *testing.T) {
	ann := holds("ann", annKey(), provisioning.ImportKey("kinde", "1"))
	ann.Pending = []provisioning.Pending{pending(func(p *provisioning.Pending) { p.TenantID, p.ObjectID = tenant2, annOID })}
	d := newDesk(t, ann, holds("bob", oldKey()))
	before := d.all()
	changed, err := d.Rebind(t.Context(), lookOnly, "ann", annKey(), mergedKey())
	require.NoError(t, err)
	require.True(t, changed, "a dry run tells")
	require.Equal(t, before, d.all())
	require.Empty(t, d.audits)

	changed, err = d.Rebind(t.Context(), operator, "ann", annKey(), mergedKey())
	require.NoError(t, err)
	require.True(t, changed)
	u := d.user(t, "ann")
	require.ElementsMatch(t, []provisioning.Key{provisioning.ImportKey("kinde", "1"), mergedKey()}, u.Keys)
	require.Empty(t, u.Pending, "nobody else may come in by what waited")
	require.Empty(t, u.Groups, "they are the old tenant's")
	require.Empty(t, u.Roles)
	require.Equal(t, []provisioning.Audit{{Event: provisioning.EventRebound, Time: now, UserID: "ann", ConnectionID: conn, Key: mergedKey(), From: annKey(), Actor: operator.By, Note: "ticket 7"}}, d.audits)

	changed, err = d.Rebind(t.Context(), operator, "ann", annKey(), mergedKey())
	require.NoError(t, err)
	require.False(t, changed, "doing it again changes nothing")
	require.Equal(t, u, d.user(t, "ann"))
	require.Len(t, d.audits, 1)
}

// What one connection or tenant said of groups gives nothing at another, should the first sign-in there not learn them.
func TestRebindGroups(t *testing.T) {
	for to, kept := range map[provisioning.Key]bool{
		{conn, tenant, oldOID}:          true, // an account that was made anew
		{conn, tenant2, annOID}:         false,
		{"conn_other", tenant, annOID}:  false,
		{"conn_other", tenant2, annOID}: false,
	} {
		d := newDesk(t, holds("ann", annKey()))
		before := d.user(t, "ann")
		_, err := d.Rebind(t.Context(), operator, "ann", annKey(), to)
		require.NoError(t, err)
		u := d.user(t, "ann")
		list, _ := u.GroupsBefore(to.ConnectionID, now, 24*time.Hour)
		if kept {
			require.Equal(t, before.Groups, list)
			require.Equal(t, before.Roles, u.Roles)
			continue
		}
		require.Empty(t, list, to)
		require.Empty(t, u.Roles, to)
	}
}

func TestRebindRefuses(t *testing.T) {
	waits := holds("waits")
	waits.Pending = []provisioning.Pending{pending(func(p *provisioning.Pending) { p.TenantID, p.ObjectID = tenant2, oldOID })}
	two := holds("two", provisioning.Key{elsewhere, tenant, annOID}, provisioning.Key{conn, tenant2, oldOID})
	admin := provisioning.Order{By: provisioning.Actor{Organization: "org", Name: "mallory"}}
	for name, c := range map[string]struct {
		order    provisioning.Order
		user     string
		from, to provisioning.Key
		want     error
	}{
		"nobody":                     {provisioning.Order{}, "ann", annKey(), mergedKey(), provisioning.ErrNotAllowed},
		"an organization's admin":    {admin, "ann", annKey(), mergedKey(), provisioning.ErrNotAllowed},
		"the old key is another's":   {operator, "ann", oldKey(), mergedKey(), provisioning.ErrTaken},
		"the new key is another's":   {operator, "ann", annKey(), oldKey(), provisioning.ErrTaken},
		"another waits for it":       {operator, "ann", annKey(), provisioning.Key{conn, tenant2, oldOID}, provisioning.ErrTaken},
		"nobody holds the old key":   {operator, "ann", mergedKey(), provisioning.Key{conn, tenant2, "dddddddd-dddd-4ddd-8ddd-dddddddddddd"}, provisioning.ErrNotFound},
		"a third key":                {operator, "two", two.Keys[0], mergedKey(), provisioning.ErrIdentityConflict},
		"moved to another's, unheld": {operator, "ann", mergedKey(), oldKey(), provisioning.ErrTaken},
	} {
		t.Run(name, func(t *testing.T) {
			users := []*provisioning.User{holds("ann", annKey()), holds("bob", oldKey()), waits}
			if c.user == "two" {
				users = []*provisioning.User{two}
			}
			d := newDesk(t, users...)
			before := d.all()
			changed, err := d.Rebind(t.Context(), c.order, c.user, c.from, c.to)
			require.False(t, changed)
			d.refused(t, before, c.want, err)
		})
	}
	for name, to := range map[string]provisioning.Key{
		"an import's key":  provisioning.ImportKey("kinde", "1"),
		"no subject":       {conn, tenant2, ""},
		"no authority":     {conn, "", annOID},
		"upper case":       {conn, "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA", annOID},
		"no object id":     {conn, tenant2, "ann@contoso.com"},
		"object id upper":  {conn, tenant2, "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA"},
		"without a tenant": {conn, "", "x"},
	} {
		d := newDesk(t, holds("ann", annKey()))
		_, err := d.Rebind(t.Context(), operator, "ann", annKey(), to)
		var refused *provisioning.ActError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, []provisioning.Key{annKey()}, d.user(t, "ann").Keys)
	}
	d := newDesk(t, holds("ann", annKey()))
	_, err := d.Rebind(t.Context(), operator, "", annKey(), mergedKey())
	require.Error(t, err)
	require.Equal(t, []provisioning.Key{annKey()}, d.user(t, "ann").Keys)
}

// Somebody else writes between reading and writing: the act looks again, and gives up when that never ends.
func TestActsUnderConcurrency(t *testing.T) {
	d := newDesk(t, holds("ann", annKey()))
	meddle := func() error {
		_, err := d.users.inMemory.Update(context.Background(), "ann", provisioning.Change{Join: []string{fmt.Sprint(len(d.user(t, "ann").Organizations))}})
		return err
	}
	d.users.before = func() error { d.users.before = nil; return meddle() }
	changed, err := d.Rebind(t.Context(), operator, "ann", annKey(), mergedKey())
	require.NoError(t, err)
	require.True(t, changed)
	require.Len(t, d.audits, 1)

	d.users.before = func() error { d.users.before = nil; return d.users.Erase(context.Background(), "ann", "") }
	_, err = d.Rebind(t.Context(), operator, "ann", mergedKey(), annKey())
	require.ErrorIs(t, err, provisioning.ErrNotFound)

	d = newDesk(t, holds("ann", annKey()))
	d.users.before = meddle
	_, err = d.Rebind(t.Context(), operator, "ann", annKey(), mergedKey())
	require.ErrorIs(t, err, provisioning.ErrConflict)
	require.Empty(t, d.audits, "nothing was decided")
	require.Equal(t, []provisioning.Key{annKey()}, d.user(t, "ann").Keys)

	down := errors.New("the database is down")
	d.users.before = func() error { return down }
	_, err = d.Unlink(t.Context(), operator, "ann", annKey())
	require.ErrorIs(t, err, down)
	require.Empty(t, d.audits)
}

func TestUnlink(t *testing.T) {
	d := newDesk(t, holds("ann", annKey(), provisioning.ImportKey("kinde", "1")), holds("bob", oldKey()))
	before := d.all()
	_, err := d.Unlink(t.Context(), provisioning.Order{}, "ann", annKey())
	d.refused(t, before, provisioning.ErrNotAllowed, err)
	_, err = d.Unlink(t.Context(), operator, "ann", oldKey())
	d.refused(t, before, provisioning.ErrTaken, err)
	_, err = d.Unlink(t.Context(), operator, "ann", provisioning.ImportKey("kinde", "1"))
	require.Error(t, err, "an import's key is no identity")
	require.Equal(t, before, d.all())
	changed, err := d.Unlink(t.Context(), lookOnly, "ann", annKey())
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, before, d.all())

	changed, err = d.Unlink(t.Context(), operator, "ann", annKey())
	require.NoError(t, err)
	require.True(t, changed)
	u := d.user(t, "ann")
	require.Equal(t, []provisioning.Key{provisioning.ImportKey("kinde", "1")}, u.Keys)
	require.Empty(t, u.Groups)
	require.Empty(t, u.Roles, "what the identity gave goes with it")
	require.Equal(t, now, u.GroupsAt)
	last := d.audits[len(d.audits)-1]
	require.Equal(t, provisioning.Audit{Event: provisioning.EventUnlinked, Time: now, UserID: "ann", ConnectionID: conn, Key: annKey(), Actor: operator.By, Note: "ticket 7"}, last)
	n := len(d.audits)
	changed, err = d.Unlink(t.Context(), operator, "ann", annKey())
	require.NoError(t, err)
	require.False(t, changed)
	require.Len(t, d.audits, n)

	// The person is a stranger now.
	p := jit()
	u, decision, err := d.Provision(t.Context(), p, proven(ann()))
	require.NoError(t, err)
	require.Equal(t, provisioning.ActionCreate, decision.Action)
	require.NotEqual(t, "ann", u.ID)
}

// A store that compares more loosely than bytes must not lead an act to the wrong user.
func TestActsDistrustTheStore(t *testing.T) {
	users := memory.NewUsers()
	require.NoError(t, users.Load(holds("ann", annKey())))
	p, err := provisioning.New(provisioning.Config{Users: loose{users}})
	require.NoError(t, err)
	_, err = p.Unlink(t.Context(), operator, "ann", oldKey())
	require.ErrorContains(t, err, "does not hold")
	_, err = p.Export(t.Context(), operator, "anything")
	require.ErrorContains(t, err, "another user")
}

// loose finds Ann for whatever is asked.
type loose struct{ *inMemory }

func (l loose) UserByKey(ctx context.Context, _ ...provisioning.Key) (*provisioning.User, error) {
	return l.User(ctx, "ann")
}

func (l loose) User(ctx context.Context, _ string) (*provisioning.User, error) {
	return l.inMemory.User(ctx, "ann")
}
