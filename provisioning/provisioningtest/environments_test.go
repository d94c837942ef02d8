package provisioningtest

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// leaky is the store of an environment that reaches into the one beside it, in one way.
type leaky struct {
	own, other *memory.Users
	fault      string
}

// TestEnvironmentsCatch: whatever leaks from one environment to the other is caught.
func TestEnvironmentsCatch(t *testing.T) {
	contract.Catches(t, environmentChecks, contract.Faults{
		"one table":            {"the same person in both", "the other's users in a listing", "erasing the other's user", "the other's users in a search", "the same import in both"},
		"keys":                 {"the same person in both"},
		"addresses":            {"the same person in both"},
		"unique keys":          {"the same person in both"},
		"changing by id":       {"the other's user by its id"},
		"reading by id":        {"the other's user by its id"},
		"listing":              {"the other's users in a listing"},
		"counting":             {"the other's users in a listing"},
		"searching":            {"the other's users in a search"},
		"erasing by id":        {"erasing the other's user"},
		"erasing by key":       {"erasing the other's user"},
		"unique keys in bulks": {"the same import in both"},
	}, func(fault string) neighbours {
		one, other := memory.NewUsers(), memory.NewUsers()
		if fault == "one table" {
			other = one
		}
		return neighbours{&leaky{one, other, fault}, &leaky{other, one, fault}}
	})
}

func (s *leaky) is(fault string) bool { return s.fault == fault }

func (s *leaky) UserByKey(ctx context.Context, keys ...provisioning.Key) (*provisioning.User, error) {
	u, err := s.own.UserByKey(ctx, keys...)
	if errors.Is(err, provisioning.ErrNotFound) && s.is("keys") {
		return s.other.UserByKey(ctx, keys...)
	}
	return u, err
}

func (s *leaky) UsersByEmail(ctx context.Context, folded string) ([]*provisioning.User, error) {
	own, err := s.own.UsersByEmail(ctx, folded)
	if err != nil || !s.is("addresses") {
		return own, err
	}
	others, err := s.other.UsersByEmail(ctx, folded)
	return append(own, others...), err
}

func (s *leaky) Create(ctx context.Context, c provisioning.Change) (*provisioning.User, error) {
	if s.is("unique keys") {
		if _, err := s.other.UserByKey(ctx, c.AddKeys...); err == nil {
			return nil, provisioning.ErrConflict
		}
	}
	return s.own.Create(ctx, c)
}

func (s *leaky) Update(ctx context.Context, id string, c provisioning.Change) (*provisioning.User, error) {
	u, err := s.own.Update(ctx, id, c)
	if errors.Is(err, provisioning.ErrNotFound) && s.is("changing by id") {
		return s.other.Update(ctx, id, c)
	}
	return u, err
}

func (s *leaky) User(ctx context.Context, id string) (*provisioning.User, error) {
	u, err := s.own.User(ctx, id)
	if errors.Is(err, provisioning.ErrNotFound) && s.is("reading by id") {
		return s.other.User(ctx, id)
	}
	return u, err
}

func (s *leaky) Users(ctx context.Context, f provisioning.UserFilter) iter.Seq2[*provisioning.User, error] {
	return func(yield func(*provisioning.User, error) bool) {
		for u, err := range s.own.Users(ctx, f) {
			if !yield(u, err) {
				return
			}
		}
		if s.is("listing") {
			s.other.Users(ctx, f)(yield)
		}
	}
}

func (s *leaky) CountUsers(ctx context.Context, f provisioning.UserFilter) (int, error) {
	n, err := s.own.CountUsers(ctx, f)
	if err == nil && s.is("counting") {
		others, _ := s.other.CountUsers(ctx, f)
		n += others
	}
	return n, err
}

func (s *leaky) Erase(ctx context.Context, id, version string) error {
	err := s.own.Erase(ctx, id, version)
	switch {
	case errors.Is(err, provisioning.ErrNotFound) && s.is("erasing by id"):
		return s.other.Erase(ctx, id, version)
	case err == nil && s.is("erasing by key"):
		for u := range s.other.All() {
			return s.other.Erase(ctx, u.ID, "")
		}
	}
	return err
}

func (s *leaky) FindMany(ctx context.Context, searches []provisioning.Search) ([][]*provisioning.User, error) {
	each, err := findEach(ctx, s.own, searches)
	if err != nil || !s.is("searching") {
		return each, err
	}
	others, err := findEach(ctx, s.other, searches)
	for i := range others {
		each[i] = append(each[i], others[i]...)
	}
	return each, err
}

func (s *leaky) CreateMany(ctx context.Context, changes []provisioning.Change) ([]error, error) {
	each, err := s.own.CreateMany(ctx, changes)
	for i, c := range changes {
		if _, known := s.other.UserByKey(ctx, c.AddKeys...); known == nil && s.is("unique keys in bulks") {
			each[i] = provisioning.ErrConflict
		}
	}
	return each, err
}
