package oauth2

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// How long metadata lives. Microsoft asks for a check for new keys every 24 hours at least and on an unknown key:
// https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
const (
	refreshAfter = time.Hour       // then the next caller fetches anew
	goneAfter    = 24 * time.Hour  // then the last known good copy is good no more: a key that was removed must stop working
	retryAfter   = time.Minute     // of a refresh that failed, while the last known good copy serves
	renewEvery   = 5 * time.Minute // at most one fetch for unknown keys in this time, whatever the number of callers
	fetchTimeout = 20 * time.Second
	maxDocument  = 128 << 10 // bytes of a discovery document; Entra's has 2 KB
	maxKeySet    = 1 << 20   // bytes of a key set; Entra's has 20 KB
)

// Metadata keeps discovery documents and signing keys, one copy per authority, however many clients use it. The zero value is ready;
// share one between clients, and between services. It is safe for concurrent use and starts no goroutine but for a fetch, which ends within 20
// seconds and does not end with the caller who began it, because others wait for it too.
//
// A copy is fetched anew after an hour. When that fails, the last known good copy serves until it is 24 hours old; then verification fails.
// A token signed with an unknown key causes at most one fetch in five minutes. Nothing in a token says where to fetch from.
type Metadata struct {
	HTTPClient *http.Client     // nil: the client's that asks
	Now        func() time.Time // nil: the client's that asks

	mu      sync.Mutex
	entries map[authority]*entry
	swept   time.Time
}

// means is what a caller lends to a fetch.
type means struct {
	client *http.Client
	now    func() time.Time
}

// snapshot is what was fetched together. It never changes.
type snapshot struct {
	document *document
	keys     keys
	fetched  time.Time
}

// entry is one authority's place in the cache.
type entry struct {
	mu      sync.Mutex
	current *snapshot // nil: nothing was ever fetched
	flight  *flight   // nil: nobody fetches
	failed  time.Time // when the last fetch failed
	renewed time.Time // when an unknown key last caused a fetch
}

// flight is a fetch under way. Its results are set before done is closed.
type flight struct {
	done  chan struct{}
	found *snapshot
	err   error
}

// current returns the authority's metadata, at most an hour old if Entra answers, at most 24 hours if it does not.
func (m *Metadata) current(ctx context.Context, a authority, by means) (*snapshot, error) {
	by = m.means(by)
	e := m.entry(a, by.now())

	e.mu.Lock()
	now := by.now()
	age := e.age(now)
	if within(age, refreshAfter) || within(age, goneAfter) && e.flight == nil && within(now.Sub(e.failed), retryAfter) {
		defer e.mu.Unlock()
		return e.current, nil
	}
	f := e.fly(ctx, a, by)
	e.mu.Unlock()

	found, err := f.wait(ctx)
	if err == nil {
		return found, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if within(e.age(by.now()), goneAfter) {
		return e.current, nil
	}
	return nil, err
}

// renew returns newer metadata than seen, in which a key was missing, or seen itself when it is too early to ask again.
func (m *Metadata) renew(ctx context.Context, a authority, by means, seen *snapshot) (*snapshot, error) {
	by = m.means(by)
	e := m.entry(a, by.now())

	e.mu.Lock()
	if e.current != nil && e.current != seen {
		defer e.mu.Unlock()
		return e.current, nil
	}
	if e.flight == nil {
		if within(by.now().Sub(e.renewed), renewEvery) {
			defer e.mu.Unlock()
			return seen, nil
		}
		e.renewed = by.now()
	}
	f := e.fly(ctx, a, by)
	e.mu.Unlock()
	return f.wait(ctx)
}

// within reports whether age lies in [0, limit): a clock that was set back makes a copy old, not eternal.
func within(age, limit time.Duration) bool { return age >= 0 && age < limit }

// age of the copy; one that does not exist is as old as can be.
func (e *entry) age(now time.Time) time.Duration {
	if e.current == nil {
		return goneAfter
	}
	return now.Sub(e.current.fetched)
}

// fly joins the fetch under way or begins one. The caller holds e.mu.
func (e *entry) fly(ctx context.Context, a authority, by means) *flight {
	if e.flight != nil {
		return e.flight
	}
	f := &flight{done: make(chan struct{})}
	e.flight = f
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		f.found, f.err = a.fetch(ctx, by)

		e.mu.Lock()
		defer e.mu.Unlock()
		if e.flight = nil; f.err == nil {
			e.current = f.found
		} else {
			e.failed = by.now()
		}
		close(f.done)
	}()
	return f
}

// wait ends with the flight, or with ctx, whose end leaves the flight alone.
func (f *flight) wait(ctx context.Context) (*snapshot, error) {
	select {
	case <-f.done:
		return f.found, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("oauth2: waiting for metadata: %w", ctx.Err())
	}
}

func (m *Metadata) means(by means) means {
	if m.HTTPClient != nil {
		by.client = m.HTTPClient
	}
	if m.Now != nil {
		by.now = m.Now
	}
	return by
}

// entry returns the authority's place. Once an hour, as a new one comes, those that nobody has used for a day leave.
func (m *Metadata) entry(a authority, now time.Time) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[a]; e != nil {
		return e
	}
	if m.entries == nil {
		m.entries = make(map[authority]*entry)
	}
	if !within(now.Sub(m.swept), refreshAfter) {
		m.swept = now
		for old, e := range m.entries {
			if e.idle(now) {
				delete(m.entries, old)
			}
		}
	}
	e := new(entry)
	m.entries[a] = e
	return e
}

func (e *entry) idle(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flight == nil && !within(e.age(now), goneAfter) && !within(now.Sub(e.renewed), renewEvery)
}

// fetch asks for both documents. It is the only place of this package that fetches, and both addresses are the configured host's.
func (a authority) fetch(ctx context.Context, by means) (*snapshot, error) {
	fetched := by.now()
	body, err := fetchJSON(ctx, by.client, a.discovery(), maxDocument)
	if err != nil {
		return nil, fmt.Errorf("oauth2: metadata of %s: %w", a.tenant, err)
	}
	d, err := a.parseDocument(body)
	if err != nil {
		return nil, &MetadataError{Tenant: a.tenant, Document: "discovery document", Err: err}
	}
	if body, err = fetchJSON(ctx, by.client, d.keys, maxKeySet); err != nil {
		return nil, fmt.Errorf("oauth2: signing keys of %s: %w", a.tenant, err)
	}
	k, err := parseKeys(body)
	if err != nil {
		return nil, &MetadataError{Tenant: a.tenant, Document: "key set", Err: err}
	}
	return &snapshot{document: d, keys: k, fetched: fetched}, nil
}

// fetchJSON asks for a document. A refusal that Entra explains, an unknown tenant for instance, is *aadsts.Error.
func fetchJSON(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("address is not a URL")
	}
	r.Header.Set("Accept", "application/json")
	res, err := outbound.Do(client, r, limit)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		if e := aadsts.FromTokenResponse(res.Status, res.Body); e.Code != 0 {
			return nil, e
		}
		return nil, &outbound.StatusError{Host: r.URL.Host, Path: r.URL.Path, Status: res.Status}
	}
	switch kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind {
	case "application/json", "application/jwk-set+json":
		return res.Body, nil
	}
	return nil, errors.New("the answer is not JSON by its content type")
}

// MetadataError says that an authority's own documents were refused. A last known good copy, if there is one, goes on serving.
type MetadataError struct {
	Tenant   string // as configured
	Document string // "discovery document" or "key set"
	Err      error
}

func (e *MetadataError) Error() string {
	return fmt.Sprintf("oauth2: %s of %s refused: %v", e.Document, e.Tenant, e.Err)
}

// Unwrap returns the reason.
func (e *MetadataError) Unwrap() error { return e.Err }
