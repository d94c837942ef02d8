package storetest

import (
	"errors"
	"fmt"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

func isConflict(err error) bool { return errors.Is(err, entra.ErrConflict) }

func isTaken(err error) bool {
	var taken *entra.TakenError
	return errors.As(err, &taken)
}

func putTogether(t contract.TB, s entra.ConnectionRegistry, build func(i int) *entra.Connection) []error {
	return contract.Race(func(i int) error {
		_, err := s.Put(t.Context(), build(i))
		return err
	})
}

func checkConnectionRaceCreate(t contract.TB, s entra.ConnectionRegistry) {
	contract.OneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		c := simple("con_1")
		c.Name = fmt.Sprint("name ", i)
		return c
	}), isConflict)
	get(t, s, "con_1")
}

func checkConnectionRaceName(t contract.TB, s entra.ConnectionRegistry) {
	contract.OneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		c := simple(fmt.Sprint("con_", i))
		c.Name = "contoso"
		return c
	}), isTaken)
	if got := list(t, s, entra.Filter{}); len(got) != 1 {
		t.Errorf("%d connections have the name, want one", len(got))
	}
}

func checkConnectionRaceDomain(t contract.TB, s entra.ConnectionRegistry) {
	contract.OneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		return simple(fmt.Sprint("con_", i), fmt.Sprintf("own%d.example", i), "contoso.example")
	}), isTaken)
	got := list(t, s, entra.Filter{})
	if len(got) != 1 {
		t.Fatalf("%d connections have the domain, want one", len(got))
	}
	routes(t, s, "contoso.example", got[0])
}

func checkConnectionRaceVersion(t contract.TB, s entra.ConnectionRegistry) {
	version := put(t, s, simple("con_1"))
	contract.OneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		c := simple("con_1")
		c.Version, c.DisplayName = version, fmt.Sprint("writer ", i)
		return c
	}), isConflict)

	version = get(t, s, "con_1").Version
	contract.OneWinner(t, contract.Race(func(int) error { return s.Delete(t.Context(), "con_1", version) }), func(err error) bool { return errors.Is(err, entra.ErrNotFound) })
}
