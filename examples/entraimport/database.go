package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/postgres"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// database is where people go, and what else the command keeps there.
type database struct {
	users       provisioning.UserStore
	connections entra.ConnectionStore
	db          *sql.DB // nil in a dry run without a database
}

// connectionStore is a store that finds connections by their names too.
type connectionStore interface {
	entra.ConnectionStore
	entra.ConnectionLister
}

// open opens the database. A dry run makes none, and no tables either.
func open(ctx context.Context, o *options, stdout, stderr io.Writer) (*database, error) {
	more, err := readConnections(ctx, o.connections)
	if err != nil {
		return nil, err
	}
	keys, err := readKey(o.key)
	if err != nil {
		return nil, err
	}
	adds := adding{sealed: keys != nil, dryRun: o.dryRun, stdout: stdout, stderr: stderr}
	if _, missing := os.Stat(o.db); o.dryRun && !isPostgres(o.db) && errors.Is(missing, fs.ErrNotExist) { //nolint:gosec // the operator names the file
		if adds.to.Store = memory.NewConnections(); o.add {
			err = adds.run(ctx, more)
		}
		return &database{users: memory.NewUsers(), connections: more}, err
	}
	store, db, err := openStore(ctx, o.db, sqlstore.Config{Sealer: keys})
	if err != nil {
		return nil, err
	}
	d := &database{users: store.Users(), connections: both{store.Connections(), more}, db: db}
	if o.dryRun {
		err = store.Check(ctx)
	} else if err = store.Migrate(ctx); err == nil {
		err = d.makeTables(ctx)
	}
	if adds.to.Store = store.Connections(); err == nil && o.add {
		err = adds.run(ctx, more)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// isPostgres tells the address of a PostgreSQL database from the name of a file.
func isPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") || strings.HasPrefix(name, "host=")
}

func openStore(ctx context.Context, name string, c sqlstore.Config) (store *sqlstore.Store, db *sql.DB, err error) {
	if isPostgres(name) {
		return postgres.Open(ctx, name, c)
	}
	if store, db, err = sqlite.Open(ctx, name, c); err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1) // what is set now is the connection's
	if _, err := db.ExecContext(ctx, forImport); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db, nil
}

// forImport makes SQLite faster for one who writes very much: 16 MB of pages in memory, and a write-ahead log of 64 MB before it is brought into the file. The
// hashes by which people are found lie anywhere in the file, so that nearly every row changes other pages than the row before.
const forImport = "PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 16000"

func (d *database) close() {
	if d.db != nil {
		_ = d.db.Close() // everything is committed
	}
}

// both is two stores of connections as one; the first goes first.
type both struct{ first, second connectionStore }

func (b both) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	c, err := b.first.Connection(ctx, id)
	if errors.Is(err, entra.ErrNotFound) {
		return b.second.Connection(ctx, id)
	}
	return c, err
}

func (b both) HomeRealm(ctx context.Context, domain string) (string, bool, error) {
	id, found, err := b.first.HomeRealm(ctx, domain)
	if err != nil || found {
		return id, found, err
	}
	return b.second.HomeRealm(ctx, domain)
}

// Connections yields those of the second that the first does not have.
func (b both) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(yield func(*entra.Connection, error) bool) {
		for c, err := range b.first.Connections(ctx, f) {
			if !yield(c, err) || err != nil {
				return
			}
		}
		for c, err := range b.second.Connections(ctx, f) {
			if err == nil {
				if _, there := b.first.Connection(ctx, c.ID); there == nil {
					continue
				}
			}
			if !yield(c, err) {
				return
			}
		}
	}
}
