package graph

import (
	"context"
	"strings"
	"sync"
)

// turns lets a number of calls be at work for one tenant at the same time. It holds an entry only for tenants that somebody is at work for.
type turns struct {
	limit int // negative: none

	mu      sync.Mutex
	tenants map[string]*queue
}

type queue struct {
	places chan struct{}
	users  int // at work or waiting
}

// enter waits for a place and returns what gives it back. The error is the context's.
func (t *turns) enter(ctx context.Context, tenant string) (leave func(), err error) {
	if t.limit < 0 {
		return func() {}, nil
	}
	tenant = strings.ToLower(tenant)
	t.mu.Lock()
	if t.tenants == nil {
		t.tenants = map[string]*queue{}
	}
	q := t.tenants[tenant]
	if q == nil {
		q = &queue{places: make(chan struct{}, t.limit)}
		t.tenants[tenant] = q
	}
	q.users++
	t.mu.Unlock()

	gone := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if q.users--; q.users == 0 {
			delete(t.tenants, tenant)
		}
	}
	select {
	case q.places <- struct{}{}:
		return sync.OnceFunc(func() { <-q.places; gone() }), nil
	case <-ctx.Done():
		gone()
		return nil, ctx.Err()
	}
}
