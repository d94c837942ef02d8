package postgres_test

import (
	"context"
	"database/sql"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/postgres"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// network is between a machine and its database. It counts what the machine reads of connections.
type network struct {
	epoch atomic.Int64 // connections of an earlier one are dead, and nobody tells
	down  atomic.Bool  // new ones are, too
	reads atomic.Int64
}

func (n *network) open(t *testing.T, address string) *sql.DB {
	config, err := pgx.ParseConfig(address)
	require.NoError(t, err)
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &cable{conn, n, n.epoch.Load()}, err
	}
	config.Tracer = n
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TraceQueryStart implements pgx.QueryTracer.
func (n *network) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "tenantdoor_connections") {
		n.reads.Add(1)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (n *network) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// fail makes every connection a dead one: what is sent is lost, and nothing comes back, not even that it was cut.
func (n *network) fail() {
	n.down.Store(true)
	n.epoch.Add(1)
}

// mend lets new connections through.
func (n *network) mend() { n.down.Store(false) }

// cable is a connection through the network.
type cable struct {
	net.Conn
	n     *network
	epoch int64
}

func (c *cable) dead() bool { return c.epoch != c.n.epoch.Load() || c.n.down.Load() }

func (c *cable) Write(b []byte) (int, error) {
	if c.dead() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *cable) Read(b []byte) (int, error) {
	for {
		if n, err := c.Conn.Read(b); err != nil || !c.dead() {
			return n, err
		}
	}
}

// follower is a machine with a cache that runs, and a network of its own; another machine changes the one connection there is.
type follower struct {
	t     *testing.T
	net   *network
	cache *sqlstore.Cache
	there *sqlstore.Store
	db    *sql.DB // the other machine's
	con   *entra.Connection
}

func newFollower(t *testing.T) *follower {
	f := &follower{t: t, net: &network{}, con: &entra.Connection{ID: "con_1", Name: "contoso", Strategy: entra.OAuth2}}
	address := testservers.Postgres(t).Database(t)
	var err error
	f.there, f.db, err = postgres.Open(t.Context(), address, sqlstore.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.db.Close() })
	require.NoError(t, f.there.Migrate(t.Context()))
	here, err := postgres.New(t.Context(), f.net.open(t, address), sqlstore.Config{})
	require.NoError(t, err)
	f.put("first")
	f.cache = here.Cache()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.cache.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	f.follows("first")
	return f
}

func (f *follower) put(name string) {
	f.con.DisplayName = name
	version, err := f.there.Connections().Put(f.t.Context(), f.con)
	require.NoError(f.t, err)
	f.con.Version = version
}

// show asks the cache, as somebody who does not wait for longer.
func (f *follower) show(patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	c, err := f.cache.Connection(ctx, "con_1")
	if err != nil {
		return "", err
	}
	return c.DisplayName, nil
}

// follows waits until the cache shows a name, and does so without asking the database.
func (f *follower) follows(name string) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		before := f.net.reads.Load()
		shown, err := f.show(time.Second) // a busy machine needs its time to connect
		return err == nil && shown == name && f.net.reads.Load() == before
	}, time.Minute, time.Millisecond)
}

// TestCut: the connections are cut, and the feed is followed on new ones.
func TestCut(t *testing.T) {
	f := newFollower(t)
	var cut int
	require.NoError(t, f.db.QueryRowContext(t.Context(),
		"SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&cut))
	require.Positive(t, cut)
	f.put("second")
	f.follows("second")
}

// TestSilence: the network goes dead without a word. Once the bound has passed the cache says nothing rather than what may be old; when there is a network again
// it follows the feed again, and does not wait for connections that are dead.
func TestSilence(t *testing.T) {
	f := newFollower(t)
	f.net.fail()
	f.put("second")
	<-time.After(sqlstore.Bound) // since the network went dead nothing was heard, so it has passed
	for range 50 {
		_, err := f.show(20 * time.Millisecond)
		require.Error(t, err)
	}
	f.net.mend()
	f.follows("second")
	f.put("third")
	f.follows("third")
}
