package storetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

var replayChecks = []contract.Check[entra.ReplayStore]{
	{Name: "remembered once", Run: checkReplayOnce},
	{Name: "ids are kept apart", Run: checkReplayIDs},
	{Name: "expiry", Run: checkReplayExpiry},
	{Name: "kept at least until", Run: checkReplayKeeps},
	{Name: "cancelled context", Run: checkReplayCancelled},
	{Name: "race to be first", Run: checkReplayRace},
}

// remember demands an answer.
func remember(t contract.TB, s entra.ReplayStore, id string, until time.Time, want bool) {
	t.Helper()
	first, err := s.Remember(t.Context(), id, until)
	if err != nil {
		t.Errorf("Remember: %v", err)
	} else if first != want {
		t.Errorf("Remember(%s…) = %v, want %v", id[:4], first, want)
	}
}

func checkReplayOnce(t contract.TB, s entra.ReplayStore) {
	remember(t, s, hex("a"), future(), true)
	for range 3 {
		remember(t, s, hex("a"), future(), false)
	}
}

// checkReplayIDs: ids that share all but one digit, at either end, are different.
func checkReplayIDs(t contract.TB, s entra.ReplayStore) {
	for _, id := range []string{hex("a"), hex("a")[:63] + "b", "b" + hex("a")[1:], hex("0"), hex("1")} {
		remember(t, s, id, future(), true)
	}
	for _, id := range []string{hex("a"), hex("a")[:63] + "b", "b" + hex("a")[1:], hex("0"), hex("1")} {
		remember(t, s, id, future(), false)
	}
}

func checkReplayExpiry(t contract.TB, s entra.ReplayStore) {
	remember(t, s, hex("a"), past(), true)
	remember(t, s, hex("b"), future(), true)
	for i := range 64 { // whatever sweeps, sweeps now
		remember(t, s, fmt.Sprintf("%064x", i), past(), true)
	}
	remember(t, s, hex("b"), future(), false)
}

// checkReplayKeeps: a second call neither shortens nor ends what the first asked for.
func checkReplayKeeps(t contract.TB, s entra.ReplayStore) {
	remember(t, s, hex("a"), future(), true)
	remember(t, s, hex("a"), past(), false)
	remember(t, s, hex("a"), past(), false)
	remember(t, s, hex("b"), time.Now().AddDate(0, 0, 90), true)
	remember(t, s, hex("b"), future(), false)
}

func checkReplayCancelled(t contract.TB, s entra.ReplayStore) {
	if first, err := s.Remember(contract.Cancelled(t), hex("a"), future()); err == nil {
		t.Errorf("Remember with a cancelled context = %v without an error: a sign-in would go on, on that", first)
	}
	remember(t, s, hex("b"), future(), true)
	if _, err := s.Remember(contract.Cancelled(t), hex("b"), future()); err == nil {
		t.Errorf("Remember of a known id with a cancelled context gave no error")
	}
}

// checkReplayRace: of a crowd one is first. Looking and adding in two steps fails here. Nor may two be first when the id was there and has expired.
func checkReplayRace(t contract.TB, s entra.ReplayStore) {
	for round := range 4 {
		if n := firsts(t, s, hex(fmt.Sprint(round))); n != 1 {
			t.Errorf("%d of %d callers were first, want one", n, contract.Crowd)
		}
		remember(t, s, hex("abcd"[round:round+1]), past(), true)
		if n := firsts(t, s, hex("abcd"[round:round+1])); n > 1 {
			t.Errorf("%d of %d callers were first after the id had expired, want one", n, contract.Crowd)
		}
	}
}

// firsts counts how many of a crowd are told that they are first.
func firsts(t contract.TB, s entra.ReplayStore, id string) int {
	t.Helper()
	var n atomic.Int64
	for _, err := range contract.Race(func(int) error {
		first, err := s.Remember(t.Context(), id, future())
		if first {
			n.Add(1)
		}
		return err
	}) {
		if err != nil {
			t.Errorf("Remember: %v", err)
		}
	}
	return int(n.Load())
}
