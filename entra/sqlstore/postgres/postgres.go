// Package postgres makes a sqlstore.Store in a PostgreSQL database, from version 12, with the driver github.com/jackc/pgx/v5.
//
// The database is the one that is written to, not a replica: what was used once must not be accepted by a machine that reads an older state. Behind
// a pooler that gives each transaction another connection (PgBouncer), LISTEN hears nothing: changed connections are then found by asking, within the
// same second.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open connects to a database: a URL or DSN as pgx reads it. The caller closes the database after the Store's last use.
func Open(ctx context.Context, address string, c sqlstore.Config) (*sqlstore.Store, *sql.DB, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err) // pgx leaves the password out
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	db.SetConnMaxIdleTime(5 * time.Minute)
	store, err := New(ctx, db, c)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db, nil
}

// New returns a Store in the host's own database. It is one of pgx's: sql.Open("pgx", …), stdlib.OpenDB or stdlib.OpenDBFromPool. The context is not used yet.
func New(_ context.Context, db *sql.DB, c sqlstore.Config) (*sqlstore.Store, error) {
	if db != nil {
		if _, ok := db.Driver().(*stdlib.Driver); !ok {
			return nil, fmt.Errorf("postgres: the database has driver %T: COPY and LISTEN need pgx", db.Driver())
		}
	}
	return sqlstore.New(db, engine(), c)
}

// bulk is for tables that grow faster than their statistics: a plan that was made for an empty table reads all of it for each step of an import.
const bulk = "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true)"

func engine() sqlstore.Engine {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		files = migrations // never: the folder is embedded
	}
	return sqlstore.Engine{
		Name: "postgres", Migrations: files, Numbered: true, Isolation: sql.LevelReadCommitted, Returning: true,
		Upsert:   func(key string) string { return " ON CONFLICT (" + key + ") DO UPDATE SET " },
		Excluded: func(column string) string { return "excluded." + column },
		Ignore:   " ON CONFLICT DO NOTHING",
		Taken:    func(err error) bool { return code(err) == "23505" }, // unique_violation
		Again: func(err error) bool {
			c := code(err)
			return c == "40001" || c == "40P01" // serialization_failure, deadlock_detected
		},
		Among: among, Values: func(list []string) (any, error) { return list, nil },
		Locked: locked, Copy: copyRows, Bulk: bulk, Notify: "SELECT pg_notify(?, '')", Listen: listen,
	}
}

// among has OFFSET 0, so that the planner goes by the index for each value. It would take "= ANY" of a thousand values for most of the rows, and read all of them.
func among(columns, table, column string) string {
	return "SELECT f.* FROM unnest(?::text[]) AS asked (value) CROSS JOIN LATERAL (SELECT " + columns + " FROM " + table +
		" u WHERE u.environment = ? AND u." + column + " = asked.value OFFSET 0) AS f"
}

// code returns the SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// locked runs f in a transaction that holds an advisory lock for the name.
func locked(ctx context.Context, conn *sql.Conn, name string, f func() error) error {
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", name)
	if err == nil {
		err = f()
	}
	if err != nil {
		_, back := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, back)
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// raw hands the pgx connection under conn to f.
func raw(conn *sql.Conn, f func(*pgx.Conn) error) error {
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("postgres: the connection is a %T, not one of pgx", driverConn)
		}
		return f(c.Conn())
	})
}

func copyRows(ctx context.Context, conn *sql.Conn, schema, table string, columns []string, rows [][]any) error {
	name := pgx.Identifier{table}
	if schema != "" {
		name = pgx.Identifier{schema, table}
	}
	return raw(conn, func(c *pgx.Conn) error {
		_, err := c.CopyFrom(ctx, name, columns, pgx.CopyFromRows(rows))
		return err
	})
}

func listen(ctx context.Context, conn *sql.Conn, channel string) (func(context.Context) error, error) {
	if _, err := conn.ExecContext(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return raw(conn, func(c *pgx.Conn) error {
			_, err := c.WaitForNotification(ctx)
			if err != nil && ctx.Err() != nil && !c.IsClosed() {
				return nil
			}
			return err
		})
	}, nil
}
