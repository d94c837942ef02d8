package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tenantdoor/tenantdoor/entra"
)

// oneWinner demands that one of a crowd went through, and that the losers' errors are as they should be.
func oneWinner(t tb, errs []error, lost func(error) bool) {
	t.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !lost(err) {
			t.Errorf("a loser of the race got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d callers went through, want one", won, len(errs))
	}
}

func isConflict(err error) bool { return errors.Is(err, entra.ErrConflict) }

func isTaken(err error) bool {
	var taken *entra.TakenError
	return errors.As(err, &taken)
}

func putTogether(t tb, s entra.ConnectionRegistry, build func(i int) *entra.Connection) []error {
	errs := slices.Repeat([]error{nil}, crowd)
	race(func(i int) { _, errs[i] = s.Put(t.Context(), build(i)) })
	return errs
}

func checkConnectionRaceCreate(t tb, s entra.ConnectionRegistry) {
	oneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		c := simple("con_1")
		c.Name = fmt.Sprint("name ", i)
		return c
	}), isConflict)
	get(t, s, "con_1")
}

func checkConnectionRaceName(t tb, s entra.ConnectionRegistry) {
	oneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		c := simple(fmt.Sprint("con_", i))
		c.Name = "contoso"
		return c
	}), isTaken)
	if got := list(t, s, entra.Filter{}); len(got) != 1 {
		t.Errorf("%d connections have the name, want one", len(got))
	}
}

func checkConnectionRaceDomain(t tb, s entra.ConnectionRegistry) {
	oneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		return simple(fmt.Sprint("con_", i), fmt.Sprintf("own%d.example", i), "contoso.example")
	}), isTaken)
	got := list(t, s, entra.Filter{})
	if len(got) != 1 {
		t.Fatalf("%d connections have the domain, want one", len(got))
	}
	routes(t, s, "contoso.example", got[0])
}

func checkConnectionRaceVersion(t tb, s entra.ConnectionRegistry) {
	version := put(t, s, simple("con_1"))
	oneWinner(t, putTogether(t, s, func(i int) *entra.Connection {
		c := simple("con_1")
		c.Version, c.DisplayName = version, fmt.Sprint("writer ", i)
		return c
	}), isConflict)

	version = get(t, s, "con_1").Version
	errs := slices.Repeat([]error{nil}, crowd)
	race(func(i int) { errs[i] = s.Delete(t.Context(), "con_1", version) })
	oneWinner(t, errs, func(err error) bool { return errors.Is(err, entra.ErrNotFound) })
}
