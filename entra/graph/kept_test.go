package graph_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/graph"
)

// Answers are kept by person and question, for their time, and each caller has a copy.
func TestCache(t *testing.T) {
	now := time.Unix(1800000000, 0)
	n := 3
	f := &fake{bearers: map[string]int{}}
	f.answer = func(r *http.Request, body string) *http.Response {
		if strings.HasPrefix(r.URL.Path, "/v1.0/users/"+bob) { // bob is in none
			return reply(200, `{"value":[]}`)
		}
		return directory(n, nil)(r, body)
	}
	c := graph.New(graph.Config{HTTPClient: &http.Client{Transport: f}, Now: func() time.Time { return now }, CacheFor: time.Minute})
	ask := func(as graph.Caller, q graph.GroupQuery) int {
		got, err := c.Groups(t.Context(), as, q)
		require.NoError(t, err)
		defer clear(got) // nobody else's
		for _, g := range got {
			require.NotEmpty(t, g.ID)
		}
		return len(got)
	}
	require.Equal(t, 3, ask(asApp(), graph.GroupQuery{}))
	n = 2
	require.Equal(t, 3, ask(asApp(), graph.GroupQuery{}))
	require.Equal(t, 2, ask(asApp(), graph.GroupQuery{Names: true}), "another question")
	require.Equal(t, 2, ask(asMe(), graph.GroupQuery{}), "other permissions")
	other := asApp()
	other.User = bob
	require.Equal(t, 0, ask(other, graph.GroupQuery{}))
	abroad := asApp()
	abroad.Tenant = bob
	require.Equal(t, 2, ask(abroad, graph.GroupQuery{}), "another tenant's")
	another := asApp()
	another.App = bob
	require.Equal(t, 2, ask(another, graph.GroupQuery{}), "another application may read something else")
	now = now.Add(time.Minute)
	require.Equal(t, 2, ask(asApp(), graph.GroupQuery{}))
	n = 1
	now = now.Add(-time.Hour)
	require.Equal(t, 1, ask(asApp(), graph.GroupQuery{}), "kept in the future")

	f.answer = func(*http.Request, string) *http.Response {
		return reply(200, `{"id":"`+ann+`","businessPhones":["1"]}`)
	}
	for range 2 {
		profile, err := c.Profile(t.Context(), asApp(), nil)
		require.NoError(t, err)
		phones := profile["businessPhones"].([]any)
		require.Equal(t, "1", phones[0])
		phones[0] = "changed"
	}
	before := len(f.requests)
	f.answer = func(*http.Request, string) *http.Response { return reply(403, `{}`) }
	now = now.Add(time.Hour)
	for range 2 {
		_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
		require.Error(t, err)
	}
	assert.Len(t, f.requests, before+4, "what failed is not kept")
}

// Whoever was held up between looking at the clock and looking at what is kept does not take what somebody else has kept meanwhile for an answer of the future.
func TestClockGoesOnDuringQuestions(t *testing.T) {
	var ticks atomic.Int64
	for range 200 {
		f := &fake{bearers: map[string]int{}, answer: directory(3, nil)}
		c := graph.New(graph.Config{HTTPClient: &http.Client{Transport: f}, CacheFor: time.Minute, Now: func() time.Time {
			now := time.Unix(1800000000, ticks.Add(1))
			runtime.Gosched() // held up
			return now
		}})
		ask := func(ctx context.Context) bool {
			asked := false
			as := asApp()
			as.Token = func(ctx context.Context) (string, error) {
				asked = true
				return token(ctx)
			}
			_, err := c.Groups(ctx, as, graph.GroupQuery{})
			return assert.NoError(t, err) && asked
		}
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				ask(t.Context())
				assert.False(t, ask(t.Context()), "the answer was kept, and is asked for again")
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
	}
}

// One tenant's crowd waits for its turn; another tenant's people do not wait for them.
func TestTurnsOfATenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var working, most atomic.Int32
		slow := func(ctx context.Context) (string, error) {
			most.Store(max(most.Load(), working.Add(1)))
			defer working.Add(-1)
			<-time.After(time.Second)
			return "", errors.New("enough seen")
		}
		c := graph.New(graph.Config{PerTenant: 3, HTTPClient: &http.Client{}, Timeout: 3500 * time.Millisecond})
		as := asApp()
		as.Token = slow
		var all sync.WaitGroup
		var late atomic.Int32
		for range 12 {
			all.Go(func() {
				_, err := c.Groups(t.Context(), as, graph.GroupQuery{})
				if errors.Is(err, context.DeadlineExceeded) {
					late.Add(1)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		elsewhere := as
		elsewhere.Tenant = bob
		_, err := c.Groups(t.Context(), elsewhere, graph.GroupQuery{})
		require.Error(t, err)
		assert.Equal(t, time.Second, time.Since(begun))
		all.Wait()
		assert.EqualValues(t, 4, most.Load(), "three, and the other tenant's")
		assert.EqualValues(t, 0, late.Load())
		for range 13 {
			all.Go(func() {
				if _, err := c.Groups(t.Context(), as, graph.GroupQuery{}); errors.Is(err, context.DeadlineExceeded) {
					late.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, late.Load(), "waiting ends with the call's time")
	})
}
