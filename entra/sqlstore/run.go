package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// querier is a database, or a transaction in one.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// unit is a transaction of ours. conn is the connection that it runs on, nil in a transaction of the host's.
type unit struct {
	querier
	conn *sql.Conn
}

// attempts bounds how often a transaction is tried that others are in the way of (deadlocks, serialization, a busy file).
const attempts = 8

// sql returns a statement of ours as the engine wants it: names of tables for {table}, $1 for the first question mark. No statement has
// a question mark in a literal.
func (s *Store) sql(text string) string {
	text = s.names.Replace(text)
	if !s.engine.Numbered {
		return text
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		text = after
	}
}

// marks returns n question marks, for IN and VALUES.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// insertStep is how many rows one INSERT has at most; SQLite allows 32,766 parameters, the others more.
const insertStep = 500

// insert adds rows, in as few statements as the engine allows.
func (s *Store) insert(ctx context.Context, q querier, table string, columns []string, rows [][]any) error {
	one := "(" + marks(len(columns)) + ")"
	for part := range slices.Chunk(rows, insertStep) {
		text := "INSERT INTO {" + table + "} (" + strings.Join(columns, ", ") + ") VALUES " + strings.TrimSuffix(strings.Repeat(one+", ", len(part)), ", ")
		if _, err := q.ExecContext(ctx, s.sql(text), slices.Concat(part...)...); err != nil {
			return err
		}
	}
	return nil
}

// reader is what a call reads from.
func (s *Store) reader() querier {
	if s.tx != nil {
		return s.tx
	}
	return s.db
}

// exec runs one writing statement, which is its own transaction unless the host has one, and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, text string, args ...any) (rows int64, err error) {
	err = s.retry(ctx, func() error {
		rows, err = exec(ctx, s.reader(), s.sql(text), args...)
		return err
	})
	return rows, err
}

func exec(ctx context.Context, q querier, query string, args ...any) (rows int64, err error) {
	result, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// write runs f in a transaction: all that it does, or nothing. f begins with a statement that writes, so that SQLite need not turn a
// reader into a writer, and may be called again.
func (s *Store) write(ctx context.Context, f func(unit) error) error {
	if s.tx != nil {
		return s.savepoint(ctx, f)
	}
	return s.retry(ctx, func() error { return s.transaction(ctx, f) })
}

// retry runs f, with the one writer's place where the engine has one, again while others are in its way.
func (s *Store) retry(ctx context.Context, f func() error) error {
	if s.tx != nil {
		return f()
	}
	if s.writer != nil {
		select {
		case s.writer <- struct{}{}:
			defer func() { <-s.writer }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || attempt == attempts || !s.engine.Again(err) || !pause(ctx, attempt) {
			return err
		}
	}
}

// pause waits a random while that grows with each attempt, up to a quarter of a second; false: the context has ended.
func pause(ctx context.Context, attempt int) bool {
	timer := time.NewTimer(rand.N(time.Millisecond << min(attempt, 8)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Store) transaction(ctx context.Context, f func(unit) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the pool
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: s.engine.Isolation})
	if err != nil {
		return err
	}
	if err := f(unit{tx, conn}); err != nil {
		return errors.Join(err, rollback(tx))
	}
	return tx.Commit()
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("sqlstore: rolling back: %w", err)
	}
	return nil
}

// savepoint runs f within the host's transaction, and takes back what it did if it fails.
func (s *Store) savepoint(ctx context.Context, f func(unit) error) error {
	if _, err := s.tx.ExecContext(ctx, "SAVEPOINT tenantdoor"); err != nil {
		return err
	}
	if err := f(unit{querier: s.tx}); err != nil {
		whole := context.WithoutCancel(ctx) // taking back must not be cut short
		_, back := s.tx.ExecContext(whole, "ROLLBACK TO SAVEPOINT tenantdoor")
		if back == nil {
			_, back = s.tx.ExecContext(whole, "RELEASE SAVEPOINT tenantdoor")
		}
		return errors.Join(err, back)
	}
	_, err := s.tx.ExecContext(ctx, "RELEASE SAVEPOINT tenantdoor")
	return err
}

// failed gives an error its words. One that comes from the end of the context is the context's, whatever the driver makes of it; a unique key that is
// taken is what others is, if that is not nil. What outlasted all attempts stays what it is: trouble that may pass.
func (s *Store) failed(ctx context.Context, what string, err, others error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("sqlstore: %s: %w", what, ctx.Err())
	case others != nil && s.engine.Taken(err):
		return fmt.Errorf("sqlstore: %s: %w", what, others)
	}
	return fmt.Errorf("sqlstore: %s: %w", what, err)
}
