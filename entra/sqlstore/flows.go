package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Flows is an entra.FlowStore. What has expired is removed by Store.Sweep.
type Flows struct{ store *Store }

var _ entra.FlowStore = (*Flows)(nil)

// Put implements entra.FlowStore: one statement.
func (f *Flows) Put(ctx context.Context, id string, sealed []byte, expires time.Time) error {
	s := f.store
	if sealed == nil {
		sealed = []byte{}
	}
	text := "INSERT INTO {flows} (environment, hash, sealed, expires) VALUES (?, ?, ?, ?)" +
		s.engine.Upsert("environment, hash") + "sealed = " + s.engine.Excluded("sealed") + ", expires = " + s.engine.Excluded("expires")
	_, err := s.exec(ctx, text, s.config.Environment, hash("flow", id), sealed, micro(expires))
	return s.failed(ctx, "keeping a flow", err, nil)
}

// Take implements entra.FlowStore: one statement, on MySQL two.
func (f *Flows) Take(ctx context.Context, id string) (sealed []byte, err error) {
	s := f.store
	var expires int64
	take := s.takeRead
	if s.engine.Returning {
		take = s.takeReturning
	}
	sealed, expires, err = take(ctx, s.config.Environment, hash("flow", id))
	switch {
	case ctx.Err() == nil && errors.Is(err, sql.ErrNoRows), err == nil && micro(s.config.Now()) > expires:
		return nil, fmt.Errorf("sqlstore: flow: %w", entra.ErrNotFound)
	case err != nil:
		return nil, s.failed(ctx, "taking a flow", err, nil)
	}
	return sealed, nil
}

func (s *Store) takeReturning(ctx context.Context, environment, hash string) (sealed []byte, expires int64, err error) {
	err = s.retry(ctx, func() error {
		row := s.reader().QueryRowContext(ctx, s.sql("DELETE FROM {flows} WHERE environment = ? AND hash = ? RETURNING sealed, expires"), environment, hash)
		return row.Scan(&sealed, &expires)
	})
	return sealed, expires, err
}

// takeRead is for engines whose DELETE returns nothing: of those who have read the flow, the one whose DELETE finds it gets it. It is the flow
// that was read: one that was put in its place meanwhile stays.
func (s *Store) takeRead(ctx context.Context, environment, hash string) (sealed []byte, expires int64, err error) {
	row := s.reader().QueryRowContext(ctx, s.sql("SELECT sealed, expires FROM {flows} WHERE environment = ? AND hash = ?"), environment, hash)
	if err := row.Scan(&sealed, &expires); err != nil {
		return nil, 0, err
	}
	deleted, err := s.exec(ctx, "DELETE FROM {flows} WHERE environment = ? AND hash = ? AND sealed = ?", environment, hash, sealed)
	if err == nil && deleted == 0 {
		err = sql.ErrNoRows
	}
	return sealed, expires, err
}
