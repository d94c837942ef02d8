package sqlstore

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Bound is how long a Cache may say of a connection what is not true any more, whatever happens: a change that any machine has made is
// seen by all of them within this time, also while the feed is broken.
const Bound = time.Second

// cacheSize is how many connections, and how many domains, a Cache holds at most. Domains are what strangers type, so the number of those that lead nowhere
// has no other end.
const cacheSize = 10_000

// Cache is an entra.ConnectionStore and ConnectionLister that holds connections and answers of home realm discovery in memory, so that a sign-in asks the database for neither.
// Run keeps it true; while Run is not running, or cannot reach the database, a Cache asks the database each time.
//
// A Registrar works on Store.Connections, which is never behind. What this process writes there, its Caches see at once.
type Cache struct {
	store   *Store
	running atomic.Bool

	mu          sync.Mutex
	confirmed   time.Time // all that is held was true at this time, or later
	number      int64     // of the feed, at that time
	written     uint64    // Store.written, at the last look
	generation  uint64    // changes whenever everything is dropped: what was read before is not kept after
	connections map[string]*entra.Connection
	realms      map[string]string // domain → connection id, "": nobody's
}

var (
	_ entra.ConnectionStore  = (*Cache)(nil)
	_ entra.ConnectionLister = (*Cache)(nil)
)

// Cache returns a new, empty Cache.
func (s *Store) Cache() *Cache { return &Cache{store: s, number: -1} }

// Connection implements entra.ConnectionStore.
func (c *Cache) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	held, found, generation := look(c, func() map[string]*entra.Connection { return c.connections }, id)
	if found {
		return held, nil
	}
	read, err := c.store.Connections().Connection(ctx, id)
	if err == nil {
		c.keep(generation, func() { hold(c.connections, id, read) })
	}
	return read, err
}

// HomeRealm implements hrd.Directory.
func (c *Cache) HomeRealm(ctx context.Context, domain string) (connectionID string, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	held, found, generation := look(c, func() map[string]string { return c.realms }, domain)
	if found {
		return held, held != "", nil
	}
	connectionID, found, err = c.store.Connections().HomeRealm(ctx, domain)
	if err == nil && possible(domain) {
		c.keep(generation, func() { hold(c.realms, domain, connectionID) })
	}
	return connectionID, found, err
}

// Connections implements entra.ConnectionLister. A listing is always the database's: nothing of it is held.
func (c *Cache) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	return c.store.Connections().Connections(ctx, f)
}

// look returns what is held, if it may still be said, and the generation for what is read instead.
func look[V any](c *Cache, in func() map[string]V, key string) (held V, found bool, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if written := c.store.written.Load(); written != c.written {
		c.written = written
		c.drop()
	}
	if c.fresh() {
		held, found = in()[key]
	}
	return held, found, c.generation
}

// fresh reports whether what is held was true less than Bound ago. The caller holds the lock.
func (c *Cache) fresh() bool {
	return !c.confirmed.IsZero() && c.store.config.Now().Sub(c.confirmed) < Bound
}

// keep stores what was read, unless something has changed since the reading began, or nobody would say so.
func (c *Cache) keep(generation uint64, store func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation == generation && c.fresh() {
		store()
	}
}

// hold adds an entry, in the place of any other one when there are too many.
func hold[V any](m map[string]V, key string, value V) {
	if len(m) >= cacheSize {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[key] = value
}

// drop forgets everything. The caller holds the lock.
func (c *Cache) drop() {
	c.generation++
	c.connections, c.realms = map[string]*entra.Connection{}, map[string]string{}
}

// confirm says that the feed had this number at a moment after at.
func (c *Cache) confirm(number int64, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number != c.number || c.connections == nil {
		c.number = number
		c.drop()
	}
	c.confirmed = at
}
