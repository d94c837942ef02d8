package provisioningtest

import (
	"errors"
	"fmt"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// checkRaceCreate: a person's first sign-in on many machines at once makes one user.
func checkRaceCreate(t contract.TB, s provisioning.UserStore) {
	contract.OneWinner(t, contract.Race(func(i int) error {
		_, err := s.Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{key(1)}, Profile: profile(100 + i)})
		return err
	}), isConflict)
	winner := find(t, s, key(1))
	for i := range contract.Crowd {
		if mail(100+i) != winner.Profile.Email {
			found(t, s, mail(100+i)) // of those who lost nothing is left
		}
	}
}

// checkRaceLink: a user ends with one key of a connection, and one key with one user, whoever links at the same time.
func checkRaceLink(t contract.TB, s provisioning.UserStore) {
	u := create(t, s, provisioning.Change{AddKeys: []provisioning.Key{provisioning.ImportKey("csv", "1")}, Profile: profile(1)})
	contract.OneWinner(t, contract.Race(func(i int) error {
		_, err := s.Update(t.Context(), u.ID, provisioning.Change{AddKeys: []provisioning.Key{key(100 + i)}})
		return err
	}), isConflict)
	if n := len(find(t, s, provisioning.ImportKey("csv", "1")).Keys); n != 2 {
		t.Errorf("the user holds %d keys, want the import's and one of the connection", n)
	}

	users := make([]*provisioning.User, contract.Crowd)
	for i := range users {
		users[i] = create(t, s, provisioning.Change{AddKeys: []provisioning.Key{provisioning.ImportKey("csv", fmt.Sprint("r", i))}, Profile: profile(200 + i)})
	}
	contract.OneWinner(t, contract.Race(func(i int) error {
		_, err := s.Update(t.Context(), users[i].ID, provisioning.Change{Version: users[i].Version, AddKeys: []provisioning.Key{key(2)}})
		return err
	}), isConflict)
	find(t, s, key(2))
}

// checkRaceVersion: of writers who read the same version one writes.
func checkRaceVersion(t contract.TB, s provisioning.UserStore) {
	u := person(t, s, 1)
	contract.OneWinner(t, contract.Race(func(i int) error {
		_, err := s.Update(t.Context(), u.ID, provisioning.Change{Version: u.Version, Join: []string{fmt.Sprint("org_", i)}})
		return err
	}), isConflict)
	if n := len(find(t, s, key(1)).Organizations); n != 1 {
		t.Errorf("the user joined %d organizations, want the winner's one", n)
	}
}

// checkRacePending: one record for an address, one for an object id.
func checkRacePending(t contract.TB, s provisioning.UserStore) {
	for n, p := range []provisioning.Pending{waiting("Wait@contoso.example", ""), waiting("", guid(1))} {
		contract.OneWinner(t, contract.Race(func(i int) error {
			_, err := s.Create(t.Context(), provisioning.Change{Pending: &[]provisioning.Pending{p}, Profile: profile(100*n + i)})
			return err
		}), isConflict)
	}
	list, err := s.UsersByEmail(t.Context(), "wait@contoso.example")
	if err != nil || len(list) != 1 {
		t.Errorf("%d users wait for the address, %v; want one", len(list), err)
	}
}

// checkRaceAddress: a host whose addresses are unique keeps them so when many people come at once; another lets everybody in.
func checkRaceAddress(t contract.TB, s provisioning.UserStore) {
	errs := contract.Race(func(i int) error {
		_, err := s.Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{key(i)}, Profile: profile(1)})
		return err
	})
	made, taken := 0, 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case errors.Is(err, provisioning.ErrEmailTaken):
			taken++
		default:
			t.Errorf("Create beside others with the address: %v", err)
		}
	}
	if list, err := s.UsersByEmail(t.Context(), mail(1)); err != nil || len(list) != made {
		t.Errorf("%d users have the address, %v; %d were created", len(list), err, made)
	}
	if taken > 0 && made != 1 {
		t.Errorf("%d users were created with one address, and %d refused because it is taken", made, taken)
	}
}
