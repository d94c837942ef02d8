package provisioningtest

import (
	"context"
	"sync"
	"testing"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func TestMemoryMachines(t *testing.T) {
	Machines(t, func(*testing.T) (one, other provisioning.UserStore) {
		s := memory.NewUsers()
		return s, s
	})
}

// locked is a machine that checks and writes under a lock of its own, before a database that keeps no rule.
type locked struct {
	mu sync.Mutex
	*sloppy
}

func (s *locked) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sloppy.Create(ctx, c)
}

func (s *locked) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sloppy.Update(ctx, id, c)
}

// caching is a machine that remembers whom a key belongs to.
type caching struct {
	provisioning.UserStore

	known sync.Map
}

func (s *caching) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	if len(keys) != 1 {
		return s.UserStore.UserByKey(ctx, keys...)
	}
	if u, ok := s.known.Load(keys[0]); ok {
		return u.(*provisioning.User).Clone(), nil
	}
	u, err := s.UserStore.UserByKey(ctx, keys...)
	if err == nil {
		s.known.Store(keys[0], u.Clone())
	}
	return u, err
}

// TestMachinesCatch: what is right on one machine and wrong on two is caught.
func TestMachinesCatch(t *testing.T) {
	for fault, c := range map[string]struct {
		caughtBy []string
		open     func() (one, other provisioning.UserStore)
	}{
		"a database each": {[]string{"round trip", "unique keys", "versions"}, func() (one, other provisioning.UserStore) {
			return memory.NewUsers(), memory.NewUsers()
		}},
		"a lock each": {[]string{"race to create", "race to link", "race on a version", "race for a pending identity"}, func() (one, other provisioning.UserStore) {
			s := newSloppy("checks, then writes")
			return &locked{sloppy: s}, &locked{sloppy: s}
		}},
		"a cache each": {[]string{"versions", "nil leaves alone"}, func() (one, other provisioning.UserStore) {
			s := memory.NewUsers()
			return &caching{UserStore: s}, &caching{UserStore: s}
		}},
	} {
		t.Run(fault, func(t *testing.T) {
			contract.Caught(t, machineChecks(), func() provisioning.UserStore {
				one, other := c.open()
				return inTurn{contract.InTurn(one, other)}
			}, c.caughtBy...)
		})
	}
}
