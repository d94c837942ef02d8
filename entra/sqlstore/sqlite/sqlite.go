// Package sqlite opens a sqlstore.Store in a SQLite file, with the driver modernc.org/sqlite, which is Go and needs no C compiler. It is the
// embedded default: one machine, one file, any number of processes.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the file, and makes it, for its owner alone, if there is none: write-ahead log, synced at checkpoints, five seconds of patience for other processes. The caller
// closes the database after the Store's last use.
//
// With synchronous=NORMAL, which this is, a power failure can undo the last moments but corrupts nothing. A sign-in that was
// remembered as used in such a moment is then forgotten; the flow's lifetime bounds what that is worth to anyone.
func Open(ctx context.Context, file string, c sqlstore.Config) (*sqlstore.Store, *sql.DB, error) {
	if file == "" || strings.Contains(file, ":memory:") {
		return nil, nil, errors.New("sqlite: a file is required: package memory keeps things in memory")
	}
	if err := makeFile(file); err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("sqlite", DSN(file))
	if err != nil {
		return nil, nil, err
	}
	store, err := New(ctx, db, c)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db, nil
}

// makeFile makes the file, if there is none, for its owner alone: SQLite would let all users of the machine read who signs in. Its other files get the same mode.
func makeFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return f.Close()
}

// DSN returns the data source name that Open uses, for sql.Open("sqlite", …).
func DSN(file string) string {
	query := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(ON)"}, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: query.Encode()}).String()
}

// New returns a Store in the host's own database. Its connections need a busy_timeout, best by the pragmas of DSN.
func New(ctx context.Context, db *sql.DB, c sqlstore.Config) (*sqlstore.Store, error) {
	var version string
	var timeout int
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&timeout); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if timeout == 0 {
		return nil, errors.New("sqlite: the database has no busy_timeout: a second process that writes would make sign-ins fail; see DSN")
	}
	if c.Schema != "" {
		return nil, errors.New("sqlite: there are no schemas: use Config.Prefix")
	}
	return sqlstore.New(db, engine(), c)
}

func engine() sqlstore.Engine {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		files = migrations // never: the folder is embedded
	}
	return sqlstore.Engine{
		Name: "sqlite", Migrations: files, OneWriter: true, Returning: true, Single: true,
		Upsert:   func(key string) string { return " ON CONFLICT (" + key + ") DO UPDATE SET " },
		Excluded: func(column string) string { return "excluded." + column },
		Ignore:   " ON CONFLICT DO NOTHING",
		Taken: func(err error) bool {
			code := code(err)
			return code == codes.SQLITE_CONSTRAINT_UNIQUE || code == codes.SQLITE_CONSTRAINT_PRIMARYKEY
		},
		Again:  func(err error) bool { return code(err)&0xff == codes.SQLITE_BUSY }, // busy_timeout was not enough: nobody queues fairly for the file
		Locked: locked,
	}
}

// code returns the extended result code (https://www.sqlite.org/rescode.html), 0 for other errors.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// locked runs f in a transaction that no other process can write beside.
func locked(ctx context.Context, conn *sql.Conn, _ string, f func() error) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := f(); err != nil {
		_, back := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, back)
	}
	_, err := conn.ExecContext(ctx, "COMMIT")
	return err
}
