package lastgood_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/internal/lastgood"
)

// TestColdStart: whoever starts beside many tenants asks a host for no more than 32 documents at once, and the world for no more than 128.
func TestColdStart(t *testing.T) {
	for _, tt := range []struct{ keys, hosts, most, mostAtHost int }{{900, 1, 32, 32}, {3000, 100, 128, 128}, {20, 1, 20, 20}} {
		synctest.Test(t, func(t *testing.T) {
			var o outside
			var group sync.WaitGroup
			for i := range tt.keys {
				group.Go(func() {
					_, err := o.get(t.Context(), fmt.Sprint("host ", i%tt.hosts), strconv.Itoa(i))
					assert.NoError(t, err)
				})
			}
			group.Wait()
			require.Equal(t, tt.most, o.most)
			require.LessOrEqual(t, o.mostAtHost, tt.mostAtHost)
			require.LessOrEqual(t, o.mostAtHost, 32)
			require.Equal(t, tt.keys, o.cache.Len())
		})
	}
}

func (o *outside) running() (n int) {
	o.set(func() { n = o.now })
	return n
}

// saturate has a host that never answers take all the turns that one host may.
func (o *outside) saturate(t *testing.T, host string, n int) {
	t.Helper()
	o.set(func() { o.forever = host })
	for i := range n {
		go func() { _, _ = o.get(context.Background(), host, fmt.Sprint(host, " ", i)) }()
	}
	synctest.Wait()
	require.Equal(t, min(n, 32), o.running())
}

// TestSlowHostHoldsUpOnlyItsOwn documents.
func TestSlowHostHoldsUpOnlyItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		o.saturate(t, "slow", 100)
		begun := time.Now()
		_, err := o.get(t.Context(), "other", "k")
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(begun))
		<-time.After(2 * time.Minute) // all of them end by themselves
		require.Zero(t, o.running())
	})
}

// TestPatience: the turn that does not come is an error after half a minute, and no failure that is remembered.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		o.saturate(t, "slow", 64) // 32 now, 32 in 20 seconds
		begun := time.Now()
		_, err := o.get(t.Context(), "slow", "late")
		require.ErrorIs(t, err, lastgood.ErrBusy)
		require.ErrorIs(t, err, lastgood.ErrWaiting)
		require.Equal(t, 30*time.Second, time.Since(begun))
		require.Equal(t, 64, o.cache.Len(), "nothing is known of it")
		<-time.After(time.Minute)
		o.set(func() { o.forever = "" })
		_, err = o.get(t.Context(), "slow", "late")
		require.NoError(t, err)
	})
}

// TestQueueIsBounded: past its end nobody waits.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		_, err := o.get(t.Context(), "slow", "known")
		require.NoError(t, err)
		<-time.After(lastgood.RefreshAfter)
		o.saturate(t, "slow", 32+4096)
		for range 2 {
			_, err = o.get(t.Context(), "slow", "one too many")
			require.ErrorIs(t, err, lastgood.ErrBusy)
		}
		require.Equal(t, 1+32+4096, o.cache.Len())
		_, err = o.get(t.Context(), "slow", "known")
		require.NoError(t, err, "who has a good copy does not notice")
		_, err = o.cache.Renew(t.Context(), o.source("slow", "known"), nil)
		require.NoError(t, err)
		seen, err := o.cache.Get(t.Context(), o.source("slow", "known"))
		require.NoError(t, err)
		_, err = o.cache.Renew(t.Context(), o.source("slow", "known"), seen)
		require.ErrorIs(t, err, lastgood.ErrBusy)
		_, err = o.get(t.Context(), "other", "k")
		require.NoError(t, err)
		<-time.After(2 * time.Minute)
	})
}

// TestGoodCopyWaitsForNoTurn: an old one serves while its refresh waits, and the refresh comes.
func TestGoodCopyWaitsForNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		_, err := o.get(t.Context(), "slow", "k")
		require.NoError(t, err)
		<-time.After(lastgood.RefreshAfter)
		o.saturate(t, "slow", 32)
		begun := time.Now()
		for range 3 {
			got, err := o.get(t.Context(), "slow", "k")
			require.NoError(t, err)
			require.Equal(t, 1, got)
		}
		require.Zero(t, time.Since(begun))
		o.set(func() { o.forever = "" })
		<-time.After(22 * time.Second) // the others' timeout, and its own second
		got, err := o.get(t.Context(), "slow", "k")
		require.NoError(t, err)
		require.Equal(t, 2, got)
	})
}

// TestWhoLeavesTheQueue takes no turn, once nobody else waits for the same.
func TestWhoLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		o.saturate(t, "slow", 32)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		leaving := func(key string) {
			group.Go(func() {
				_, err := o.get(ctx, "slow", key)
				assert.ErrorIs(t, err, context.Canceled)
				assert.ErrorIs(t, err, lastgood.ErrWaiting)
			})
		}
		leaving("left")
		leaving("left")
		leaving("shared")
		synctest.Wait()
		group.Go(func() {
			_, err := o.get(t.Context(), "slow", "shared")
			assert.NoError(t, err)
		})
		synctest.Wait()
		cancel()
		o.set(func() { o.forever = "" })
		group.Wait()
		<-time.After(time.Minute)
		require.Zero(t, o.count("left"))
		require.Equal(t, 1, o.count("shared"))
		_, err := o.get(t.Context(), "slow", "left")
		require.NoError(t, err, "its leaving is nobody's failure")
	})
}

// TestGivenUpRenewalCountsForNothing: who asks next for what the copy lacks does not wait five minutes for it.
func TestGivenUpRenewalCountsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		s := o.source("slow", "k")
		seen, err := o.cache.Get(t.Context(), s)
		require.NoError(t, err)
		o.saturate(t, "slow", 32)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = o.cache.Renew(ctx, s, seen)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		o.set(func() { o.forever = "" })
		newer, err := o.cache.Renew(t.Context(), s, seen)
		require.NoError(t, err)
		require.Equal(t, 2, *newer)
		again, err := o.cache.Renew(t.Context(), s, newer)
		require.NoError(t, err)
		require.Same(t, newer, again)
	})
}

// TestWhoGoesAwayTakesNothing: a fetch that has begun goes on for the others.
func TestWhoGoesAwayTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = o.get(ctx, "a", "k") }()
		synctest.Wait()
		cancel()
		got, err := o.get(t.Context(), "a", "k")
		require.NoError(t, err)
		require.Equal(t, 1, got)
	})
}
