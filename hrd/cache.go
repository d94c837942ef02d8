package hrd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// CacheConfig of a Cache.
type CacheConfig struct {
	Directory Directory        // required
	Size      int              // answers kept at most; 0: 10,000
	TTL       time.Duration    // how long an answer is kept; 0: one minute
	Timeout   time.Duration    // of one question to Directory; 0: ten seconds
	Now       func() time.Time // nil: time.Now
}

// Cache is a Directory that keeps the answers of another one, found or not, for a while: so long, at most, a changed
// connection may take to route. Errors are not kept. It is safe for concurrent use.
//
// However many callers ask for a domain at once, Directory is asked once; that question belongs to none of them, so it goes
// on, up to Timeout, when one gives up.
type Cache struct {
	config CacheConfig
	flight singleflight.Group

	mu      sync.Mutex
	answers map[string]*answer
	recent  answer // a ring: next is what was asked for last, prev what was not for longest
	epoch   uint64 // counts Forget; an answer that was on its way meanwhile is not kept
}

type answer struct {
	domain, connection string
	found              bool
	until              time.Time
	prev, next         *answer
}

// NewCache returns a Cache.
func NewCache(c CacheConfig) *Cache {
	if c.Size <= 0 {
		c.Size = 10_000
	}
	if c.TTL <= 0 {
		c.TTL = time.Minute
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	cache := &Cache{config: c, answers: map[string]*answer{}}
	cache.recent.prev, cache.recent.next = &cache.recent, &cache.recent
	return cache
}

// Cached keeps at most size answers of d for at most ttl, found or not; errors are not kept. It is short for [NewCache].
func Cached(d Directory, size int, ttl time.Duration) Directory {
	return NewCache(CacheConfig{Directory: d, Size: size, TTL: ttl})
}

// HomeRealm implements Directory.
func (c *Cache) HomeRealm(ctx context.Context, domain string) (connectionID string, found bool, err error) {
	if a, ok := c.kept(domain); ok {
		return a.connection, a.found, nil
	}
	epoch, asked := c.start()
	key := strconv.FormatUint(epoch, 10) + " " + domain // nobody joins a question that was asked before a Forget
	done := c.flight.DoChan(key, func() (any, error) { return c.load(context.WithoutCancel(ctx), domain, epoch, asked) })
	select {
	case <-ctx.Done():
		return "", false, ctx.Err()
	case r := <-done:
		if r.Err != nil {
			return "", false, r.Err
		}
		a, ok := r.Val.(*answer)
		if !ok {
			return "", false, errors.New("hrd: directory was left without an answer") // runtime.Goexit in the host's code
		}
		return a.connection, a.found, nil
	}
}

// Forget drops what is kept of these domains (without any: everything), so that the next question is asked anew.
func (c *Cache) Forget(domains ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	if len(domains) == 0 {
		clear(c.answers)
		c.recent.prev, c.recent.next = &c.recent, &c.recent
		return
	}
	for _, domain := range domains {
		c.drop(c.answers[domain])
	}
}

func (c *Cache) kept(domain string) (*answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.answers[domain]
	if a == nil {
		return nil, false
	}
	c.drop(a)
	if !c.config.Now().Before(a.until) {
		return nil, false
	}
	c.add(a)
	return a, true
}

// load asks the directory. It runs in a goroutine of its own, where a panic of the host's code would end the process.
func (c *Cache) load(ctx context.Context, domain string, epoch uint64, asked time.Time) (a *answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			a, err = nil, fmt.Errorf("hrd: directory panicked: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	connection, found, err := c.config.Directory.HomeRealm(ctx, domain)
	if err != nil {
		return nil, err
	}
	a = &answer{domain: domain, connection: connection, found: found, until: asked.Add(c.config.TTL)}
	c.keep(a, epoch)
	return a, nil
}

// start returns the time before the question: an answer is as old as its question.
func (c *Cache) start() (epoch uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch, c.config.Now()
}

func (c *Cache) keep(a *answer, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		return
	}
	c.drop(c.answers[a.domain])
	c.add(a)
	if len(c.answers) > c.config.Size {
		c.drop(c.recent.prev)
	}
}

func (c *Cache) add(a *answer) {
	a.prev, a.next = &c.recent, c.recent.next
	a.prev.next, a.next.prev = a, a
	c.answers[a.domain] = a
}

func (c *Cache) drop(a *answer) {
	if a == nil {
		return
	}
	a.prev.next, a.next.prev = a.next, a.prev
	delete(c.answers, a.domain)
}
