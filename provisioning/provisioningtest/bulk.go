package provisioningtest

import (
	"errors"
	"fmt"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// record is what an import makes of its n-th row.
func record(n int) provisioning.Change {
	return provisioning.Change{
		AddKeys: []provisioning.Key{provisioning.ImportKey("csv", fmt.Sprint("row ", n))}, Profile: profile(n),
		Pending: &[]provisioning.Pending{waiting("upn."+mail(n), guid(n))},
	}
}

// many calls CreateMany and returns what came of each change.
func many(t contract.TB, s provisioning.UserStore, changes ...provisioning.Change) []error {
	t.Helper()
	each, err := s.(provisioning.BulkCreator).CreateMany(t.Context(), changes)
	if err != nil {
		t.Fatalf("CreateMany: %v", err)
	}
	if len(each) != len(changes) {
		t.Fatalf("CreateMany of %d changes returned %d errors", len(changes), len(each))
	}
	return each
}

func checkBulk(t contract.TB, s provisioning.UserStore) {
	many(t, s)
	holder := person(t, s, 1)
	taken, invalid, twice := record(2), record(3), record(4)
	taken.AddKeys = append(taken.AddKeys, key(1))
	invalid.Pending = &[]provisioning.Pending{waiting("", "")}
	twice.Profile = profile(5)
	waits := record(6)
	waits.Pending = &[]provisioning.Pending{waiting("upn."+mail(4), "")}
	rich := whole(7)
	each := many(t, s, taken, record(4), invalid, twice, rich, waits, record(8))
	for i, err := range each {
		switch i {
		case 0, 3, 5:
			contract.Is(t, fmt.Sprintf("change %d, whose key or pending identity is taken", i), err, provisioning.ErrConflict)
		case 2:
			if err == nil || errors.Is(err, provisioning.ErrConflict) || errors.Is(err, provisioning.ErrEmailTaken) {
				t.Errorf("an invalid change got %v, want an error that says what is wrong", err)
			}
		default:
			if err != nil {
				t.Errorf("change %d: %v; one that is refused keeps no other back", i, err)
			}
		}
	}
	same(t, "the holder of a key", find(t, s, key(1)), holder)
	for _, n := range []int{2, 3, 5, 6} {
		found(t, s, mail(n)) // of those that were refused nothing is left
	}
	nobody(t, s, taken.AddKeys[0])
	four := find(t, s, record(4).AddKeys[0])
	want := &provisioning.User{ID: four.ID, Version: four.Version, Keys: record(4).AddKeys, Profile: *profile(4), Pending: *record(4).Pending}
	want.Pending[0].Expires = four.Pending[0].Expires // the time of this very change
	same(t, "a user of a bulk", four, want)
	found(t, s, "upn."+mail(4), four.ID)
	seven := find(t, s, key(7))
	same(t, "a user of a bulk in whom everything is set", seven, asUser(seven, rich))
	if four.Version == "" || four.ID == "" {
		t.Errorf("a user of a bulk has id %q and version %q", four.ID, four.Version)
	}
	update(t, s, four.ID, provisioning.Change{Version: four.Version, AddKeys: []provisioning.Key{key(4)}, Pending: &[]provisioning.Pending{}})
}

// checkBulkAgain: an import that was interrupted, and is run again, makes nobody twice; nor do two that run at once.
func checkBulkAgain(t contract.TB, s provisioning.UserStore) {
	const n = 300 // more than the parameters of one statement, in some engines
	changes := make([]provisioning.Change, n)
	for i := range changes {
		changes[i] = record(i)
	}
	for i, err := range many(t, s, changes[:n/3]...) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if _, err := s.(provisioning.BulkCreator).CreateMany(contract.Cancelled(t), changes[n/3:]); err == nil {
		t.Errorf("CreateMany with a cancelled context succeeded")
	}
	type answer struct {
		each []error
		err  error
	}
	made := make([]int, n)
	for _, a := range contract.Race(func(i int) answer {
		if i%8 != 0 {
			return answer{}
		}
		each, err := s.(provisioning.BulkCreator).CreateMany(t.Context(), changes)
		return answer{each, err}
	}) {
		if a.err != nil {
			t.Errorf("CreateMany beside others: %v", a.err)
		}
		for i, err := range a.each {
			if err == nil {
				made[i]++
			} else if !errors.Is(err, provisioning.ErrConflict) && !errors.Is(err, provisioning.ErrEmailTaken) {
				t.Errorf("change %d beside others: %v", i, err)
			}
		}
	}
	for i, times := range made {
		if want := min(1, max(0, i-n/3+1)); times != want {
			t.Errorf("the user of change %d was made %d times by those who ran at once, want %d", i, times, want)
		}
		found(t, s, mail(i), find(t, s, changes[i].AddKeys[0]).ID)
	}
}
