package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
)

// clock stands still until it is told to go on.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Now().UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()) }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// run runs the cache until the test ends, or until stop is called.
func run(t *testing.T, cache *sqlstore.Cache) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cache.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		}
	}
	t.Cleanup(stop)
	return stop
}

// routing is a connection with a proven domain.
func routing(id, name string) *entra.Connection {
	domain := name + ".example"
	return &entra.Connection{
		ID: id, Name: name, DisplayName: "first", Strategy: entra.OAuth2, HomeRealmDomains: []string{domain},
		DomainProofs: []entra.DomainProof{{Domain: domain, State: entra.DomainProven}},
	}
}

func put(t *testing.T, s *sqlstore.Store, c *entra.Connection) *entra.Connection {
	version, err := s.Connections().Put(t.Context(), c)
	require.NoError(t, err)
	next := c.Clone()
	next.Version = version
	return next
}

func shown(t *testing.T, s entra.ConnectionStore, id string) string {
	c, err := s.Connection(t.Context(), id)
	require.NoError(t, err)
	return c.DisplayName
}

// warm waits until the cache answers without the database: until it is confirmed, that is, and then holds what is asked for.
func warm(t *testing.T, cache *sqlstore.Cache, r *recorder, id string) {
	require.Eventually(t, func() bool {
		before := r.reads()
		_, err := cache.Connection(t.Context(), id)
		return err == nil && r.reads() == before
	}, time.Minute, time.Millisecond)
}

// TestCache: one machine changes connections, another one's cache sees it, and asks the database for nothing in between.
func TestCache(t *testing.T) {
	onEachWatched(t, func(t *testing.T, e engine, db, heard *sql.DB, r *recorder) {
		put(t, e.store(t, db, sqlstore.Config{Environment: "another"}), routing("con_1", "contoso")) // it has a feed of its own
		c := sqlstore.Config{Environment: "this"}
		here, there := e.store(t, heard, c), e.store(t, db, c)
		cache := here.Cache()
		run(t, cache)
		con := put(t, there, routing("con_1", "contoso"))
		warm(t, cache, r, "con_1")

		con.DisplayName = "second"
		con = put(t, there, con)
		require.Eventually(t, func() bool { return shown(t, cache, "con_1") == "second" }, time.Minute, time.Millisecond)

		id, found, err := cache.HomeRealm(t.Context(), "contoso.example")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, "con_1", id)
		_, found, err = cache.HomeRealm(t.Context(), "fabrikam.example")
		require.NoError(t, err)
		require.False(t, found)
		put(t, there, routing("con_2", "fabrikam"))
		require.Eventually(t, func() bool {
			id, found, err := cache.HomeRealm(t.Context(), "fabrikam.example")
			return err == nil && found && id == "con_2"
		}, time.Minute, time.Millisecond, "a domain that led nowhere leads somewhere now")

		require.NoError(t, there.Connections().Delete(t.Context(), "con_1", con.Version))
		require.Eventually(t, func() bool {
			_, err := cache.Connection(t.Context(), "con_1")
			return err != nil
		}, time.Minute, time.Millisecond)
		require.ErrorContains(t, cache.Run(t.Context()), "running already")
	})
}

// TestCacheBound: when the feed is broken the cache says nothing that is older than Bound, and asks the database each time.
func TestCacheBound(t *testing.T) {
	onEachWatched(t, func(t *testing.T, e engine, db, heard *sql.DB, r *recorder) {
		c := newClock()
		here, there := e.store(t, heard, sqlstore.Config{Now: c.now}), e.store(t, db, sqlstore.Config{})
		cache := here.Cache()
		con := put(t, there, routing("con_1", "contoso"))
		for range 3 {
			shown(t, cache, "con_1")
		}
		require.Equal(t, 3, r.reads(), "nobody follows the feed yet")

		stop := run(t, cache)
		warm(t, cache, r, "con_1")
		_, _, err := cache.HomeRealm(t.Context(), "contoso.example")
		require.NoError(t, err)
		stop()
		con.DisplayName, con.DomainProofs[0].State = "second", entra.DomainLapsed
		put(t, there, con)

		c.advance(sqlstore.Bound - time.Microsecond)
		require.Equal(t, "first", shown(t, cache, "con_1"), "within the bound; else this test shows nothing")
		_, found, err := cache.HomeRealm(t.Context(), "contoso.example")
		require.NoError(t, err)
		require.True(t, found)

		c.advance(time.Microsecond)
		before := r.reads()
		for range 3 {
			require.Equal(t, "second", shown(t, cache, "con_1"))
		}
		require.GreaterOrEqual(t, r.reads()-before, 3) // one more where database/sql finds that the feed's end has closed a connection
		_, found, err = cache.HomeRealm(t.Context(), "contoso.example")
		require.NoError(t, err)
		require.False(t, found)
	})
}

// TestCacheOwnWrites: what this process writes, its caches see at once.
func TestCacheOwnWrites(t *testing.T) {
	onEachWatched(t, func(t *testing.T, e engine, db, heard *sql.DB, r *recorder) {
		s := e.store(t, heard, sqlstore.Config{})
		cache := s.Cache()
		run(t, cache)
		con := put(t, s, routing("con_1", "contoso"))
		for i := range 20 {
			warm(t, cache, r, "con_1")
			con.DisplayName = fmt.Sprint(i)
			con = put(t, s, con)
			require.Equal(t, con.DisplayName, shown(t, cache, "con_1"))
		}
		require.NoError(t, s.Connections().Delete(t.Context(), "con_1", ""))
		_, err := cache.Connection(t.Context(), "con_1")
		require.ErrorIs(t, err, entra.ErrNotFound)
	})
}

// TestCacheRace: whoever reads while somebody writes holds nothing that was true before the write.
func TestCacheRace(t *testing.T) {
	e := engines[0]
	s := e.store(t, e.open(t, e.empty(t)), sqlstore.Config{})
	cache := s.Cache()
	run(t, cache)
	con := put(t, s, routing("con_1", "contoso"))
	done := make(chan struct{})
	for range 4 {
		go func() {
			for {
				select {
				case <-done:
					return
				default:
					_, _ = cache.Connection(context.Background(), "con_1")
				}
			}
		}()
	}
	defer close(done)
	for i := range 200 {
		con.DisplayName = fmt.Sprint(i)
		con = put(t, s, con)
		require.Equal(t, con.DisplayName, shown(t, cache, "con_1"))
	}
}
