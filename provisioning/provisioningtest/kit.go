package provisioningtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

const (
	connA  = "con_a"
	connB  = "con_b"
	tenant = "11111111-1111-4111-8111-111111111111"
)

// guid returns the n-th object id.
func guid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// key returns the key of the n-th person at connection A.
func key(n int) provisioning.Key {
	return provisioning.Key{ConnectionID: connA, Authority: tenant, Subject: guid(n)}
}

// soon is a time as every database keeps it.
func soon() time.Time { return time.Now().Add(time.Hour).UTC().Truncate(time.Second) }

// mail returns the address of the n-th person, whom no other has.
func mail(n int) string { return fmt.Sprintf("person%d@contoso.example", n) }

func profile(n int) *provisioning.Profile {
	return &provisioning.Profile{Email: mail(n), GivenName: "Person", FamilyName: fmt.Sprint(n)}
}

// waiting returns a pending identity at connection A.
func waiting(address, objectID string) provisioning.Pending {
	return provisioning.Pending{ConnectionID: connA, ConnectionName: "contoso", TenantID: tenant, ObjectID: objectID, Address: address, Expires: soon()}
}

func create(t contract.TB, s provisioning.UserStore, c provisioning.Change) *provisioning.User {
	t.Helper()
	u, err := s.Create(t.Context(), c)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if u == nil || u.ID == "" {
		t.Fatalf("Create returned %+v: a user needs an id", u)
	}
	return u
}

// person creates the n-th person with a key and an address.
func person(t contract.TB, s provisioning.UserStore, n int) *provisioning.User {
	t.Helper()
	return create(t, s, provisioning.Change{AddKeys: []provisioning.Key{key(n)}, Profile: profile(n)})
}

func update(t contract.TB, s provisioning.UserStore, id string, c provisioning.Change) *provisioning.User {
	t.Helper()
	u, err := s.Update(t.Context(), id, c)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	if u == nil || u.ID != id {
		t.Fatalf("Update of user %q returned %+v", id, u)
	}
	return u
}

// find returns the holder of a key that must be there.
func find(t contract.TB, s provisioning.UserStore, k provisioning.Key) *provisioning.User {
	t.Helper()
	u, err := s.UserByKey(t.Context(), k)
	if err != nil || u == nil {
		t.Fatalf("UserByKey(%q) = %v, %v; want the user who holds it", k, u, err)
	}
	return u
}

// nobody demands that no user has a key.
func nobody(t contract.TB, s provisioning.UserStore, k provisioning.Key) {
	t.Helper()
	if u, err := s.UserByKey(t.Context(), k); !errors.Is(err, provisioning.ErrNotFound) {
		t.Errorf("UserByKey(%q) = %+v, %v; want ErrNotFound", k, u, err)
	}
}

// found demands that exactly these users have an address.
func found(t contract.TB, s provisioning.UserStore, address string, ids ...string) {
	t.Helper()
	list, err := s.UsersByEmail(t.Context(), address)
	if err != nil {
		t.Errorf("UsersByEmail(%q): %v", address, err)
		return
	}
	got := []string{}
	for _, u := range list {
		if u == nil {
			t.Errorf("UsersByEmail(%q) returned a nil user", address)
			return
		}
		got = append(got, u.ID)
	}
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		t.Errorf("UsersByEmail(%q) returned users %q, want %q", address, got, ids)
	}
}

// same demands that two users are equal as far as the contract goes: nil and empty alike, lists of keys, pending identities, groups,
// roles and organizations in any order.
func same(t contract.TB, what string, got, want *provisioning.User) {
	t.Helper()
	g, w := normal(got), normal(want)
	if !bytes.Equal(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func normal(u *provisioning.User) []byte {
	c := u.Clone()
	slices.SortFunc(c.Keys, func(a, b provisioning.Key) int {
		return cmp.Or(cmp.Compare(a.ConnectionID, b.ConnectionID), cmp.Compare(a.Authority, b.Authority), cmp.Compare(a.Subject, b.Subject))
	})
	slices.SortFunc(c.Pending, func(a, b provisioning.Pending) int {
		return cmp.Or(cmp.Compare(a.ConnectionID, b.ConnectionID), cmp.Compare(a.ObjectID, b.ObjectID), cmp.Compare(a.Address, b.Address))
	})
	slices.SortFunc(c.Groups, func(a, b claims.Group) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(c.Roles)
	slices.Sort(c.Organizations)
	c.Keys, c.Pending, c.Groups = append([]provisioning.Key{}, c.Keys...), append([]provisioning.Pending{}, c.Pending...), append([]claims.Group{}, c.Groups...)
	c.Roles, c.Organizations = append([]string{}, c.Roles...), append([]string{}, c.Organizations...)
	if c.Profile.Extended == nil {
		c.Profile.Extended = map[string]any{}
	}
	b, err := json.Marshal(c)
	if err != nil {
		return []byte(err.Error())
	}
	return b
}

func isConflict(err error) bool { return errors.Is(err, provisioning.ErrConflict) }
