package graph

import (
	"container/list"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
)

// maxKept bounds what a cache holds, in groups and properties: some 30 MB.
const maxKept = 200_000

// answerKey is whose answer it is, and to what. An answer is only ever kept after it was checked to be about this very person.
type answerKey struct{ graph, tenant, app, user, question string }

func (as Caller) key(method string, query any) answerKey {
	return answerKey{as.Cloud.Graph, strings.ToLower(as.Tenant), strings.ToLower(as.App), strings.ToLower(as.User), fmt.Sprintf("%s %v %+v", method, as.Me, query)}
}

type answer struct {
	groups  []claims.Group
	profile map[string]any
}

func (a answer) weight() int { return 1 + len(a.groups) + len(a.profile) }

// cache keeps answers for a short time, the newest. The zero value keeps nothing.
type cache struct {
	keep time.Duration

	mu    sync.Mutex
	kept  map[answerKey]*list.Element
	order list.List // of *cached, oldest first
	held  int
}

type cached struct {
	key   answerKey
	at    time.Time
	value answer
}

// get returns an answer that is young enough. What it holds is the cache's: callers copy.
func (c *cache) get(key answerKey, clock func() time.Time) (answer, bool) {
	if c.keep <= 0 {
		return answer{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.kept[key]
	if e == nil {
		return answer{}, false
	}
	one := of(e)
	// The clock is read under the lock, so that what somebody else has just kept does not seem to be of the future.
	if age := clock().Sub(one.at); age < 0 || age >= c.keep { // of the future is of no known age
		c.drop(e)
		return answer{}, false
	}
	return one.value, true
}

func (c *cache) put(key answerKey, value answer, clock func() time.Time) {
	if c.keep <= 0 || value.weight() > maxKept {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := clock()
	if c.kept == nil {
		c.kept = map[answerKey]*list.Element{}
	}
	if e := c.kept[key]; e != nil {
		c.drop(e)
	}
	c.kept[key] = c.order.PushBack(&cached{key, now, value})
	c.held += value.weight()
	for oldest := c.order.Front(); c.held > maxKept || now.Sub(of(oldest).at) >= c.keep; oldest = c.order.Front() {
		c.drop(oldest)
	}
}

func (c *cache) drop(e *list.Element) {
	one := of(e)
	c.order.Remove(e)
	delete(c.kept, one.key)
	c.held -= one.value.weight()
}

// of is what the order holds, and nothing else is put into it.
func of(e *list.Element) *cached { return e.Value.(*cached) } //nolint:forcetypeassert // see above
