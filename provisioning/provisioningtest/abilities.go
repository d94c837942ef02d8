package provisioningtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// The optional interfaces. A store that has one is held to it; the checks of those that it does not have are skipped.

func needsReader(s provisioning.UserStore) string {
	return without[provisioning.UserReader](s, "provisioning.UserReader")
}

func needsLister(s provisioning.UserStore) string {
	return without[provisioning.UserLister](s, "provisioning.UserLister")
}

func needsEraser(s provisioning.UserStore) string {
	return without[provisioning.UserEraser](s, "provisioning.UserEraser")
}

func needsBulk(s provisioning.UserStore) string {
	return without[provisioning.BulkCreator](s, "provisioning.BulkCreator")
}

func needsFinder(s provisioning.UserStore) string {
	return without[provisioning.BulkFinder](s, "provisioning.BulkFinder")
}

func without[I any](s provisioning.UserStore, name string) string {
	if _, ok := s.(I); ok {
		return ""
	}
	return name
}

func checkReader(t contract.TB, s provisioning.UserStore) {
	r := s.(provisioning.UserReader)
	u, other := create(t, s, whole(1)), person(t, s, 2)
	for _, want := range []*provisioning.User{u, other} {
		got, err := r.User(t.Context(), want.ID)
		if err != nil || got == nil {
			t.Fatalf("User(%q) = %v, %v; want the one that was created", want.ID, got, err)
		}
		same(t, "User returned", got, want)
	}
	for _, id := range []string{"", "no-such-user", u.ID + " ", u.ID + "%", "0" + u.ID, u.ID + "'"} {
		_, err := r.User(t.Context(), id)
		contract.Is(t, fmt.Sprintf("User(%q)", id), err, provisioning.ErrNotFound)
	}
	_, known := r.User(contract.Cancelled(t), u.ID)
	_, unknown := r.User(contract.Cancelled(t), "no-such-user")
	contract.Refused(t, "User", known, provisioning.ErrNotFound)
	contract.Refused(t, "User of an unknown id", unknown, provisioning.ErrNotFound)
}

// list returns the ids that a listing yields.
func list(t contract.TB, s provisioning.UserStore, f provisioning.UserFilter) []string {
	t.Helper()
	ids := []string{}
	for u, err := range s.(provisioning.UserLister).Users(t.Context(), f) {
		if err != nil || u == nil {
			t.Fatalf("Users(%+v) yields %v, %v", f, u, err)
		}
		ids = append(ids, u.ID)
	}
	return ids
}

// lists demands these users, in the order of their ids, and their number.
func lists(t contract.TB, s provisioning.UserStore, f provisioning.UserFilter, ids ...string) {
	t.Helper()
	want := append([]string{}, ids...)
	slices.Sort(want)
	if got := list(t, s, f); !slices.Equal(got, want) {
		t.Errorf("Users(%+v) lists %q, want %q: each that matches once, in the order of the ids, byte for byte", f, got, want)
	}
	if n, err := s.(provisioning.UserLister).CountUsers(t.Context(), f); err != nil || n != len(want) {
		t.Errorf("CountUsers(%+v) = %d, %v; want %d", f, n, err, len(want))
	}
}

func checkListing(t contract.TB, s provisioning.UserStore) {
	lists(t, s, provisioning.UserFilter{})
	holder := create(t, s, whole(1)) // of keys at connections A and B; waits at C, D and E
	other := create(t, s, provisioning.Change{AddKeys: []provisioning.Key{{ConnectionID: connB, Authority: tenant, Subject: guid(2)}}, Profile: profile(2)})
	expired := waiting(mail(3), "")
	expired.Expires = soon().AddDate(-1, 0, 0)
	waits := create(t, s, provisioning.Change{Pending: &[]provisioning.Pending{expired}, AddKeys: []provisioning.Key{provisioning.ImportKey("csv", connA)}, Profile: profile(3)})
	nobodys := create(t, s, provisioning.Change{Profile: profile(4)})

	lists(t, s, provisioning.UserFilter{}, holder.ID, other.ID, waits.ID, nobodys.ID)
	lists(t, s, provisioning.UserFilter{ConnectionID: connA}, holder.ID, waits.ID)
	lists(t, s, provisioning.UserFilter{ConnectionID: connB}, holder.ID, other.ID)
	lists(t, s, provisioning.UserFilter{ConnectionID: "con_c"}, holder.ID)
	lists(t, s, provisioning.UserFilter{ConnectionID: "con"})
	lists(t, s, provisioning.UserFilter{ConnectionID: "CON_A"})
	lists(t, s, provisioning.UserFilter{ConnectionID: connA + " "})
	for u, err := range s.(provisioning.UserLister).Users(t.Context(), provisioning.UserFilter{ConnectionID: "con_c"}) {
		if err != nil {
			t.Fatalf("Users: %v", err)
		}
		same(t, "Users yields", u, holder)
	}
	var listing error
	for _, err := range s.(provisioning.UserLister).Users(contract.Cancelled(t), provisioning.UserFilter{}) {
		listing = err
	}
	contract.Refused(t, "Users", listing, provisioning.ErrNotFound)
	_, counting := s.(provisioning.UserLister).CountUsers(contract.Cancelled(t), provisioning.UserFilter{})
	contract.Refused(t, "CountUsers", counting, provisioning.ErrNotFound)
}

// checkListingPages: whatever pages a store reads in, everybody comes once; a listing goes on after an id; the store can be used meanwhile.
func checkListingPages(t contract.TB, s provisioning.UserStore) {
	const n = 120
	ids := make([]string, n)
	for i := range ids {
		ids[i] = person(t, s, i).ID
	}
	lists(t, s, provisioning.UserFilter{}, ids...)
	lists(t, s, provisioning.UserFilter{ConnectionID: connA}, ids...)
	slices.Sort(ids)
	lists(t, s, provisioning.UserFilter{After: ids[n/2]}, ids[n/2+1:]...)
	lists(t, s, provisioning.UserFilter{After: ids[n/2], ConnectionID: connA}, ids[n/2+1:]...)
	lists(t, s, provisioning.UserFilter{After: ids[n/2] + "\x01"}, ids[n/2+1:]...) // whether or not it exists
	lists(t, s, provisioning.UserFilter{After: ids[n-1]})

	seen := 0
	for u, err := range s.(provisioning.UserLister).Users(t.Context(), provisioning.UserFilter{}) {
		if err != nil {
			t.Fatalf("Users: %v", err)
		}
		seen++
		update(t, s, u.ID, provisioning.Change{Join: []string{"org_1"}}) // nothing is locked while the caller works
		if seen == n/2 {
			break // a caller may stop
		}
	}
	update(t, s, ids[n-1], provisioning.Change{Join: []string{"org_1"}})
	if seen != n/2 {
		t.Errorf("a listing with changes meanwhile ended after %d users of %d", seen, n)
	}
}

func checkErase(t contract.TB, s provisioning.UserStore) {
	e := s.(provisioning.UserEraser)
	u, other := create(t, s, whole(1)), person(t, s, 2)
	old := u.Version
	u = update(t, s, u.ID, provisioning.Change{Join: []string{"org_9"}})
	contract.Is(t, "Erase with a version of before", e.Erase(t.Context(), u.ID, old), provisioning.ErrConflict)
	contract.Refused(t, "Erase", e.Erase(contract.Cancelled(t), u.ID, ""), provisioning.ErrNotFound, provisioning.ErrConflict)
	same(t, "a user who was not erased", find(t, s, key(1)), u)

	if err := e.Erase(t.Context(), u.ID, u.Version); err != nil {
		t.Errorf("Erase: %v", err)
	}
	for _, k := range u.Keys {
		nobody(t, s, k)
	}
	nobody(t, s, provisioning.PendingKey("con_c", guid(1)))
	found(t, s, mail(1))
	found(t, s, "upn."+mail(1))
	contract.Is(t, "a second Erase", e.Erase(t.Context(), u.ID, u.Version), provisioning.ErrNotFound)
	contract.Is(t, "a second Erase, of any version", e.Erase(t.Context(), u.ID, ""), provisioning.ErrNotFound)
	_, err := s.Update(t.Context(), u.ID, provisioning.Change{Join: []string{"org_1"}})
	contract.Is(t, "Update of an erased user", err, provisioning.ErrNotFound)
	same(t, "another user", find(t, s, key(2)), other)

	c := whole(1)
	again := create(t, s, c) // everything is free again
	if again.ID == u.ID {
		t.Errorf("the id of an erased user came again")
	}
	same(t, "a user with an erased one's keys", again, asUser(again, c))
	if err := e.Erase(t.Context(), again.ID, ""); err != nil {
		t.Errorf("Erase without a version: %v", err)
	}
	if third := create(t, s, whole(1)); third.ID == u.ID || third.ID == again.ID {
		t.Errorf("the id of an erased user came again")
	}
}

func checkEraseRace(t contract.TB, s provisioning.UserStore) {
	u := create(t, s, whole(1))
	contract.OneWinner(t, contract.Race(func(i int) error {
		if i%2 == 0 {
			return s.(provisioning.UserEraser).Erase(t.Context(), u.ID, u.Version)
		}
		_, err := s.Update(t.Context(), u.ID, provisioning.Change{Version: u.Version, Join: []string{fmt.Sprint("org_", i)}})
		return err
	}), func(err error) bool {
		return errors.Is(err, provisioning.ErrNotFound) || errors.Is(err, provisioning.ErrConflict)
	})
}
