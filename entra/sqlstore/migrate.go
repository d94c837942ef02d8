package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrNewerSchema says that a later version of this package has changed the tables. This one refuses to touch them.
var ErrNewerSchema = errors.New("sqlstore: the tables are of a later version of the software")

// Migration is one step from an older form of the tables to the next.
type Migration struct {
	Version int
	Name    string // of its file: 0001_first.sql
	SQL     string // statements that end in ";" at the end of a line, with the Config's names of tables
}

// Migrations returns all steps in their order, for database administrators who read them first, or run them by hand.
func (s *Store) Migrations() ([]Migration, error) {
	names, err := fs.Glob(s.engine.Migrations, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	steps := make([]Migration, 0, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(s.engine.Migrations, name)
		if err != nil {
			return nil, err
		}
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(name, want) {
			return nil, fmt.Errorf("sqlstore: migration %s should be called %s….sql", name, want)
		}
		steps = append(steps, Migration{Version: i + 1, Name: name, SQL: s.names.Replace(string(text))})
	}
	return steps, nil
}

// Migrate brings the tables to the form that this version needs; all machines may call it at once, when they start. ErrNewerSchema.
// On PostgreSQL and SQLite a migration is whole or not there; MySQL has no such thing, there every statement may be run again.
func (s *Store) Migrate(ctx context.Context) error {
	if s.tx != nil {
		return errors.New("sqlstore: Migrate is a transaction of its own")
	}
	steps, err := s.Migrations()
	if err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.failed(ctx, "migrating", err, nil)
	}
	defer func() { _ = conn.Close() }() // back to the pool
	err = s.engine.Locked(ctx, conn, s.config.table("schema_version"), func() error {
		if err := s.migrate(ctx, conn, steps); err != nil {
			return err
		}
		return s.claimEmails(ctx, conn)
	})
	return s.failed(ctx, "migrating", err, nil)
}

// migrate runs the steps that are missing. The caller holds the lock.
func (s *Store) migrate(ctx context.Context, q querier, steps []Migration) error {
	const table = "CREATE TABLE IF NOT EXISTS {schema_version} (version INTEGER NOT NULL PRIMARY KEY, applied BIGINT NOT NULL)"
	if _, err := q.ExecContext(ctx, s.sql(table)); err != nil {
		return err
	}
	at, err := s.schemaVersion(ctx, q)
	if err != nil {
		return err
	}
	if at > len(steps) {
		return fmt.Errorf("version %d, known are %d: %w", at, len(steps), ErrNewerSchema)
	}
	for _, step := range steps[at:] {
		for i, statement := range statements(step.SQL) {
			if _, err := q.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s, statement %d: %w", step.Name, i+1, err)
			}
		}
		if _, err := q.ExecContext(ctx, s.sql("INSERT INTO {schema_version} (version, applied) VALUES (?, ?)"), step.Version, micro(s.config.Now())); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) schemaVersion(ctx context.Context, q querier) (int, error) {
	var version sql.NullInt64
	err := q.QueryRowContext(ctx, s.sql("SELECT MAX(version) FROM {schema_version}")).Scan(&version)
	return int(version.Int64), err
}

// Check reports whether the tables have the form that this version needs, for hosts whose administrators migrate by hand: nil,
// ErrNewerSchema, or an error that says what is missing.
func (s *Store) Check(ctx context.Context) error {
	steps, err := s.Migrations()
	if err != nil {
		return err
	}
	at, err := s.schemaVersion(ctx, s.reader())
	switch {
	case err != nil:
		return s.failed(ctx, "reading the tables' version", err, nil)
	case at > len(steps):
		return fmt.Errorf("sqlstore: version %d, known are %d: %w", at, len(steps), ErrNewerSchema)
	case at < len(steps):
		return fmt.Errorf("sqlstore: the tables have version %d, needed is %d: call Migrate", at, len(steps))
	}
	return nil
}

// claimEmails lets addresses of before UniqueEmails was switched on count. The unique index refuses it where two users share one.
func (s *Store) claimEmails(ctx context.Context, q querier) error {
	if !s.config.UniqueEmails {
		return nil
	}
	_, err := exec(ctx, q, s.sql("UPDATE {users} SET email_claim = email_hash WHERE environment = ? AND email_claim IS NULL AND email_hash IS NOT NULL"), s.config.Environment)
	if err != nil && s.engine.Taken(err) {
		return fmt.Errorf("UniqueEmails: two users share an address: %w", err)
	}
	return err
}

// statements splits a file. Lines of comment go with the statement that follows them.
func statements(text string) []string {
	var list []string
	for statement := range strings.SplitSeq(text, ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			list = append(list, statement)
		}
	}
	return list
}
