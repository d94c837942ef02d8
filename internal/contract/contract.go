// Package contract is what the contract suites of stores share: entra/storetest and provisioning/provisioningtest.
//
// A suite is a list of checks, each run against an empty store. The suite's own tests run it against stores that are broken in one way at a time
// ([Catches]), so that a check which lets something through is found out.
package contract

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// TB is the part of *testing.T that a check uses. As with testing.T, Fatalf ends the goroutine and is called on the check's own.
type TB interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Check is one part of a store's contract.
type Check[S any] struct {
	Name  string
	Run   func(t TB, s S)
	Needs func(s S) (missing string) // names an optional interface that the check is about and that the store does not have; nil: needs none
}

// Run runs each check as a subtest with a store of its own.
func Run[S any](t *testing.T, checks []Check[S], open func(t *testing.T) S) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.Name, func(t *testing.T) {
			s := open(t)
			if c.Needs != nil {
				if missing := c.Needs(s); missing != "" {
					t.Skipf("the store is no %s", missing)
				}
			}
			c.Run(t, s)
		})
	}
}

// Crowd is how many callers race.
const Crowd = 32

// Race runs f in a crowd that starts at once, and returns the answers.
func Race[R any](f func(i int) R) []R {
	answers := make([]R, Crowd)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-start
			answers[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// OneWinner demands that one of a crowd went through, and that the losers' errors are as they should be.
func OneWinner(t TB, errs []error, lost func(error) bool) {
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

// Is demands an error that wraps want.
func Is(t TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want one that wraps %q", what, err, want)
	}
}

// Cancelled is a context that has ended.
func Cancelled(t TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// Refused demands that a call with a cancelled context failed, and that the error is none on which a caller would decide something.
func Refused(t TB, what string, err error, decisive ...error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s with a cancelled context succeeded", what)
	}
	for _, wrong := range decisive {
		if errors.Is(err, wrong) {
			t.Errorf("%s with a cancelled context says %q: a decision would be made on that", what, wrong)
		}
	}
}

// Alike are identifiers that some collation, trimming, normalization, pattern or escape merges.
func Alike() []string {
	return []string{
		"value", "Value", "VALUE", "value ", " value", "value\t", "välue", "va\u0308lue", "ᵛalue", "ｖalue", "value\u200b", "straße", "strasse",
		"k", "\u212a", "İ", "i", "ı", "I", "1", "01", "1.0", "1e0", "null", "NULL", `val\ue`, `val\\ue`, "val'ue", "val%ue", "val_ue", "val\"ue",
		"val:ue", "{value}", "{value}x", "😀", "😁",
	}
}

// InTurn returns a function that gives one and other in turn: a store that asks it for each call is a host on two machines.
func InTurn[S any](one, other S) func() S {
	var turn atomic.Uint64
	return func() S {
		if turn.Add(1)%2 == 0 {
			return other
		}
		return one
	}
}
