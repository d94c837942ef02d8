package storetest

import (
	"bytes"
	"errors"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

var flowChecks = []contract.Check[entra.FlowStore]{
	{Name: "taken once", Run: checkFlowOnce},
	{Name: "not found", Run: checkFlowNotFound},
	{Name: "expiry", Run: checkFlowExpiry},
	{Name: "identifiers byte for byte", Run: checkFlowIDs},
	{Name: "bytes come back whole", Run: checkFlowBytes},
	{Name: "values are the caller's", Run: checkFlowCopies},
	{Name: "cancelled context", Run: checkFlowCancelled},
	{Name: "race to take", Run: checkFlowRace},
}

func putFlow(t contract.TB, s entra.FlowStore, id string, sealed []byte) {
	t.Helper()
	if err := s.Put(t.Context(), id, sealed, future()); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

func checkFlowOnce(t contract.TB, s entra.FlowStore) {
	putFlow(t, s, "flow", []byte("sealed"))
	putFlow(t, s, "other", []byte("other"))
	got, err := s.Take(t.Context(), "flow")
	if err != nil || string(got) != "sealed" {
		t.Errorf("Take = %q, %v; want what was put", got, err)
	}
	_, err = s.Take(t.Context(), "flow")
	contract.Is(t, "a second Take", err, entra.ErrNotFound)
	if got, err := s.Take(t.Context(), "other"); err != nil || string(got) != "other" {
		t.Errorf("Take of another flow = %q, %v", got, err)
	}
}

func checkFlowNotFound(t contract.TB, s entra.FlowStore) {
	got, err := s.Take(t.Context(), "nothing")
	contract.Is(t, "Take of an unknown flow", err, entra.ErrNotFound)
	if got != nil {
		t.Errorf("Take of an unknown flow returned bytes")
	}
}

func checkFlowExpiry(t contract.TB, s entra.FlowStore) {
	putFlow(t, s, "live", []byte("sealed"))
	if err := s.Put(t.Context(), "over", []byte("sealed"), past()); err != nil {
		return // refusing what has already expired is as good
	}
	_, err := s.Take(t.Context(), "over")
	contract.Is(t, "Take of a flow that expired an hour ago", err, entra.ErrNotFound)
	if _, err := s.Take(t.Context(), "live"); err != nil {
		t.Errorf("Take of a flow that expires in an hour: %v", err)
	}
}

func checkFlowIDs(t contract.TB, s entra.FlowStore) {
	for _, id := range contract.Alike() {
		putFlow(t, s, id, []byte(id))
	}
	for _, id := range contract.Alike() {
		if got, err := s.Take(t.Context(), id); err != nil || string(got) != id {
			t.Errorf("Take(%q) = %q, %v; identifiers are compared byte for byte", id, got, err)
		}
	}
}

func checkFlowBytes(t contract.TB, s entra.FlowStore) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for id, sealed := range map[string][]byte{
		"every byte": every, "long": bytes.Repeat(every, 64), "zeros": make([]byte, 8), "not UTF-8": {0xff, 0xfe, 0xc0}, "spaces": []byte(" a "),
	} {
		putFlow(t, s, id, sealed)
		if got, err := s.Take(t.Context(), id); err != nil || !bytes.Equal(got, sealed) {
			t.Errorf("%s: Take returned %d bytes that differ from the %d that were put, %v", id, len(got), len(sealed), err)
		}
	}
}

func checkFlowCopies(t contract.TB, s entra.FlowStore) {
	sealed := []byte("sealed")
	putFlow(t, s, "flow", sealed)
	sealed[0] = 'X'
	if got, err := s.Take(t.Context(), "flow"); err != nil || string(got) != "sealed" {
		t.Errorf("Take = %q, %v after the caller changed its own slice", got, err)
	}
}

func checkFlowCancelled(t contract.TB, s entra.FlowStore) {
	putFlow(t, s, "flow", []byte("sealed"))
	_, err := s.Take(contract.Cancelled(t), "flow")
	switch {
	case err == nil:
		t.Errorf("Take with a cancelled context succeeded")
	case errors.Is(err, entra.ErrNotFound):
		t.Errorf("Take with a cancelled context says that there is no flow")
	}
	if err := s.Put(contract.Cancelled(t), "new", []byte("sealed"), future()); err == nil {
		t.Errorf("Put with a cancelled context succeeded")
	}
}

// checkFlowRace: of a crowd one gets the flow. Reading and deleting in two steps fails here.
func checkFlowRace(t contract.TB, s entra.FlowStore) {
	for range 4 {
		putFlow(t, s, "flow", []byte("sealed"))
		type answer struct {
			sealed []byte
			err    error
		}
		taken := 0
		for _, a := range contract.Race(func(int) answer {
			sealed, err := s.Take(t.Context(), "flow")
			return answer{sealed, err}
		}) {
			switch {
			case a.err == nil && string(a.sealed) == "sealed":
				taken++
			case !errors.Is(a.err, entra.ErrNotFound):
				t.Errorf("a loser of the race got %q, %v; want an error that wraps ErrNotFound", a.sealed, a.err)
			}
		}
		if taken != 1 {
			t.Errorf("%d of %d callers took the flow, want one", taken, contract.Crowd)
		}
	}
}
