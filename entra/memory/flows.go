package memory

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Flows is an entra.FlowStore for one machine. Its zero value is ready. Anyone may begin a sign-in, so a host that keeps
// flows here bounds how often that happens (entra.Config.Limit).
type Flows struct {
	Now func() time.Time // the clock; nil: time.Now. Set before first use

	mu    sync.Mutex
	flows expiring
}

var _ entra.FlowStore = (*Flows)(nil)

// NewFlows returns an empty Flows.
func NewFlows() *Flows { return &Flows{} }

// Put implements entra.FlowStore.
func (f *Flows) Put(ctx context.Context, id string, sealed []byte, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flows.sweep(clock(f.Now))
	f.flows.set(id, bytes.Clone(sealed), expires)
	return nil
}

// Take implements entra.FlowStore.
func (f *Flows) Take(ctx context.Context, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := clock(f.Now)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flows.sweep(now)
	e, ok := f.flows.live(id, now)
	if !ok {
		return nil, entra.ErrNotFound
	}
	f.flows.remove(e)
	return e.value, nil
}

// Len returns how many flows are held, those included that have expired and are not swept yet.
func (f *Flows) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.flows.byID)
}
