package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// world is what is true: who there is, whose each address is, and which connections there are.
type world struct {
	*provisioning.Provisioner
	users       *memory.Users
	store       *unreliable
	clock       time.Time
	people      []*person
	connections []*door
	addresses   []string
	owner       map[string]*person          // folded address → whose it is now
	bound       map[provisioning.Key]string // who signed in as whom: it stays so until an administrator acts
}

type person struct {
	tenant, object, upn, address string
	member                       bool
}

type door struct {
	id, tenant string // tenant "": several
	policy     provisioning.Policy
}

func newWorld(t *rapid.T) *world {
	w := &world{users: memory.NewUsers(), clock: now, owner: map[string]*person{}, bound: map[provisioning.Key]string{}}
	w.store = &unreliable{inMemory: w.users}
	for i, p := range []person{
		{tenant: tenant, upn: "ann@contoso.com", address: "Ann@contoso.com", member: true},
		{tenant: tenant, upn: "ben@contoso.com", address: "ben@contoso.com", member: true},
		{tenant: tenant, upn: "gus#EXT#@contoso.com", address: "gus@gmail.example"},
		{tenant: tenant2, upn: "eve@fabrikam.com", address: "eve@fabrikam.com", member: true},
	} {
		p.object = fmt.Sprintf("aaaaaaaa-aaaa-4aaa-8aaa-%012d", i)
		w.people = append(w.people, &p)
		w.addresses = append(w.addresses, p.address)
		w.owner[provisioning.Fold(p.address)] = &p
	}
	w.connections = []*door{
		{id: conn, tenant: tenant, policy: provisioning.Policy{ConnectionID: conn, SingleTenant: true}},
		{id: elsewhere, policy: provisioning.Policy{ConnectionID: elsewhere}},
	}
	for range w.connections {
		w.changesPolicy(t)
	}
	var err error
	w.Provisioner, err = provisioning.New(provisioning.Config{Users: w.store, Now: func() time.Time { return w.clock }})
	require.NoError(t, err)
	return w
}

func (w *world) changesPolicy(t *rapid.T) {
	c := rapid.SampledFrom(w.connections).Draw(t, "connection")
	p := &c.policy
	p.TrustEmails, p.CreateMissing, p.SyncProfile = rapid.Bool().Draw(t, "trust"), rapid.Bool().Draw(t, "create"), rapid.Bool().Draw(t, "sync")
	p.Join = nil
	if rapid.Bool().Draw(t, "join") {
		p.Join = &provisioning.Organization{ID: "org", AutoJoin: true}
	}
	w.clock = w.clock.Add(time.Duration(rapid.IntRange(0, 40*24).Draw(t, "hours")) * time.Hour)
}

// recycles gives an address to somebody else, as tenants do when people leave; what accounts have verified of it stays verified.
func (w *world) recycles(t *rapid.T) {
	w.owner[provisioning.Fold(rapid.SampledFrom(w.addresses).Draw(t, "address"))] = rapid.SampledFrom(w.people).Draw(t, "to")
}

func (w *world) single(connection string) bool { return connection == conn }

// token is what Entra says of a person: whatever address their admin wrote, and evidence only for one that is theirs. The multi-tenant connection lets anybody in.
func (w *world) token(t *rapid.T, p *person) *claims.Identity {
	kind := claims.KindGuest
	if p.member {
		kind = claims.KindMember
	}
	id := &claims.Identity{Issuer: "https://login.example/" + p.tenant, Subject: "s", TenantID: p.tenant, ObjectID: p.object, Kind: kind, Username: p.upn, GivenName: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "name")}
	id.Email.Address = rapid.SampledFrom(append(slices.Clone(w.addresses), "")).Draw(t, "address")
	if id.Email.Address != "" && w.owner[provisioning.Fold(id.Email.Address)] == p && rapid.Bool().Draw(t, "evidence") {
		id.Email.Evidence = []claims.Evidence{claims.EvidenceDomainOwnerVerified}
	}
	if rapid.Bool().Draw(t, "groups") {
		id.Groups = claims.KnownGroups([]claims.Group{{ID: "g"}})
	}
	return id
}

// imports brings a file in, as the environment, and again.
func (w *world) imports(t *rapid.T) {
	var b strings.Builder
	b.WriteString("email,id,email_verified,connection,entra_object_id\n")
	for range rapid.IntRange(1, 3).Draw(t, "rows") {
		p := rapid.SampledFrom(w.people).Draw(t, "row")
		object := ""
		if rapid.Bool().Draw(t, "object id") {
			object = p.object
		}
		fmt.Fprintf(&b, "%s,%d,%v,%s,%s\n", rapid.SampledFrom(w.addresses).Draw(t, "address"), rapid.IntRange(1, 6).Draw(t, "id"), rapid.Bool().Draw(t, "verified"), rapid.SampledFrom([]string{conn, elsewhere, ""}).Draw(t, "connection"), object)
	}
	run := func() error {
		i, err := bulk.New(bulk.Config{Users: w.store, By: bulk.ByEnvironment(), Source: "kinde", Connections: w, Now: func() time.Time { return w.clock }, Parallel: 1, Batch: 2})
		require.NoError(t, err)
		r, err := bulk.NewReader(strings.NewReader(b.String()))
		require.NoError(t, err)
		_, err = i.Run(context.Background(), r)
		return err
	}
	before := w.snapshot()
	w.store.trouble = drawTrouble(t)
	err := run()
	w.store.trouble = nil
	if err != nil {
		require.NoError(t, run(), "what was interrupted goes through when it is run again")
	}
	after := w.snapshot()
	for uid, u := range after { // an import makes records, and import keys; never an identity
		was := before[uid]
		for _, k := range u.Keys {
			require.True(t, !k.Enterprise() || was != nil && was.Holds(k), "an import made the identity %v", k)
		}
	}
	for uid := range before {
		require.Contains(t, after, uid)
	}
	require.NoError(t, run())
	require.Equal(t, after, w.snapshot(), "importing again changes nothing:\n%s", &b)
}

// Resolve, Tenant and Proven are the connections, as an import asks for them.
func (w *world) Resolve(_ context.Context, name, _ string) (string, bool, error) {
	return name, name != "", nil
}

func (w *world) Tenant(_ context.Context, id string) (string, error) {
	return map[string]string{conn: tenant}[id], nil
}

func (w *world) Proven(context.Context, string, string) (bool, error) { return true, nil }

func (w *world) list() []*provisioning.User { return slices.Collect(w.users.All()) }

// snapshot is all users, by id.
func (w *world) snapshot() map[string]*provisioning.User {
	all := map[string]*provisioning.User{}
	for u := range w.users.All() {
		all[u.ID] = u
	}
	return all
}

func sameUsers(a, b map[string]*provisioning.User) bool { return reflect.DeepEqual(a, b) }

func (w *world) drawUser(t *rapid.T) string {
	ids := append(slices.Sorted(maps.Keys(w.byBirth())), "nobody")
	return w.byBirth()[rapid.SampledFrom(ids).Draw(t, "user")]
}

// byBirth names users by what they are, since ids are random and a history must replay: by the first of their keys, or by the id that this test chose.
func (w *world) byBirth() map[string]string {
	names := map[string]string{"nobody": "nobody"}
	for _, u := range w.list() {
		name := u.ID
		if len(u.Keys) > 0 {
			keys := slices.Clone(u.Keys)
			slices.SortFunc(keys, func(a, b provisioning.Key) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			name = fmt.Sprint(keys[0])
		} else if !strings.HasPrefix(name, "local ") {
			name = fmt.Sprint(u.Pending, u.Profile.Email)
		}
		names[name] = u.ID
	}
	return names
}

func (w *world) drawKey(t *rapid.T, label string) provisioning.Key {
	p, c := rapid.SampledFrom(w.people).Draw(t, label), rapid.SampledFrom(w.connections).Draw(t, label+" at")
	return provisioning.Key{ConnectionID: c.id, Authority: p.tenant, Subject: p.object}
}

var errTrouble = errors.New("the network is down")

// trouble is one failure of a store: at the n-th call from now; with wrote, the write goes through and the answer is lost.
type trouble struct {
	at    int
	wrote bool
}

func drawTrouble(t *rapid.T) *trouble {
	if !rapid.Bool().Draw(t, "trouble") {
		return nil
	}
	return &trouble{at: rapid.IntRange(1, 4).Draw(t, "at call"), wrote: rapid.Bool().Draw(t, "answer lost")}
}

// unreliable is a memory store in trouble.
type unreliable struct {
	*inMemory
	trouble *trouble
}

// fails counts a call down.
func (s *unreliable) fails() (before, after error) {
	if s.trouble == nil {
		return nil, nil
	}
	if s.trouble.at--; s.trouble.at != 0 {
		return nil, nil
	}
	if s.trouble.wrote {
		return nil, errTrouble
	}
	return errTrouble, nil
}

func (s *unreliable) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	if before, after := s.fails(); before != nil || after != nil {
		return nil, errTrouble
	}
	return s.inMemory.UserByKey(ctx, keys...)
}

func (s *unreliable) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	if before, after := s.fails(); before != nil || after != nil {
		return nil, errTrouble
	}
	return s.inMemory.UsersByEmail(ctx, folded)
}

func (s *unreliable) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	before, after := s.fails()
	if before != nil {
		return nil, before
	}
	u, err := s.inMemory.Create(ctx, c)
	return lost(u, err, after)
}

func (s *unreliable) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	before, after := s.fails()
	if before != nil {
		return nil, before
	}
	u, err := s.inMemory.Update(ctx, id, c)
	return lost(u, err, after)
}

func lost(u *provisioning.User, err, after error) (*provisioning.User, error) {
	if after != nil {
		return nil, after
	}
	return u, err
}

func (s *unreliable) CreateMany(ctx context.Context, changes []provisioning.Change) ([]error, error) {
	before, after := s.fails()
	if before != nil {
		return nil, before
	}
	each, err := s.inMemory.CreateMany(ctx, changes)
	if after != nil {
		return nil, after
	}
	return each, err
}
