package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Connections runs the contract of entra.ConnectionRegistry against stores that open returns, each one empty.
// A store that caches is opened here without its cache, or with one that its own writes renew.
func Connections(t *testing.T, open func(t *testing.T) entra.ConnectionRegistry) {
	t.Helper()
	for _, c := range connectionChecks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// Flows runs the contract of entra.FlowStore against stores that open returns, each one empty.
func Flows(t *testing.T, open func(t *testing.T) entra.FlowStore) {
	t.Helper()
	for _, c := range flowChecks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// Replay runs the contract of entra.ReplayStore against stores that open returns, each one empty.
func Replay(t *testing.T, open func(t *testing.T) entra.ReplayStore) {
	t.Helper()
	for _, c := range replayChecks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// tb is the part of *testing.T that a check uses, so that the suite's own tests can watch checks fail on stores that are broken on
// purpose. As with testing.T, Fatalf ends the goroutine and is called on the check's own.
type tb interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// check is one part of a store's contract.
type check[S any] struct {
	name string
	run  func(t tb, s S)
}

// crowd is how many callers race.
const crowd = 32

// alike are identifiers that some collation, trimming or normalization merges.
var alike = []string{
	"name", "Name", "NAME", "name ", " name", "nâme", "na\u0302me", "ｎame", "name\u200b", "straße", "strasse", "k", "\u212a",
	"İ", "i", "ı", "1", "01", "1.0", "null", "NULL", `na\me`, `na\\me`, "na'me", "na%me", "na_me", "😀", "😁",
}

// anHour from now, and ago; in zones far apart, because a store that loses the zone is off by half a day.
func future() time.Time { return time.Now().Add(time.Hour).In(time.FixedZone("west", -12*3600)) }
func past() time.Time   { return time.Now().Add(-time.Hour).In(time.FixedZone("east", 14*3600)) }

// hex returns an id as replay stores get them: 64 hex digits.
func hex(digit string) string { return strings.Repeat(digit, 64) }

// is demands an error that wraps want.
func is(t tb, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want one that wraps %q", what, err, want)
	}
}

// race runs f in a crowd that starts at once.
func race(f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// cancelled is a context that has ended.
func cancelled(t tb) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
