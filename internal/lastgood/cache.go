// Package lastgood keeps what is fetched from outside and changes without notice, metadata and signing keys: one copy by key, fetched once
// for all who need it, served on when it cannot be fetched anew, and ended when it is too old. What it keeps, and what it asks for at once, is bounded.
package lastgood

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// How long a copy lives. Microsoft asks for a check for new keys every 24 hours at least and on an unknown key:
// https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
const (
	RefreshAfter = time.Hour       // then the next caller fetches anew
	GoneAfter    = 24 * time.Hour  // then the last good copy is good no more: a key that was removed must stop working
	RenewEvery   = 5 * time.Minute // at most one fetch for what a copy lacks in this time, whatever the number of callers
	RetryAfter   = time.Minute     // of a refresh that failed, while the last good copy serves

	// Where there is no good copy, a failure is repeated to all callers for backOffFrom, and twice as long after each further one, up to RetryAfter.
	backOffFrom = time.Second
)

// DefaultSize is how many good copies a Cache keeps where its Source says nothing.
const DefaultSize = 10_000

// maxFailed bounds the keys under which nothing was ever found: whoever can name keys at will fills this much memory and pushes out no good copy.
const maxFailed = 1000

// Errors of waiting, which are no failures of the fetch; match with errors.Is. The end of a caller's context is ErrWaiting too.
var (
	ErrWaiting = errors.New("waiting for metadata")
	ErrBusy    = fmt.Errorf("%w: too much is being fetched", ErrWaiting)
)

// Source says where a document comes from.
type Source[K comparable, V any] struct {
	Key  K
	Host string // fetches from one host wait for each other beyond a number, those from others do not
	Size int    // good copies kept at most, those that were used last; 0: DefaultSize
	Now  func() time.Time

	// Fetch gets a document, and when it ends by its own word; a zero time: it does not say. It runs in a goroutine of its own, with the values of a caller's
	// context but not with its end, and ends with Timeout.
	Fetch   func(context.Context) (doc *V, until time.Time, err error)
	Timeout time.Duration
}

// Cache is ready as its zero value and safe for concurrent use. It starts no goroutine but for a fetch, which ends with its timeout. Documents never change.
type Cache[K comparable, V any] struct {
	mu      sync.Mutex // never held during a fetch
	entries map[K]*entry[K, V]
	good    list.List // of *entry that hold a document, used last first
	failed  list.List // of *entry that never held one and are not being fetched, used last first
	turns   turns
}

// entry is what is known of one key. The cache's lock guards its fields.
type entry[K comparable, V any] struct {
	key   K
	place *list.Element // in good or failed; nil during the first fetch
	used  time.Time

	doc     *V
	fetched time.Time
	until   time.Time // by the document's own word
	renewed time.Time // when something that the document lacks last caused a fetch

	err      error // of the last fetch
	failedAt time.Time
	failures int // in a row

	flight *flight[V] // the fetch under way or waiting for its turn
}

// Get returns the document: at most RefreshAfter old if it can be fetched, GoneAfter if it cannot. Whoever has a good copy waits for a fetch, but not for the
// turn of one.
func (c *Cache[K, V]) Get(ctx context.Context, s Source[K, V]) (*V, error) {
	c.mu.Lock()
	now := s.Now() // under the lock, so that no fetch seems to have ended in the future
	e := c.entry(s.Key, now)
	good := e.isGood(now)
	switch {
	case good && (within(now, e.fetched, RefreshAfter) || e.flight == nil && within(now, e.failedAt, RetryAfter)):
		defer c.mu.Unlock()
		return e.doc, nil
	case !good && e.flight == nil && within(now, e.failedAt, e.backOff()):
		defer c.mu.Unlock()
		return nil, e.err
	}
	f, err := c.join(ctx, e, s, false)
	if good && (err != nil || f.queued != nil) {
		defer c.mu.Unlock()
		return e.doc, nil
	}
	if err != nil {
		defer c.mu.Unlock()
		return nil, err
	}
	last := e.doc
	f.waiting++
	c.mu.Unlock()
	doc, err := c.wait(ctx, f)
	if err != nil && good && ctx.Err() == nil {
		return last, nil
	}
	return doc, err
}

// Renew returns a newer document than seen, which lacks something, or seen itself when it is too early to ask again.
func (c *Cache[K, V]) Renew(ctx context.Context, s Source[K, V], seen *V) (*V, error) {
	c.mu.Lock()
	now := s.Now()
	e := c.entry(s.Key, now)
	switch {
	case e.doc != seen && e.isGood(now):
		defer c.mu.Unlock()
		return e.doc, nil
	case e.flight == nil && within(now, e.renewed, RenewEvery):
		defer c.mu.Unlock()
		return seen, nil
	}
	f, err := c.join(ctx, e, s, true)
	if err != nil {
		defer c.mu.Unlock()
		return nil, err
	}
	f.waiting++
	c.mu.Unlock()
	return c.wait(ctx, f)
}

// Len returns the number of keys of which something is known.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// within reports whether now lies less than d after t. A clock that was set back makes everything old, not eternal.
func within(now, t time.Time, d time.Duration) bool {
	age := now.Sub(t)
	return !t.IsZero() && age >= 0 && age < d
}

func (e *entry[K, V]) isGood(now time.Time) bool {
	return e.doc != nil && within(now, e.fetched, GoneAfter) && (e.until.IsZero() || now.Before(e.until))
}

func (e *entry[K, V]) backOff() time.Duration {
	d := backOffFrom
	for i := 1; i < e.failures && d < RetryAfter; i++ {
		d *= 2
	}
	return min(d, RetryAfter)
}

// entry finds or makes the entry of a key, and forgets those that nobody has asked for in a day.
func (c *Cache[K, V]) entry(key K, now time.Time) *entry[K, V] {
	c.forget(&c.good, func(e *entry[K, V]) bool { return !within(now, e.used, GoneAfter) })
	c.forget(&c.failed, func(e *entry[K, V]) bool { return !within(now, e.used, GoneAfter) })
	e := c.entries[key]
	if e == nil {
		if c.entries == nil {
			c.entries = make(map[K]*entry[K, V])
		}
		e = &entry[K, V]{key: key}
		c.entries[key] = e
	}
	e.used = now
	switch {
	case e.place == nil:
	case e.doc != nil:
		c.good.MoveToFront(e.place)
	default:
		c.failed.MoveToFront(e.place)
	}
	return e
}

// forget drops the entry that was used longest ago, and the ones before it, as long as which says so. One that is being fetched stays: others would fetch it again.
func (c *Cache[K, V]) forget(from *list.List, which func(*entry[K, V]) bool) {
	for at := from.Back(); at != nil; {
		e, ok := at.Value.(*entry[K, V])
		if !ok || !which(e) {
			return
		}
		at = at.Prev()
		if e.flight == nil {
			from.Remove(e.place)
			delete(c.entries, e.key)
		}
	}
}

// settle puts an entry whose fetch has ended where it belongs, at the cost of others.
func (c *Cache[K, V]) settle(e *entry[K, V], size int) {
	if size <= 0 {
		size = DefaultSize
	}
	switch {
	case e.place != nil && e.doc == nil:
		c.failed.MoveToFront(e.place)
	case e.place != nil:
		c.good.MoveToFront(e.place)
	case e.doc == nil:
		e.place = c.failed.PushFront(e)
	default:
		e.place = c.good.PushFront(e)
	}
	c.forget(&c.failed, func(*entry[K, V]) bool { return c.failed.Len() > maxFailed })
	c.forget(&c.good, func(*entry[K, V]) bool { return c.good.Len() > size })
}
