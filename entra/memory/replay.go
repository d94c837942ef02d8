package memory

import (
	"context"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Replay is an entra.ReplayStore for one machine. Its zero value is ready. It never forgets an id early, so its size follows the
// traffic: about 200 bytes for each id that has not expired.
type Replay struct {
	Now func() time.Time // the clock; nil: time.Now. Set before first use

	mu  sync.Mutex
	ids expiring
}

var _ entra.ReplayStore = (*Replay)(nil)

// NewReplay returns an empty Replay.
func NewReplay() *Replay { return &Replay{} }

// Remember implements entra.ReplayStore. Remembering an id again keeps it until the later of the two times.
func (r *Replay) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	now := clock(r.Now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids.sweep(now)
	if e, ok := r.ids.live(id, now); ok {
		r.ids.extend(e, until)
		return false, nil
	}
	r.ids.set(id, nil, until)
	return true, nil
}

// Len returns how many ids are held, those included that have expired and are not swept yet.
func (r *Replay) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids.byID)
}
