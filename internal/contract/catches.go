package contract

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
)

// Faults are the ways in which a store can be broken, each with the names of the checks that must notice.
type Faults map[string][]string

// Catches runs a suite against a store that is broken in one way at a time. Each way must be caught by the checks named, and each check
// must catch something: taking a check out, or blunting it, fails the test. With "" open returns a store without a fault.
func Catches[S any](t *testing.T, checks []Check[S], faults Faults, open func(fault string) S) {
	t.Helper()
	if names := failing(t, checks, func() S { return open("") }); len(names) > 0 {
		t.Fatalf("the store without a fault fails %q", names)
	}
	unused := map[string]bool{}
	for _, c := range checks {
		if unused[c.Name] {
			t.Errorf("two checks are called %q", c.Name)
		}
		unused[c.Name] = true
	}
	for _, fault := range slices.Sorted(maps.Keys(faults)) {
		t.Run(fault, func(t *testing.T) {
			if len(faults[fault]) == 0 {
				t.Errorf("no check catches it")
			}
			Caught(t, checks, func() S { return open(fault) }, faults[fault]...)
			for _, name := range faults[fault] {
				delete(unused, name)
			}
		})
	}
	for name := range unused {
		t.Errorf("the check %q catches no fault", name)
	}
}

// Caught demands that each of the checks named complains of what open returns.
func Caught[S any](t *testing.T, checks []Check[S], open func() S, names ...string) {
	t.Helper()
	named := slices.DeleteFunc(slices.Clone(checks), func(c Check[S]) bool { return !slices.Contains(names, c.Name) })
	got := failing(t, named, open)
	for _, name := range names {
		if !slices.Contains(got, name) {
			t.Errorf("the check %q lets it through", name)
		}
	}
}

// failing runs checks and returns the names of those that complain; a panic is a complaint, and so is a store that lacks what the check needs.
func failing[S any](t *testing.T, checks []Check[S], open func() S) []string {
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
			s := open()
			if c.Needs != nil && c.Needs(s) != "" {
				r.Fatalf("no %s", c.Needs(s))
			}
			c.Run(r, s)
		}()
		<-done
		if len(r.failed) > 0 {
			names = append(names, c.Name)
			t.Log(c.Name, r.failed)
		}
	}
	return names
}

// recorder watches a check without failing the test that runs it.
type recorder struct {
	ctx    context.Context //nolint:containedctx // as in testing.T
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
