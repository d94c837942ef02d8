package oauth2

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/internal/lastgood"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

const (
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
//
// At most 128 authorities are asked at once, and 32 at one login host; the others wait for their turn, for 30 seconds at most. Where there is no good copy, a
// failure is the answer to all for a second, and after each further one for twice as long, up to a minute. Of authorities that never answered, a
// thousand are remembered: whoever can name tenants at will causes neither a flood of requests nor one of memory.
type Metadata struct {
	HTTPClient *http.Client     // nil: the client's that asks
	Now        func() time.Time // nil: the client's that asks
	Size       int              // authorities kept at most, those that were used last; 0: 10,000. One takes some 10 KB

	cache lastgood.Cache[authority, snapshot]
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
}

// current returns the authority's metadata, at most an hour old if Entra answers, at most 24 hours if it does not.
func (m *Metadata) current(ctx context.Context, a authority, by means) (*snapshot, error) {
	found, err := m.cache.Get(ctx, m.source(a, by))
	return found, waited(err)
}

// renew returns newer metadata than seen, in which a key was missing, or seen itself when it is too early to ask again.
func (m *Metadata) renew(ctx context.Context, a authority, by means, seen *snapshot) (*snapshot, error) {
	found, err := m.cache.Renew(ctx, m.source(a, by), seen)
	return found, waited(err)
}

func (m *Metadata) source(a authority, by means) lastgood.Source[authority, snapshot] {
	if m.HTTPClient != nil {
		by.client = m.HTTPClient
	}
	if m.Now != nil {
		by.now = m.Now
	}
	return lastgood.Source[authority, snapshot]{
		Key: a, Host: a.login, Size: m.Size, Now: by.now, Timeout: fetchTimeout,
		Fetch: func(ctx context.Context) (*snapshot, time.Time, error) {
			found, err := a.fetch(ctx, by.client)
			return found, time.Time{}, err
		},
	}
}

// waited names the package where the cache has given up, as fetch does where it has.
func waited(err error) error {
	if errors.Is(err, lastgood.ErrWaiting) {
		return fmt.Errorf("oauth2: %w", err)
	}
	return err
}

// fetch asks for both documents. It is the only place of this package that fetches, and both addresses are the configured host's.
func (a authority) fetch(ctx context.Context, client *http.Client) (*snapshot, error) {
	body, err := fetchJSON(ctx, client, a.discovery(), maxDocument)
	if err != nil {
		return nil, fmt.Errorf("oauth2: metadata of %s: %w", a.tenant, err)
	}
	d, err := a.parseDocument(body)
	if err != nil {
		return nil, &MetadataError{Tenant: a.tenant, Document: "discovery document", Err: err}
	}
	if body, err = fetchJSON(ctx, client, d.keys, maxKeySet); err != nil {
		return nil, fmt.Errorf("oauth2: signing keys of %s: %w", a.tenant, err)
	}
	k, err := parseKeys(body)
	if err != nil {
		return nil, &MetadataError{Tenant: a.tenant, Document: "key set", Err: err}
	}
	return &snapshot{document: d, keys: k}, nil
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
