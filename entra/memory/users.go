package memory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Users is a provisioning.UserStore in memory. Its zero value is ready. It knows no local identities, so
// Change.DropOtherIdentities changes nothing here.
type Users struct {
	// UniqueEmails makes Create and Update answer provisioning.ErrEmailTaken to an address that another user's profile has. Unverified ones count too:
	// provisioning.ErrEmailTaken says who can make use of that.
	// Set before first use.
	UniqueEmails bool

	mu     sync.RWMutex
	byID   map[string]*provisioning.User // values are replaced, never modified
	index  map[term]string               // what is unique → id
	emails map[string][]string           // folded address, of profiles and pending identities → ids
}

// term is something that only one user has: a key, a pending identity's object id or folded address.
type term struct {
	kind       byte // 'k', 'o', 'a'
	connection string
	authority  string
	value      string
}

var (
	_ provisioning.UserStore   = (*Users)(nil)
	_ provisioning.UserReader  = (*Users)(nil)
	_ provisioning.UserLister  = (*Users)(nil)
	_ provisioning.UserEraser  = (*Users)(nil)
	_ provisioning.BulkCreator = (*Users)(nil)
)

// NewUsers returns an empty Users.
func NewUsers() *Users { return &Users{} }

// UserByKey implements provisioning.UserStore.
func (s *Users) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range keys {
		t := term{'k', k.ConnectionID, k.Authority, k.Subject}
		if k == provisioning.PendingKey(k.ConnectionID, k.Subject) {
			t.kind = 'o'
		}
		if id, ok := s.index[t]; ok {
			return s.byID[id].Clone(), nil
		}
	}
	return nil, provisioning.ErrNotFound
}

// User implements provisioning.UserReader.
func (s *Users) User(ctx context.Context, id string) (*provisioning.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if u := s.byID[id]; u != nil {
		return u.Clone(), nil
	}
	return nil, provisioning.ErrNotFound
}

// UsersByEmail implements provisioning.UserStore. Users come in the order of their ids.
func (s *Users) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*provisioning.User
	for _, id := range slices.Sorted(slices.Values(s.emails[folded])) {
		list = append(list, s.byID[id].Clone())
	}
	return list, nil
}

// Create implements provisioning.UserStore.
func (s *Users) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	if err := begin(ctx, c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(nil, &provisioning.User{ID: rand.Text()}, c)
}

// Update implements provisioning.UserStore.
func (s *Users) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	if err := begin(ctx, c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID[id]
	switch {
	case !ok:
		return nil, provisioning.ErrNotFound
	case c.Version != "" && c.Version != old.Version:
		return nil, fmt.Errorf("memory: user %q has changed: %w", id, provisioning.ErrConflict)
	}
	return s.put(old, old.Clone(), c)
}

// SetSuspended refuses a user at every sign-in, or lets them in again. provisioning.ErrNotFound.
func (s *Users) SetSuspended(ctx context.Context, id string, suspended bool) error {
	return s.set(ctx, id, func(u *provisioning.User) { u.Suspended = suspended })
}

// SetEmergency makes a user a break-glass user, or an ordinary one again; see provisioning.User. provisioning.ErrNotFound.
func (s *Users) SetEmergency(ctx context.Context, id string, emergency bool) error {
	return s.set(ctx, id, func(u *provisioning.User) { u.Emergency = emergency })
}

func (s *Users) set(ctx context.Context, id string, change func(*provisioning.User)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID[id]
	if !ok {
		return provisioning.ErrNotFound
	}
	next := old.Clone()
	change(next)
	_, err := s.put(old, next, provisioning.Change{})
	return err
}

func begin(ctx context.Context, c provisioning.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Check()
}

// put applies c to next and stores it in place of old (nil: none), if no rule is broken.
func (s *Users) put(old, next *provisioning.User, c provisioning.Change) (*provisioning.User, error) {
	c.Apply(next)
	next.Version = rand.Text()
	if err := s.check(next); err != nil {
		return nil, err
	}
	s.unlink(old)
	s.link(next)
	return next.Clone(), nil
}

// utc also takes off the monotonic clock reading, so that times compare as a database's would.
func utc(t time.Time) time.Time { return t.Round(0).UTC() }

// check holds the unique rules against every other user.
func (s *Users) check(u *provisioning.User) error {
	own := map[term]bool{}
	for _, t := range terms(u) {
		if id, ok := s.index[t]; own[t] || ok && id != u.ID {
			return fmt.Errorf("memory: a key or a pending identity is taken: %w", provisioning.ErrConflict)
		}
		own[t] = true
	}
	connections := map[string]bool{}
	for _, k := range u.Keys {
		if k.Enterprise() && connections[k.ConnectionID] {
			return fmt.Errorf("memory: a second key of connection %q: %w", k.ConnectionID, provisioning.ErrConflict)
		}
		connections[k.ConnectionID] = true
	}
	return s.checkEmail(u)
}

func (s *Users) checkEmail(u *provisioning.User) error {
	folded := provisioning.Fold(u.Profile.Email)
	if !s.UniqueEmails || folded == "" {
		return nil
	}
	for _, id := range s.emails[folded] {
		if id != u.ID && provisioning.Fold(s.byID[id].Profile.Email) == folded {
			return provisioning.ErrEmailTaken
		}
	}
	return nil
}

// terms returns what is unique about a user.
func terms(u *provisioning.User) []term {
	var list []term
	for _, k := range u.Keys {
		list = append(list, term{'k', k.ConnectionID, k.Authority, k.Subject})
	}
	for _, p := range u.Pending {
		if p.ObjectID != "" {
			list = append(list, term{'o', p.ConnectionID, "", p.ObjectID})
		}
		if folded := provisioning.Fold(p.Address); folded != "" {
			list = append(list, term{'a', p.ConnectionID, "", folded})
		}
	}
	return list
}

// addresses returns the folded addresses that find a user, each once.
func addresses(u *provisioning.User) []string {
	list := []string{provisioning.Fold(u.Profile.Email)}
	for _, p := range u.Pending {
		list = append(list, provisioning.Fold(p.Address))
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(a string) bool { return a == "" })
}

func (s *Users) link(u *provisioning.User) {
	if s.byID == nil {
		s.byID, s.index, s.emails = map[string]*provisioning.User{}, map[term]string{}, map[string][]string{}
	}
	s.byID[u.ID] = u
	for _, t := range terms(u) {
		s.index[t] = u.ID
	}
	for _, a := range addresses(u) {
		s.emails[a] = append(s.emails[a], u.ID)
	}
}

func (s *Users) unlink(u *provisioning.User) {
	if u == nil {
		return
	}
	delete(s.byID, u.ID)
	for _, t := range terms(u) {
		delete(s.index, t)
	}
	for _, a := range addresses(u) {
		rest := slices.DeleteFunc(s.emails[a], func(id string) bool { return id == u.ID })
		if len(rest) == 0 {
			delete(s.emails, a)
			continue
		}
		s.emails[a] = rest
	}
}

// All yields a copy of every user, in the order of their ids, as they were when the listing began. The store may be used while
// it goes on.
func (s *Users) All() iter.Seq[*provisioning.User] {
	return func(yield func(*provisioning.User) bool) {
		s.mu.RLock()
		all := maps.Clone(s.byID)
		s.mu.RUnlock()
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if !yield(all[id].Clone()) {
				return
			}
		}
	}
}

// Users implements provisioning.UserLister, over the users as they were when the listing began.
func (s *Users) Users(ctx context.Context, f provisioning.UserFilter) iter.Seq2[*provisioning.User, error] {
	return func(yield func(*provisioning.User, error) bool) {
		for u := range s.All() {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if selected(u, f) && !yield(u, nil) {
				return
			}
		}
	}
}

// CountUsers implements provisioning.UserLister.
func (s *Users) CountUsers(ctx context.Context, f provisioning.UserFilter) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, u := range s.byID {
		if selected(u, f) {
			n++
		}
	}
	return n, nil
}

func selected(u *provisioning.User, f provisioning.UserFilter) bool {
	switch {
	case f.After != "" && u.ID <= f.After:
		return false
	case f.ConnectionID == "":
		return true
	}
	_, holds := u.KeyAt(f.ConnectionID)
	return holds || slices.ContainsFunc(u.Pending, func(p provisioning.Pending) bool { return p.ConnectionID == f.ConnectionID })
}

// Erase implements provisioning.UserEraser.
func (s *Users) Erase(ctx context.Context, id, version string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID[id]
	switch {
	case !ok:
		return provisioning.ErrNotFound
	case version != "" && version != old.Version:
		return fmt.Errorf("memory: user %q has changed: %w", id, provisioning.ErrConflict)
	}
	s.unlink(old)
	return nil
}

// CreateMany implements provisioning.BulkCreator.
func (s *Users) CreateMany(ctx context.Context, changes []provisioning.Change) ([]error, error) {
	each := make([]error, len(changes))
	for i, c := range changes {
		if _, each[i] = s.Create(ctx, c); each[i] != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return each, nil
}

// Load puts users as they are, ids, versions and switches included, for a host that keeps a snapshot or that edits users itself
// (suspending one, naming one as an emergency user). A user with a known id is replaced, whatever its version, and gets a new
// version. All of them go in or none; a user without an id, or one that breaks a rule of Create, is an error.
func (s *Users) Load(users ...*provisioning.User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var undo []func()
	for _, u := range users {
		err := s.load(u, &undo)
		if err == nil {
			continue
		}
		for _, f := range slices.Backward(undo) {
			f()
		}
		return err
	}
	return nil
}

func (s *Users) load(u *provisioning.User, undo *[]func()) error {
	if u.ID == "" {
		return errors.New("memory: a user to load has no id")
	}
	next := u.Clone()
	provisioning.Change{}.Apply(next) // times as they are kept
	old := s.byID[u.ID]
	if next.Version == "" || old != nil {
		next.Version = rand.Text()
	}
	if err := (provisioning.Change{AddKeys: next.Keys, Pending: &next.Pending}).Check(); err != nil {
		return fmt.Errorf("memory: user %q: %w", u.ID, err)
	}
	if err := s.check(next); err != nil {
		return fmt.Errorf("memory: user %q: %w", u.ID, err)
	}
	s.unlink(old)
	s.link(next)
	*undo = append(*undo, func() {
		s.unlink(next)
		if old != nil {
			s.link(old)
		}
	})
	return nil
}
