package provisioning_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Whatever happens, in whatever order, with a store that fails at random: no identity ever belongs to two users, no user gains one without evidence, and
// doing a thing again changes nothing.
func TestRandomHistories(t *testing.T) {
	moreHistories(t)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"sign in": w.signIn, "import": w.imports, "edit": w.edits, "rebind": w.rebinds, "unlink": w.unlinks, "assign": w.assigns, "erase": w.erases,
			"recycle an address": w.recycles, "change the policy": w.changesPolicy,
			"": w.holds,
		})
	})
}

// moreHistories asks rapid for more than its hundred, unless whoever runs the test says how many: of the guards that this test has been seen to miss when
// they are taken out, the one that most histories do not touch took 175 of them to find.
func moreHistories(t *testing.T) {
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "rapid.checks" })
	checks := flag.Lookup("rapid.checks")
	require.NotNil(t, checks)
	if !said && !testing.Short() {
		before := checks.Value.String()
		require.NoError(t, checks.Value.Set("1000"))
		t.Cleanup(func() { require.NoError(t, checks.Value.Set(before)) })
	}
}

// signIn lets a person sign in through a connection, and again.
func (w *world) signIn(t *rapid.T) {
	p, c := rapid.SampledFrom(w.people).Draw(t, "person"), rapid.SampledFrom(w.connections).Draw(t, "connection")
	id := w.token(t, p)
	policy := c.policy
	if rapid.Bool().Draw(t, "proves the address by a code") && w.owner[provisioning.Fold(id.Email.Address)] == p {
		policy.VerifiedAddress = id.Email.Address
	}
	before := w.snapshot()
	w.store.trouble = drawTrouble(t)
	u, d, err := w.Provision(context.Background(), policy, id)
	w.store.trouble = nil
	key, keyErr := provisioning.KeyOf(c.id, id)
	require.NoError(t, keyErr)
	w.justified(t, before, key, p, id, policy)
	if err != nil {
		require.Nil(t, u)
		var refused *provisioning.Refused
		if errors.As(err, &refused) {
			require.Equal(t, before, w.snapshot(), "a refusal writes nothing")
			return
		}
		require.True(t, errors.Is(err, errTrouble) || errors.Is(err, provisioning.ErrConflict), "%v", err)
		u, d, err = w.Provision(context.Background(), policy, id) // the person tries again
		w.justified(t, before, key, p, id, policy)
		if err != nil {
			require.ErrorAs(t, err, &refused)
			return
		}
	}
	require.True(t, u.Holds(key), "signed in as somebody who is not them")
	require.False(t, u.Suspended)
	require.Equal(t, u.ID, d.UserID)
	w.bound[key] = u.ID

	after := w.snapshot()
	again, d, err := w.Provision(context.Background(), policy, id)
	require.NoError(t, err)
	require.Equal(t, u.ID, again.ID)
	require.Equal(t, provisioning.ActionSignIn, d.Action)
	require.Equal(t, after, w.snapshot(), "the second sign-in changes nothing")
}

// justified holds whatever a sign-in wrote to what can justify it, by what was there before and what is true in the world, not by what Decide says.
func (w *world) justified(t *rapid.T, before map[string]*provisioning.User, key provisioning.Key, p *person, id *claims.Identity, policy provisioning.Policy) {
	for uid, now := range w.snapshot() {
		was := before[uid]
		for _, k := range now.Keys {
			if was != nil && was.Holds(k) {
				continue
			}
			require.Equal(t, key, k, "only the identity that signed in is added")
			if was == nil {
				require.True(t, policy.CreateMissing, "created although the connection does not")
				continue
			}
			require.False(t, was.Suspended || was.Emergency, "a suspended or emergency user gained an identity")
			require.True(t, w.recordFor(was, key, p, id) || w.ownsAccount(was, p, id, policy), "user %+v gained %v without evidence", was, key)
		}
		if was != nil {
			for _, k := range was.Keys {
				require.True(t, now.Holds(k), "a sign-in took an identity away")
			}
			require.Subset(t, was.Pending, now.Pending, "a sign-in made a record")
		}
	}
	for uid := range before {
		require.Contains(t, w.snapshot(), uid)
	}
}

// recordFor: a record of this connection, made by somebody who may, names the member: by object id, or by an address in the recorded tenant.
func (w *world) recordFor(u *provisioning.User, key provisioning.Key, p *person, id *claims.Identity) bool {
	if !p.member {
		return false
	}
	for _, r := range u.Pending {
		address := provisioning.Fold(r.Address)
		if r.ConnectionID != key.ConnectionID || r.TenantID != "" && r.TenantID != p.tenant || !w.clock.Before(r.Expires) {
			continue
		}
		if r.ObjectID != "" {
			if r.ObjectID == p.object {
				return true
			}
			continue
		}
		inTenant := r.TenantID == p.tenant && (address == provisioning.Fold(id.Username) || w.single(key.ConnectionID))
		if address == provisioning.Fold(id.Username) && inTenant || address == provisioning.Fold(id.Email.Address) && (inTenant || w.owner[address] == p) {
			return true
		}
	}
	return false
}

// ownsAccount: the connection is trusted, and the person owns the address that the account has verified.
func (w *world) ownsAccount(u *provisioning.User, p *person, id *claims.Identity, policy provisioning.Policy) bool {
	address := provisioning.Fold(id.Email.Address)
	return policy.TrustEmails && !u.Enterprise() && u.Profile.EmailVerified && provisioning.Fold(u.Profile.Email) == address && w.owner[address] == p
}

// holds are the invariants between any two steps.
func (w *world) holds(t *rapid.T) {
	holder := map[provisioning.Key]string{}
	for uid, u := range w.snapshot() {
		connections := map[string]bool{}
		for _, k := range u.Keys {
			require.Empty(t, holder[k], "%v belongs to two users", k)
			holder[k] = uid
			if k.Enterprise() {
				require.False(t, connections[k.ConnectionID], "two identities of one connection")
				connections[k.ConnectionID] = true
			}
		}
	}
	for k, uid := range w.bound {
		require.Equal(t, uid, holder[k], "an identity moved by itself")
	}
}

func (w *world) rebinds(t *rapid.T) {
	from, to := w.drawKey(t, "from"), w.drawKey(t, "to")
	uid := w.drawUser(t)
	before := w.snapshot()
	w.act(t, before, func() (bool, error) { return w.Rebind(context.Background(), operator, uid, from, to) }, func() {
		delete(w.bound, from)
		w.bound[to] = uid
	})
}

func (w *world) unlinks(t *rapid.T) {
	k, uid := w.drawKey(t, "key"), w.drawUser(t)
	w.act(t, w.snapshot(), func() (bool, error) { return w.Unlink(context.Background(), operator, uid, k) }, func() { delete(w.bound, k) })
}

func (w *world) assigns(t *rapid.T) {
	p, c := rapid.SampledFrom(w.people).Draw(t, "person"), rapid.SampledFrom(w.connections).Draw(t, "connection")
	wait := provisioning.Pending{ConnectionID: c.id, TenantID: c.tenant}
	if wait.ObjectID = p.object; rapid.Bool().Draw(t, "by address") {
		wait.ObjectID, wait.Address = "", p.upn
	}
	as := provisioning.Assignment{UserID: w.drawUser(t), Wait: wait}
	w.act(t, w.snapshot(), func() (bool, error) { return w.Assign(context.Background(), operator, as) }, func() {})
}

// act does an act, with trouble; what failed is done again, and what is done changes nothing when it is done again.
func (w *world) act(t *rapid.T, before map[string]*provisioning.User, do func() (bool, error), done func()) {
	w.store.trouble = drawTrouble(t)
	_, err := do()
	w.store.trouble = nil
	var refused *provisioning.ActError
	if errors.As(err, &refused) {
		require.Equal(t, before, w.snapshot(), "a refused act writes nothing")
		return
	}
	if err != nil {
		if _, err = do(); err != nil {
			require.ErrorAs(t, err, &refused)
			return
		}
	}
	after := w.snapshot()
	if !sameUsers(before, after) {
		done()
	}
	changed, err := do()
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, after, w.snapshot(), "doing it again changes nothing")
}

func (w *world) erases(t *rapid.T) {
	uid := w.drawUser(t)
	if err := w.Erase(context.Background(), operator, uid); err != nil {
		require.ErrorIs(t, err, provisioning.ErrNotFound)
		return
	}
	for k, holder := range w.bound {
		if holder == uid {
			delete(w.bound, k)
		}
	}
}

// edits are the host's own: the person changes the address, with or without proving it; an admin suspends somebody or names an emergency user.
func (w *world) edits(t *rapid.T) {
	users := w.snapshot()
	u := users[w.drawUser(t)]
	if u == nil {
		return
	}
	address := rapid.SampledFrom(w.addresses).Draw(t, "address")
	switch rapid.IntRange(0, 3).Draw(t, "edit") {
	case 0:
		u.Profile.Email, u.Profile.EmailVerified = address, rapid.Bool().Draw(t, "verified")
	case 1:
		u.Suspended = !u.Suspended
	case 2:
		u.Emergency = !u.Enterprise() && !u.Emergency
	case 3: // a new local account
		u = &provisioning.User{ID: fmt.Sprint("local ", len(users), " ", address), Profile: provisioning.Profile{Email: address, EmailVerified: rapid.Bool().Draw(t, "verified")}}
		if slices.ContainsFunc(w.list(), func(o *provisioning.User) bool { return o.ID == u.ID }) {
			return
		}
	}
	require.NoError(t, w.users.Load(u))
}
