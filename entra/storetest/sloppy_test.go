package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

var errOwn = errors.New("a store's own error")

// sloppy is what the broken stores share: one fault, by name.
type sloppy struct {
	fault   string
	mu      sync.Mutex
	next    int
	waiting bool // a caller waits in the gap
}

func (s *sloppy) is(fault string) bool { return s.fault == fault }

func (s *sloppy) enter(ctx context.Context) error {
	switch {
	case s.is("contexts are ignored") || ctx.Err() == nil:
		return nil
	case s.is("cancelled is not found"):
		return entra.ErrNotFound
	}
	return ctx.Err()
}

func (s *sloppy) notFound() error {
	if s.is("not found is an error of its own") {
		return errOwn
	}
	return fmt.Errorf("sloppy: %w", entra.ErrNotFound)
}

// gap lets others in between looking and writing: it waits for a second caller, as long as one can be expected.
func (s *sloppy) gap() {
	if !s.is("looks, then writes") {
		return
	}
	if s.waiting {
		s.waiting = false // the one who waits goes on
		return
	}
	s.waiting = true
	end := time.Now().Add(50 * time.Millisecond)
	for turns := 0; s.waiting && (turns < 5000 || time.Now().Before(end)); turns++ { // the turns count where the machine is busy with other things
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
	s.waiting = false
}

// id is the identifier as the store compares it.
func (s *sloppy) id(id string) string {
	switch s.fault {
	case "identifiers in any case":
		return strings.ToLower(id)
	case "identifiers are trimmed":
		return strings.TrimRight(id, " ")
	case "identifiers are cut":
		return id[:min(len(id), 32)]
	}
	return id
}

func (s *sloppy) over(until time.Time) bool { return time.Now().After(s.at(until)) }

func (s *sloppy) at(t time.Time) time.Time {
	switch s.fault {
	case "times lose their zone":
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	case "times in local time":
		return t.In(time.FixedZone("here", 3600))
	}
	return t.UTC()
}

var flowFaults = contract.Faults{
	"taken again and again":            {"taken once", "race to take"},
	"taking one takes all":             {"taken once", "identifiers byte for byte"},
	"not found is nil, nil":            {"not found", "taken once", "expiry"},
	"not found is an error of its own": {"not found"},
	"nothing expires":                  {"expiry"},
	"times lose their zone":            {"expiry"},
	"identifiers in any case":          {"identifiers byte for byte"},
	"identifiers are trimmed":          {"identifiers byte for byte"},
	"bytes are text":                   {"bytes come back whole"},
	"4096 bytes":                       {"bytes come back whole"},
	"values are shared":                {"values are the caller's"},
	"contexts are ignored":             {"cancelled context"},
	"cancelled is not found":           {"cancelled context"},
	"looks, then writes":               {"race to take"},
}

type stored struct {
	value []byte
	until time.Time
}

type sloppyFlows struct {
	sloppy
	flows map[string]stored
}

func (s *sloppyFlows) Put(ctx context.Context, id string, sealed []byte, expires time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.fault {
	case "bytes are text":
		sealed = []byte(strings.ToValidUTF8(string(sealed), "?"))
	case "4096 bytes":
		sealed = bytes.Clone(sealed[:min(len(sealed), 4096)])
	case "values are shared":
	default:
		sealed = bytes.Clone(sealed)
	}
	if s.flows == nil {
		s.flows = map[string]stored{}
	}
	s.flows[s.id(id)] = stored{sealed, expires}
	return nil
}

func (s *sloppyFlows) Take(ctx context.Context, id string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.flows[s.id(id)]
	if !ok || s.over(f.until) && !s.is("nothing expires") {
		if s.is("not found is nil, nil") {
			return nil, nil
		}
		return nil, s.notFound()
	}
	s.gap()
	if !s.is("taken again and again") {
		delete(s.flows, s.id(id))
	}
	if s.is("taking one takes all") {
		clear(s.flows)
	}
	return f.value, nil
}

var replayFaults = contract.Faults{
	"always first":                         {"remembered once", "race to be first"},
	"never first":                          {"remembered once"},
	"every other time":                     {"remembered once"},
	"identifiers are cut":                  {"ids are kept apart"},
	"remembers the last one":               {"ids are kept apart"},
	"times lose their zone":                {"remembered once"},
	"a sweep takes all":                    {"expiry"},
	"the last time counts":                 {"kept at least until"},
	"an hour at most":                      {"kept at least until"},
	"contexts are ignored":                 {"cancelled context"},
	"known is answered before the context": {"cancelled context"},
	"looks, then writes":                   {"race to be first"},
}

type sloppyReplay struct {
	sloppy
	ids map[string]time.Time
}

func (s *sloppyReplay) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = s.id(id)
	old, ok := s.ids[id]
	known := ok && !s.over(old)
	if known && s.is("known is answered before the context") {
		return false, nil
	}
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	s.next++
	if s.is("an hour at most") && time.Until(until) > 2*time.Hour {
		until = time.Now().Add(-time.Minute)
	}
	if s.ids == nil || s.is("remembers the last one") || s.is("a sweep takes all") && len(s.ids) > 32 {
		s.ids = map[string]time.Time{}
	}
	s.gap()
	if !known || s.is("the last time counts") {
		s.ids[id] = until
	}
	switch s.fault {
	case "always first":
		return true, nil
	case "never first":
		return false, nil
	case "every other time":
		return !known || s.next%2 == 1, nil
	}
	return !known, nil
}
