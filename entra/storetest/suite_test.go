package storetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
)

func TestMemoryConnections(t *testing.T) {
	Connections(t, func(t *testing.T) entra.ConnectionRegistry { return memory.NewConnections() })
}

func TestMemoryFlows(t *testing.T) {
	Flows(t, func(t *testing.T) entra.FlowStore { return memory.NewFlows() })
}

func TestMemoryReplay(t *testing.T) {
	Replay(t, func(t *testing.T) entra.ReplayStore { return memory.NewReplay() })
}

// recorder watches a check without failing the test that runs it.
type recorder struct {
	ctx    context.Context
	failed []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Errorf(format string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failing runs checks and returns the names of those that complain; a panic is a complaint.
func failing[S any](t *testing.T, checks []check[S], open func() S) []string {
	var names []string
	for _, c := range checks {
		r := &recorder{ctx: t.Context()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					r.Errorf("panic: %v", p)
				}
			}()
			c.run(r, open())
		}()
		<-done
		if len(r.failed) > 0 {
			names = append(names, c.name)
			t.Log(c.name, r.failed)
		}
	}
	return names
}

// fault is one way in which a store is broken, and the checks that must notice.
type fault struct {
	name     string
	caughtBy []string
}

// catches runs a suite against a store that is broken in one way at a time. Each way is caught by the checks named, and each check
// catches something: taking a check out, or blunting it, fails this test.
func catches[S any](t *testing.T, checks []check[S], faults []fault, open func(fault string) S) {
	require.Empty(t, failing(t, checks, func() S { return open("") }), "the store without a fault passes")
	unused, seen := map[string]bool{}, map[string]bool{}
	for _, c := range checks {
		unused[c.name] = true
	}
	for _, f := range faults {
		require.False(t, seen[f.name], "two faults are called %s", f.name)
		seen[f.name] = true
		t.Run(f.name, func(t *testing.T) {
			named := slices.DeleteFunc(slices.Clone(checks), func(c check[S]) bool { return !slices.Contains(f.caughtBy, c.name) })
			got := failing(t, named, func() S { return open(f.name) })
			require.ElementsMatch(t, f.caughtBy, got)
			for _, name := range got {
				delete(unused, name)
			}
		})
	}
	require.Empty(t, unused, "checks that catch no fault")
}

func TestSuitesCatch(t *testing.T) {
	t.Run("connections", func(t *testing.T) {
		catches(t, connectionChecks, connectionFaults, func(f string) entra.ConnectionRegistry { return &sloppyConnections{sloppy: sloppy{fault: f}} })
	})
	t.Run("flows", func(t *testing.T) {
		catches(t, flowChecks, flowFaults, func(f string) entra.FlowStore { return &sloppyFlows{sloppy: sloppy{fault: f}} })
	})
	t.Run("replay", func(t *testing.T) {
		catches(t, replayChecks, replayFaults, func(f string) entra.ReplayStore { return &sloppyReplay{sloppy: sloppy{fault: f}} })
	})
}
