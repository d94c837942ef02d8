package provisioningtest

import (
	"fmt"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// checkRaceCreate: a person's first sign-in on many machines at once makes one user.
func checkRaceCreate(t tb, s provisioning.UserStore) {
	oneWinner(t, race(func(i int) error {
		_, err := s.Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{key(1)}, Profile: profile(100 + i)})
		return err
	}))
	winner := find(t, s, key(1))
	for i := range crowd {
		if mail(100+i) != winner.Profile.Email {
			found(t, s, mail(100+i)) // of those who lost nothing is left
		}
	}
}

// checkRaceLink: a user ends with one key of a connection, and one key with one user, whoever links at the same time.
func checkRaceLink(t tb, s provisioning.UserStore) {
	u := create(t, s, provisioning.Change{AddKeys: []provisioning.Key{provisioning.ImportKey("csv", "1")}, Profile: profile(1)})
	oneWinner(t, race(func(i int) error {
		_, err := s.Update(t.Context(), u.ID, provisioning.Change{AddKeys: []provisioning.Key{key(100 + i)}})
		return err
	}))
	if n := len(find(t, s, provisioning.ImportKey("csv", "1")).Keys); n != 2 {
		t.Errorf("the user holds %d keys, want the import's and one of the connection", n)
	}

	users := make([]*provisioning.User, crowd)
	for i := range users {
		users[i] = create(t, s, provisioning.Change{AddKeys: []provisioning.Key{provisioning.ImportKey("csv", fmt.Sprint("r", i))}, Profile: profile(200 + i)})
	}
	oneWinner(t, race(func(i int) error {
		_, err := s.Update(t.Context(), users[i].ID, provisioning.Change{Version: users[i].Version, AddKeys: []provisioning.Key{key(2)}})
		return err
	}))
	find(t, s, key(2))
}

// checkRaceVersion: of writers who read the same version one writes.
func checkRaceVersion(t tb, s provisioning.UserStore) {
	u := person(t, s, 1)
	oneWinner(t, race(func(i int) error {
		_, err := s.Update(t.Context(), u.ID, provisioning.Change{Version: u.Version, Join: []string{fmt.Sprint("org_", i)}})
		return err
	}))
	if n := len(find(t, s, key(1)).Organizations); n != 1 {
		t.Errorf("the user joined %d organizations, want the winner's one", n)
	}
}

// checkRacePending: one record for an address, one for an object id.
func checkRacePending(t tb, s provisioning.UserStore) {
	for n, p := range []provisioning.Pending{waiting("Wait@contoso.example", ""), waiting("", guid(1))} {
		oneWinner(t, race(func(i int) error {
			_, err := s.Create(t.Context(), provisioning.Change{Pending: &[]provisioning.Pending{p}, Profile: profile(100*n + i)})
			return err
		}))
	}
	list, err := s.UsersByEmail(t.Context(), "wait@contoso.example")
	if err != nil || len(list) != 1 {
		t.Errorf("%d users wait for the address, %v; want one", len(list), err)
	}
}
