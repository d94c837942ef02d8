package lastgood_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/internal/lastgood"
)

// TestClockGoesOnDuringCalls: whoever was held up between looking at the clock and looking at the copy does not take what others fetched
// meanwhile for something from the future.
func TestClockGoesOnDuringCalls(t *testing.T) {
	var ticks, fetched atomic.Int64
	s := lastgood.Source[string, int]{
		Key: "k", Host: "a", Timeout: time.Minute,
		Now: func() time.Time {
			now := time.Unix(0, ticks.Add(1))
			runtime.Gosched() // held up
			return now
		},
		Fetch: func(context.Context) (*int, time.Time, error) {
			n := int(fetched.Add(1))
			return &n, time.Time{}, nil
		},
	}
	for range 500 {
		var cache lastgood.Cache[string, int]
		first, err := cache.Get(t.Context(), s)
		require.NoError(t, err)
		before := fetched.Load()
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				_, err := cache.Renew(t.Context(), s, first)
				assert.NoError(t, err)
			})
			group.Go(func() {
				_, err := cache.Get(t.Context(), s)
				assert.NoError(t, err)
			})
		}
		group.Wait()
		require.EqualValues(t, 1, fetched.Load()-before, "fetches for what a copy lacks")
	}
}

// TestPanicOfAFetch is a failure like any other, for all who wait, and takes no turn for good.
func TestPanicOfAFetch(t *testing.T) {
	var cache lastgood.Cache[string, int]
	s := lastgood.Source[string, int]{
		Key: "k", Host: "a", Timeout: time.Minute, Now: time.Now,
		Fetch: func(context.Context) (*int, time.Time, error) { panic("of a parser") },
	}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			s := s
			s.Key = strconv.Itoa(i)
			for range 2 { // the second is the first one's failure, repeated
				_, err := cache.Get(t.Context(), s)
				assert.ErrorContains(t, err, "panic of type string while fetching from a")
			}
		})
	}
	group.Wait()
	s.Fetch = func(context.Context) (*int, time.Time, error) { return new(int), time.Time{}, nil }
	_, err := cache.Get(t.Context(), s)
	require.NoError(t, err)
}
