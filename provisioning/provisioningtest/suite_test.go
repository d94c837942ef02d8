package provisioningtest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func TestMemory(t *testing.T) {
	Users(t, func(t *testing.T) provisioning.UserStore { return memory.NewUsers() })
}

func TestMemoryUniqueEmails(t *testing.T) {
	Users(t, func(t *testing.T) provisioning.UserStore { return &memory.Users{UniqueEmails: true} })
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

// watch runs a check and returns what it complained of; a panic is a complaint.
func watch(t *testing.T, c check, s provisioning.UserStore) []string {
	r := &recorder{ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		c.run(r, s)
	}()
	<-done
	return r.failed
}

// TestSuiteCatches runs the suite against a store that is broken in one way at a time. Each way is caught by the checks named here,
// and each check catches something: taking a check out, or blunting it, fails this test.
func TestSuiteCatches(t *testing.T) {
	require.Empty(t, failing(t, "", checks), "the store without a fault passes")

	unused, seen := map[string]bool{}, map[string]bool{}
	for _, c := range checks {
		unused[c.name] = true
	}
	for _, f := range faults {
		require.False(t, seen[f.name], "two faults are called %s", f.name)
		seen[f.name] = true
		t.Run(f.name, func(t *testing.T) {
			require.NotEmpty(t, f.caughtBy)
			named := slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return !slices.Contains(f.caughtBy, c.name) })
			got := failing(t, f.name, named)
			require.ElementsMatch(t, f.caughtBy, got)
			for _, name := range got {
				delete(unused, name)
			}
		})
	}
	require.Empty(t, unused, "checks that catch no fault")
}

// failing runs checks against the store with a fault and returns the names of those that complain.
func failing(t *testing.T, fault string, checks []check) []string {
	var names []string
	for _, c := range checks {
		if complaints := watch(t, c, newSloppy(fault)); len(complaints) > 0 {
			t.Log(c.name, complaints)
			names = append(names, c.name)
		}
	}
	return names
}
