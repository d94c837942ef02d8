package storetest

import (
	"fmt"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

var replayChecks = []check[entra.ReplayStore]{
	{"remembered once", checkReplayOnce},
	{"ids are kept apart", checkReplayIDs},
	{"expiry", checkReplayExpiry},
	{"kept at least until", checkReplayKeeps},
	{"cancelled context", checkReplayCancelled},
	{"race to be first", checkReplayRace},
}

// remember demands an answer.
func remember(t tb, s entra.ReplayStore, id string, until time.Time, want bool) {
	t.Helper()
	first, err := s.Remember(t.Context(), id, until)
	if err != nil {
		t.Errorf("Remember: %v", err)
	} else if first != want {
		t.Errorf("Remember(%s…) = %v, want %v", id[:4], first, want)
	}
}

func checkReplayOnce(t tb, s entra.ReplayStore) {
	remember(t, s, hex("a"), future(), true)
	for range 3 {
		remember(t, s, hex("a"), future(), false)
	}
}

// checkReplayIDs: ids that share all but one digit, at either end, are different.
func checkReplayIDs(t tb, s entra.ReplayStore) {
	for _, id := range []string{hex("a"), hex("a")[:63] + "b", "b" + hex("a")[1:], hex("0"), hex("1")} {
		remember(t, s, id, future(), true)
	}
	for _, id := range []string{hex("a"), hex("a")[:63] + "b", "b" + hex("a")[1:], hex("0"), hex("1")} {
		remember(t, s, id, future(), false)
	}
}

func checkReplayExpiry(t tb, s entra.ReplayStore) {
	remember(t, s, hex("a"), past(), true)
	remember(t, s, hex("b"), future(), true)
	for i := range 64 { // whatever sweeps, sweeps now
		remember(t, s, fmt.Sprintf("%064x", i), past(), true)
	}
	remember(t, s, hex("b"), future(), false)
}

// checkReplayKeeps: a second call neither shortens nor ends what the first asked for.
func checkReplayKeeps(t tb, s entra.ReplayStore) {
	remember(t, s, hex("a"), future(), true)
	remember(t, s, hex("a"), past(), false)
	remember(t, s, hex("a"), past(), false)
	remember(t, s, hex("b"), time.Now().AddDate(0, 0, 90), true)
	remember(t, s, hex("b"), future(), false)
}

func checkReplayCancelled(t tb, s entra.ReplayStore) {
	if first, err := s.Remember(cancelled(t), hex("a"), future()); err == nil {
		t.Errorf("Remember with a cancelled context = %v without an error: a sign-in would go on, on that", first)
	}
	remember(t, s, hex("b"), future(), true)
	if _, err := s.Remember(cancelled(t), hex("b"), future()); err == nil {
		t.Errorf("Remember of a known id with a cancelled context gave no error")
	}
}

// checkReplayRace: of a crowd one is first. Looking and adding in two steps fails here.
func checkReplayRace(t tb, s entra.ReplayStore) {
	for round := range 4 {
		id := hex(fmt.Sprint(round))
		firsts, errs := make([]bool, crowd), make([]error, crowd)
		race(func(i int) { firsts[i], errs[i] = s.Remember(t.Context(), id, future()) })
		n := 0
		for i := range crowd {
			if errs[i] != nil {
				t.Errorf("Remember: %v", errs[i])
			}
			if firsts[i] {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d of %d callers were first, want one", n, crowd)
		}
	}
}
