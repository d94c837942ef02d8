package wsfed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// How long federation metadata is used. Entra rolls its keys over without a schedule, and may do so at once in an emergency:
// https://learn.microsoft.com/entra/identity-platform/signing-key-rollover.
const (
	refreshAfter = time.Hour       // a document older than this is fetched again when it is next needed
	goodFor      = 24 * time.Hour  // a document that cannot be fetched again is used no longer than this: a removed key must stop working
	retryAfter   = time.Minute     // between attempts to replace a document that is still good
	renewEvery   = 5 * time.Minute // an unknown key causes at most one fetch in this time, whatever the number of callers
	fetchTimeout = outbound.Timeout
)

// Metadata keeps federation metadata, by its configured address and by nothing that a document says of itself. The zero value is ready; it is safe for
// concurrent use, and relying parties with the same trust in their HTTP client may share one. It starts no goroutine but for a fetch,
// which ends within 15 seconds.
type Metadata struct {
	mu      sync.Mutex
	entries map[string]*entry
	swept   time.Time
}

// entry is one address. Its fields are guarded by Metadata.mu, which is never held during a fetch.
type entry struct {
	provider *Provider // the last good document, nil before the first
	fetched  time.Time // when it came
	tried    time.Time // when it was last asked for
	renewed  time.Time // when an unknown key last caused a fetch
	used     time.Time
	flight   *flight // the fetch that is under way
}

// flight is a fetch that several callers wait for.
type flight struct {
	done     chan struct{} // closed once the result is set
	provider *Provider
	err      error
}

// source is where a document is fetched from, and with what.
type source struct {
	url    string
	client *http.Client
	now    func() time.Time
}

// get returns the document, fetched in the last hour if that is possible.
func (m *Metadata) get(ctx context.Context, s source) (*Provider, error) {
	now := s.now()
	m.mu.Lock()
	e := m.entry(s.url, now)
	good := e.provider != nil && within(now, e.fetched, goodFor) && !e.expired(now)
	if good && (within(now, e.fetched, refreshAfter) || e.flight == nil && within(now, e.tried, retryAfter)) {
		defer m.mu.Unlock()
		return e.provider, nil
	}
	last := e.provider
	f := m.fly(ctx, e, s, now)
	m.mu.Unlock()

	provider, err := f.wait(ctx)
	if err != nil && good && ctx.Err() == nil {
		return last, nil
	}
	return provider, err
}

// renew returns a document that is newer than seen, which did not hold the key of a signature; or seen itself, when it is too early to ask again.
func (m *Metadata) renew(ctx context.Context, s source, seen *Provider) (*Provider, error) {
	now := s.now()
	m.mu.Lock()
	e := m.entry(s.url, now)
	switch {
	case e.provider != nil && e.provider != seen && within(now, e.fetched, goodFor):
		defer m.mu.Unlock()
		return e.provider, nil
	case e.flight == nil && within(now, e.renewed, renewEvery):
		defer m.mu.Unlock()
		return seen, nil
	}
	if e.flight == nil {
		e.renewed = now
	}
	f := m.fly(ctx, e, s, now)
	m.mu.Unlock()

	provider, err := f.wait(ctx)
	if err != nil && ctx.Err() == nil {
		return seen, nil // the signature is refused under the keys that are known
	}
	return provider, err
}

// within reports whether now lies at most d after t. A clock that went backwards makes everything old.
func within(now, t time.Time, d time.Duration) bool {
	age := now.Sub(t)
	return !t.IsZero() && 0 <= age && age < d
}

// expired holds the document's own validUntil, where it says one, against now.
func (e *entry) expired(now time.Time) bool {
	return e.provider != nil && !e.provider.validUntil.IsZero() && !now.Before(e.provider.validUntil)
}

// entry finds or makes the entry of an address, and forgets those that nobody has asked for in a day. The lock is held.
func (m *Metadata) entry(url string, now time.Time) *entry {
	if m.entries == nil {
		m.entries = make(map[string]*entry)
	}
	if !within(now, m.swept, refreshAfter) {
		m.swept = now
		for other, e := range m.entries {
			if e.flight == nil && !within(now, e.used, goodFor) {
				delete(m.entries, other)
			}
		}
	}
	e := m.entries[url]
	if e == nil {
		e = new(entry)
		m.entries[url] = e
	}
	e.used = now
	return e
}

// fly joins the fetch that is under way, or starts one. It belongs to all who wait for it, so that the first of them, going
// away, does not take it from the others. The lock is held.
func (m *Metadata) fly(ctx context.Context, e *entry, s source, now time.Time) *flight {
	if e.flight != nil {
		return e.flight
	}
	f := &flight{done: make(chan struct{})}
	e.flight, e.tried = f, now
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		f.provider, f.err = fetch(ctx, s)
		m.mu.Lock()
		defer m.mu.Unlock()
		e.flight = nil
		if f.err == nil {
			e.provider, e.fetched = f.provider, now
		}
		close(f.done)
	}()
	return f
}

func (f *flight) wait(ctx context.Context) (*Provider, error) {
	select {
	case <-f.done:
		return f.provider, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: federation metadata: %w", ErrUnavailable, ctx.Err())
	}
}

// fetch gets and reads one document.
func fetch(ctx context.Context, s source) (*Provider, error) {
	res, err := outbound.Get(ctx, s.client, s.url, int64(metadataLimits.bytes))
	if err != nil {
		return nil, fmt.Errorf("%w: federation metadata: %w", ErrUnavailable, err)
	}
	p, err := parseMetadata(res.Body)
	if err == nil && !p.validUntil.IsZero() && !s.now().Before(p.validUntil) {
		err = errors.New("the document is past its validUntil")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: federation metadata: %w", ErrUnavailable, err)
	}
	return p, nil
}
