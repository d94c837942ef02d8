package wsfed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/internal/lastgood"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Metadata keeps federation metadata, by its configured address and by nothing that a document says of itself. The zero value is ready; it is safe for
// concurrent use, and relying parties with the same trust in their HTTP client may share one. It starts no goroutine but for a fetch,
// which ends within 15 seconds.
//
// Entra rolls its keys over without a schedule, and may do so at once in an emergency (https://learn.microsoft.com/entra/identity-platform/signing-key-rollover):
// a document is fetched anew after an hour, and at most once in five minutes for a key that it lacks. When that fails, the last good one serves until it is 24
// hours old, or past its own validUntil.
//
// At most 128 documents are fetched at once, and 32 from one host; the others wait for their turn, for 30 seconds at most. Where there is no good document, a
// failure is the answer to all for a second, and after each further one for twice as long, up to a minute. Of addresses that never answered, a thousand are remembered.
type Metadata struct {
	Size int // documents kept at most, those that were used last; 0: 10,000. Entra's takes some 20 KB

	cache lastgood.Cache[string, Provider]
}

// goodFor is how long a document that cannot be fetched again is used.
const goodFor = lastgood.GoneAfter

// source is where a document is fetched from, and with what.
type source struct {
	url    string
	client *http.Client
	now    func() time.Time
}

// get returns the document, fetched in the last hour if that is possible.
func (m *Metadata) get(ctx context.Context, s source) (*Provider, error) {
	p, err := m.cache.Get(ctx, m.source(s))
	return p, unavailable(err)
}

// renew returns a document that is newer than seen, which did not hold the key of a signature; or seen itself, when it is too early to ask again or nobody
// answers: the signature is refused under the keys that are known.
func (m *Metadata) renew(ctx context.Context, s source, seen *Provider) (*Provider, error) {
	p, err := m.cache.Renew(ctx, m.source(s), seen)
	if err != nil && ctx.Err() == nil {
		return seen, nil
	}
	return p, unavailable(err)
}

func (m *Metadata) source(s source) lastgood.Source[string, Provider] {
	return lastgood.Source[string, Provider]{
		Key: s.url, Host: host(s.url), Size: m.Size, Now: s.now, Timeout: outbound.Timeout,
		Fetch: func(ctx context.Context) (*Provider, time.Time, error) {
			p, err := fetch(ctx, s)
			if err != nil {
				return nil, time.Time{}, err
			}
			return p, p.validUntil, nil
		},
	}
}

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: federation metadata: %w", ErrUnavailable, err)
}

// fetch gets and reads one document.
func fetch(ctx context.Context, s source) (*Provider, error) {
	res, err := outbound.Get(ctx, s.client, s.url, int64(metadataLimits.bytes))
	if err != nil {
		return nil, err
	}
	p, err := parseMetadata(res.Body)
	if err == nil && !p.validUntil.IsZero() && !s.now().Before(p.validUntil) {
		err = errors.New("the document is past its validUntil")
	}
	return p, err
}
