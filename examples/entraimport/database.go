package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
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
func open(ctx context.Context, o *options) (*database, error) {
	more, err := readConnections(ctx, o.connections)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.db); o.dryRun && !isPostgres(o.db) && errors.Is(err, fs.ErrNotExist) { //nolint:gosec // the operator names the file
		return &database{users: memory.NewUsers(), connections: more}, nil
	}
	store, db, err := openStore(ctx, o.db)
	if err != nil {
		return nil, err
	}
	d := &database{users: store.Users(), connections: both{store.Connections(), more}, db: db}
	if o.dryRun {
		err = store.Check(ctx)
	} else if err = store.Migrate(ctx); err == nil {
		err = d.makeTables(ctx)
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

func openStore(ctx context.Context, name string) (store *sqlstore.Store, db *sql.DB, err error) {
	if isPostgres(name) {
		store, db, err = postgres.Open(ctx, name, sqlstore.Config{})
	} else {
		store, db, err = sqlite.Open(ctx, name, sqlstore.Config{})
	}
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return store, db, nil
}

// maxConns is as many as bulk looks up at once.
const maxConns = 8

func (d *database) close() {
	if d.db != nil {
		_ = d.db.Close() // everything is committed
	}
}

// readConnections reads connections from a file into memory. Whoever runs the command is the environment, so their home realm domains are proven, and
// the tenant is pinned where the file names its id.
func readConnections(ctx context.Context, file string) (*memory.Connections, error) {
	list := memory.NewConnections()
	if file == "" {
		return list, nil
	}
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	var all []*entra.Connection
	if json.Unmarshal(data, &all) != nil {
		var page struct{ Connections []*entra.Connection }
		if err := json.Unmarshal(data, &page); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = page.Connections
	}
	for _, c := range all {
		if c.ID == "" {
			return nil, fmt.Errorf("%s: connection %q has no id: it is the one that your server knows it by", file, c.Name)
		}
		for _, domain := range c.Domains() {
			c.DomainProofs = append(c.DomainProofs, entra.DomainProof{Domain: domain, State: entra.DomainProven, By: entra.ProofByEnvironment, At: time.Now().UTC()})
		}
		c.Version = ""
		if c.TenantID == "" && cloud.IsGUID(c.EntraDomain) { // a domain is resolved when the server saves the connection
			c.TenantID = strings.ToLower(c.EntraDomain)
		}
		if _, err := list.Put(ctx, c); err != nil {
			return nil, fmt.Errorf("%s: connection %q: %w", file, c.Name, err)
		}
	}
	return list, nil
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
