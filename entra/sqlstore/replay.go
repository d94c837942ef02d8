package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Replay is an entra.ReplayStore. What has expired is removed by Store.Sweep, and counts as used until then.
type Replay struct{ store *Store }

var _ entra.ReplayStore = (*Replay)(nil)

// Remember implements entra.ReplayStore: one statement for what is new. Of a crowd the one whose row is inserted is first, whatever
// the clocks of the machines say.
func (r *Replay) Remember(ctx context.Context, id string, until time.Time) (first bool, err error) {
	if len(id) != 64 || !storable(id) {
		return false, errors.New("sqlstore: the id of what may be used once has 64 digits")
	}
	first, err = r.add(ctx, id, until)
	if err == nil && !first {
		err = r.extend(ctx, id, until)
	}
	if err != nil {
		return false, r.store.failed(ctx, "remembering what was used", err, nil)
	}
	return first, nil
}

func (r *Replay) add(ctx context.Context, id string, until time.Time) (bool, error) {
	s := r.store
	rows, err := s.exec(ctx, "INSERT INTO {replay} (environment, id, expires) VALUES (?, ?, ?)"+s.engine.Ignore, s.config.Environment, id, micro(until))
	if err != nil && ctx.Err() == nil && s.engine.Taken(err) {
		return false, nil
	}
	return rows == 1, err
}

// extend keeps what was there until the later of the two times. It may have been swept since; then it is added again.
func (r *Replay) extend(ctx context.Context, id string, until time.Time) error {
	s := r.store
	rows, err := s.exec(ctx, "UPDATE {replay} SET expires = ? WHERE environment = ? AND id = ? AND expires < ?", micro(until), s.config.Environment, id, micro(until))
	if err == nil && rows == 0 {
		_, err = r.add(ctx, id, until)
	}
	return err
}
