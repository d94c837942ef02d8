package lastgood

import (
	"container/list"
	"context"
	"fmt"
	"time"
)

// How much is fetched at once. A process that starts beside thousands of tenants, all of which sign in at that moment, asks for their documents one
// after the other; a host that answers slowly holds up nobody but its own.
const (
	maxFetches = 128              // under way
	maxPerHost = 32               // of them from one host
	maxQueued  = 4096             // waiting for their turn
	patience   = 30 * time.Second // of one that waits for its turn
)

// flight is a fetch that several callers wait for. It belongs to all of them, so that the first, going away, does not take it from the others; one that still
// waits for its turn ends with the last of them.
type flight[V any] struct {
	done chan struct{} // closed once doc and err are set
	doc  *V
	err  error

	waiting int           // callers
	queued  *list.Element // in turns.queue; nil once it has begun
	give    func(error)   // gives up a queued one
}

// turns are the fetches under way and the ones that wait. The cache's lock guards it.
type turns struct {
	busy  int
	hosts map[string]int // busy ones, by host
	queue list.List      // of *turn
}

type turn struct {
	host  string
	begin func()
}

func (t *turns) free(host string) bool { return t.busy < maxFetches && t.hosts[host] < maxPerHost }

func (t *turns) take(host string) {
	if t.hosts == nil {
		t.hosts = make(map[string]int)
	}
	t.busy++
	t.hosts[host]++
}

// release ends a turn. One that waits can begin in its place, and no second one: a turn of that host is free, or one of all.
func (t *turns) release(host string) {
	t.busy--
	if t.hosts[host]--; t.hosts[host] == 0 {
		delete(t.hosts, host)
	}
	for at := t.queue.Front(); at != nil; at = at.Next() {
		if next, ok := at.Value.(*turn); ok && t.free(next.host) {
			next.begin()
			return
		}
	}
}

// join returns the fetch of e that is under way, or begins one, now or in its turn; renew says that it is for what the copy lacks. The lock is held.
func (c *Cache[K, V]) join(ctx context.Context, e *entry[K, V], s Source[K, V], renew bool) (*flight[V], error) {
	if e.flight != nil {
		return e.flight, nil
	}
	if !c.turns.free(s.Host) && c.turns.queue.Len() >= maxQueued {
		c.abandon(e)
		return nil, ErrBusy
	}
	f := &flight[V]{done: make(chan struct{})}
	e.flight = f
	ctx = context.WithoutCancel(ctx)
	begin := func() {
		if renew {
			e.renewed = s.Now()
		}
		c.turns.take(s.Host)
		go c.fly(ctx, e, f, s)
	}
	if c.turns.free(s.Host) {
		begin()
		return f, nil
	}
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		f.give(ErrBusy)
	})
	leave := func() {
		timer.Stop()
		c.turns.queue.Remove(f.queued)
		f.queued = nil
	}
	f.queued = c.turns.queue.PushBack(&turn{s.Host, func() { leave(); begin() }})
	f.give = func(err error) {
		if f.queued != nil {
			leave()
			e.flight, f.err = nil, err
			c.abandon(e)
			close(f.done)
		}
	}
	return f, nil
}

// abandon forgets an entry of which nothing is known: neither a document nor a failure.
func (c *Cache[K, V]) abandon(e *entry[K, V]) {
	if e.place == nil {
		delete(c.entries, e.key)
	}
}

func (c *Cache[K, V]) fly(ctx context.Context, e *entry[K, V], f *flight[V], s Source[K, V]) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	begun := s.Now() // a copy is as old as its question
	doc, until, err := s.safely(ctx)
	ended := s.Now()

	c.mu.Lock()
	defer c.mu.Unlock()
	if e.flight = nil; err == nil {
		if e.place != nil && e.doc == nil {
			c.failed.Remove(e.place)
			e.place = nil
		}
		e.doc, e.fetched, e.until = doc, begun, until
		e.err, e.failedAt, e.failures = nil, time.Time{}, 0
	} else {
		e.err, e.failedAt = err, ended
		e.failures++
	}
	f.doc, f.err = doc, err
	c.settle(e, s.Size)
	c.turns.release(s.Host)
	close(f.done)
}

// safely is Fetch, whose panic is an error: it may come of a host's HTTP client, or of a parser that met a hostile document, and outside of the host's handlers
// would end the process.
func (s *Source[K, V]) safely(ctx context.Context) (doc *V, until time.Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, fmt.Errorf("panic of type %T while fetching from %s", r, s.Host)
		}
	}()
	return s.Fetch(ctx)
}

// wait ends with the flight, or with ctx. The caller has been counted in f.waiting.
func (c *Cache[K, V]) wait(ctx context.Context, f *flight[V]) (*V, error) {
	select {
	case <-f.done:
		return f.doc, f.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting == 0 && f.queued != nil {
		f.give(ctx.Err())
	}
	return nil, fmt.Errorf("%w: %w", ErrWaiting, ctx.Err())
}
