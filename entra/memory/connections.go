package memory

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/hrd"
)

// Connections is an entra.ConnectionRegistry in memory. Its zero value is ready. A change is seen by
// the next call: nothing is cached.
type Connections struct {
	mu       sync.RWMutex
	byID     map[string]*entra.Connection
	byName   map[owned]string  // → id
	byDomain map[string]string // proven domain → id
}

// owned is a name, which is unique within one owner.
type owned struct{ organization, name string }

var (
	_ entra.ConnectionRegistry = (*Connections)(nil)
	_ hrd.Directory            = (*Connections)(nil)
)

// NewConnections returns an empty Connections.
func NewConnections() *Connections { return &Connections{} }

// Connection implements entra.ConnectionStore.
func (s *Connections) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.byID[id]
	if !ok {
		return nil, entra.ErrNotFound
	}
	return c.Clone(), nil
}

// HomeRealm implements hrd.Directory.
func (s *Connections) HomeRealm(ctx context.Context, domain string) (string, bool, error) {
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	id, ok := s.byDomain[domain]
	return id, ok, nil
}

// Connections implements entra.ConnectionLister. It lists what was stored at the moment of the call to the iterator; the store
// may be used while a listing goes on.
func (s *Connections) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(yield func(*entra.Connection, error) bool) {
		s.mu.RLock()
		all := slices.Collect(maps.Values(s.byID))
		s.mu.RUnlock()
		slices.SortFunc(all, func(a, b *entra.Connection) int { return cmp.Compare(a.ID, b.ID) })
		for _, c := range all { // stored values are replaced, never modified
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if f.Matches(c) && !yield(c.Clone(), nil) {
				return
			}
		}
	}
}

// Put implements entra.ConnectionAdmin.
func (s *Connections) Put(ctx context.Context, c *entra.Connection) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if c.ID == "" {
		return "", errors.New("memory: a connection needs an id before it is stored")
	}
	next, domains := c.Clone(), c.ProvenDomains()
	next.Version = rand.Text()
	for i := range next.DomainProofs {
		next.DomainProofs[i].At = utc(next.DomainProofs[i].At)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID[c.ID]
	if ok != (c.Version != "") || ok && old.Version != c.Version {
		return "", fmt.Errorf("memory: connection %q: %w", c.ID, entra.ErrConflict)
	}
	if err := s.taken(next, domains); err != nil {
		return "", err
	}
	s.drop(old)
	s.add(next, domains)
	return next.Version, nil
}

// Delete implements entra.ConnectionAdmin.
func (s *Connections) Delete(ctx context.Context, id, version string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID[id]
	switch {
	case !ok:
		return entra.ErrNotFound
	case version != "" && version != old.Version:
		return fmt.Errorf("memory: connection %q: %w", id, entra.ErrConflict)
	}
	s.drop(old)
	return nil
}

// taken reports whether another connection holds the name or one of the domains.
func (s *Connections) taken(c *entra.Connection, domains []string) error {
	if id, ok := s.byName[owned{c.OrganizationID, c.Name}]; ok && id != c.ID {
		return &entra.TakenError{Field: "name", Value: c.Name, ConnectionID: id}
	}
	for _, d := range domains {
		if id, ok := s.byDomain[d]; ok && id != c.ID {
			return &entra.TakenError{Field: "home_realm_domains", Value: d, ConnectionID: id}
		}
	}
	return nil
}

func (s *Connections) add(c *entra.Connection, domains []string) {
	if s.byID == nil {
		s.byID, s.byName, s.byDomain = map[string]*entra.Connection{}, map[owned]string{}, map[string]string{}
	}
	s.byID[c.ID] = c
	s.byName[owned{c.OrganizationID, c.Name}] = c.ID
	for _, d := range domains {
		s.byDomain[d] = c.ID
	}
}

func (s *Connections) drop(c *entra.Connection) {
	if c == nil {
		return
	}
	delete(s.byID, c.ID)
	delete(s.byName, owned{c.OrganizationID, c.Name})
	for _, d := range c.ProvenDomains() {
		delete(s.byDomain, d)
	}
}
