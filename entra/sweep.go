package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Bounds of a sweep.
const (
	defaultSweepers = 8
	maxSweepers     = 64
	sweepRounds     = 5 // of asking about a user while Graph throttles
)

// SweepOptions of a sweep.
type SweepOptions struct {
	ConnectionID string // required
	After        string // go on after this user: Swept.User.ID of the last result that was dealt with
	Concurrency  int    // how many are asked about at once; 0 is 8, at most 64
	// Refresh returns the refresh token that the host keeps for a user, or none. nil: Graph is asked about everybody.
	Refresh func(context.Context, *provisioning.User) (credential.Secret, error)
	// Pause waits as long as Graph asks when it throttles. nil: it just waits; a host may show that it does.
	Pause func(context.Context, time.Duration) error
}

// Swept is what a sweep found of one user.
type Swept struct {
	User *provisioning.User
	Key  provisioning.Key
	Recheck
	Err error // why State is AccountUnknown: an *Error, as of Recheck; else nil
}

// Sweep rechecks everybody who has an identity of a connection, in the order of the users' ids, as they are read from the store: memory does not grow with them. It may
// run for hours: stopping it and beginning again with After goes on where it stopped. Graph's throttling is waited for. A user about whom nothing could be learned comes
// with Err, and the sweep goes on; an error of the sequence ends it: the store's, the context's, or the connection's (*Error, as of Recheck).
//
// Config.Users must be a provisioning.UserLister.
func (s *Service) Sweep(ctx context.Context, o SweepOptions) iter.Seq2[Swept, error] {
	return func(yield func(Swept, error) bool) {
		lister, ok := s.cfg.Users.(provisioning.UserLister)
		if !ok || o.ConnectionID == "" {
			yield(Swept{}, NewError(KindConfiguration, errors.New("a sweep needs a connection, and a user store that is a provisioning.UserLister")))
			return
		}
		w := &window{size: min(o.Concurrency, maxSweepers), options: o, service: s}
		if w.size <= 0 {
			w.size = defaultSweepers
		}
		for u, err := range lister.Users(ctx, provisioning.UserFilter{ConnectionID: o.ConnectionID, After: o.After}) {
			if err != nil {
				yield(Swept{}, NewError(KindUnavailable, fmt.Errorf("listing users: %w", err)))
				return
			}
			if k, holds := u.KeyAt(o.ConnectionID); holds {
				w.list = append(w.list, Swept{User: u, Key: k})
			}
			if len(w.list) == w.size && !w.flush(ctx, yield) {
				return
			}
		}
		w.flush(ctx, yield)
	}
}

// window is the users that are asked about at once. All of them are done before the first is handed out, so that nothing runs on when the caller stops.
type window struct {
	service *Service
	options SweepOptions
	size    int
	list    []Swept
}

func (w *window) flush(ctx context.Context, yield func(Swept, error) bool) bool {
	if len(w.list) == 0 {
		return true
	}
	if err := w.run(ctx); err != nil {
		yield(Swept{}, err)
		return false
	}
	for _, one := range w.list {
		if !yield(one, nil) {
			return false
		}
	}
	w.list = w.list[:0]
	return true
}

// run asks about all, and again about those for whom Graph had no time. The connection is read anew for each window, so that one that is switched off ends the sweep.
func (w *window) run(ctx context.Context) error {
	r, err := w.service.rechecker(ctx, w.options.ConnectionID)
	if err != nil {
		return asError(err)
	}
	open := make([]int, len(w.list))
	for i := range open {
		open[i] = i
	}
	for round := 1; ; round++ {
		if err := w.ask(ctx, r, open); err != nil {
			return err
		}
		var pause time.Duration
		if open, pause = w.throttled(open); len(open) == 0 || round == sweepRounds {
			return nil
		}
		if err := w.pause(ctx, pause); err != nil {
			return NewError(KindUnavailable, err)
		}
	}
}

func (w *window) ask(ctx context.Context, r *rechecker, open []int) error {
	tokens := make([]credential.Secret, len(w.list))
	for _, i := range open {
		if w.options.Refresh == nil {
			break
		}
		var err error
		if tokens[i], err = w.options.Refresh(ctx, w.list[i].User); err != nil {
			return NewError(KindUnavailable, fmt.Errorf("refresh token of user %q: %w", w.list[i].User.ID, err))
		}
	}
	var all sync.WaitGroup
	for _, i := range open {
		one := &w.list[i]
		all.Go(func() {
			one.Recheck, one.Err = r.recheck(ctx, one.Key, RecheckOptions{Refresh: tokens[i]})
			if one.Err != nil {
				e := asError(one.Err)
				e.ConnectionID, one.Err = one.Key.ConnectionID, e
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return NewError(KindUnavailable, err)
	}
	return nil
}

// throttled returns whom to ask about again, and after how long.
func (w *window) throttled(open []int) (again []int, pause time.Duration) {
	for _, i := range open {
		var refused *graph.Error
		if errors.As(w.list[i].Err, &refused) && refused.Retry {
			again = append(again, i)
			pause = max(pause, refused.RetryAfter, time.Second)
		}
	}
	return again, pause
}

func (w *window) pause(ctx context.Context, d time.Duration) error {
	if w.options.Pause != nil {
		return w.options.Pause(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
