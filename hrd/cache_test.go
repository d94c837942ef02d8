package hrd_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/hrd"
)

// directory counts questions and answers them by a function.
type directory struct {
	asked  atomic.Int64
	answer func(ctx context.Context, domain string) (string, bool, error)
}

func (d *directory) HomeRealm(ctx context.Context, domain string) (string, bool, error) {
	d.asked.Add(1)
	if d.answer == nil {
		return "conn-" + domain, domain != "nobody.example", nil
	}
	return d.answer(ctx, domain)
}

func TestCacheKeepsAnswersForItsTTL(t *testing.T) {
	now := time.Unix(1700000000, 0)
	d := &directory{}
	c := hrd.NewCache(hrd.CacheConfig{Directory: d, TTL: time.Minute, Now: func() time.Time { return now }})
	for range 3 {
		id, found, err := c.HomeRealm(t.Context(), "contoso.com")
		require.NoError(t, err)
		assert.True(t, found)
		assert.Equal(t, "conn-contoso.com", id)
		_, found, err = c.HomeRealm(t.Context(), "nobody.example")
		require.NoError(t, err)
		assert.False(t, found)
	}
	assert.EqualValues(t, 2, d.asked.Load(), "found or not")
	now = now.Add(time.Minute - 1)
	_, _, _ = c.HomeRealm(t.Context(), "contoso.com")
	assert.EqualValues(t, 2, d.asked.Load())
	now = now.Add(1)
	_, _, _ = c.HomeRealm(t.Context(), "contoso.com")
	assert.EqualValues(t, 3, d.asked.Load())
}

func TestCacheKeepsNoErrors(t *testing.T) {
	d := &directory{answer: func(context.Context, string) (string, bool, error) { return "x", true, errors.New("down") }}
	c := hrd.Cached(d, 10, time.Minute)
	for range 2 {
		id, found, err := c.HomeRealm(t.Context(), "contoso.com")
		require.EqualError(t, err, "down")
		assert.False(t, found)
		assert.Empty(t, id)
	}
	assert.EqualValues(t, 2, d.asked.Load())
}

func TestCacheIsBounded(t *testing.T) {
	d := &directory{}
	c := hrd.Cached(d, 3, time.Hour)
	ask := func(domain string) {
		_, _, err := c.HomeRealm(t.Context(), domain)
		require.NoError(t, err)
	}
	ask("first.example")
	for i := range 50 { // a flood of others does not push out what is in use
		ask(strconv.Itoa(i) + ".example")
		ask("first.example")
	}
	assert.EqualValues(t, 51, d.asked.Load())
	ask("0.example")
	assert.EqualValues(t, 52, d.asked.Load(), "pushed out long ago")
}

func TestCacheAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{answer: func(ctx context.Context, domain string) (string, bool, error) {
			<-time.After(time.Second) // of the bubble's clock
			return "c", true, ctx.Err()
		}}
		c := hrd.Cached(d, 10, time.Minute)
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := c.HomeRealm(impatient, "contoso.com")
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		for range 20 {
			wg.Go(func() {
				id, _, err := c.HomeRealm(t.Context(), "contoso.com")
				assert.NoError(t, err, "another caller's cancellation is not ours")
				assert.Equal(t, "c", id)
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		assert.EqualValues(t, 1, d.asked.Load())
	})
}

func TestCacheBoundsTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{answer: func(ctx context.Context, _ string) (string, bool, error) {
			<-ctx.Done()
			return "", false, ctx.Err()
		}}
		c := hrd.NewCache(hrd.CacheConfig{Directory: d, Timeout: time.Second})
		start := time.Now()
		_, _, err := c.HomeRealm(t.Context(), "contoso.com")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestCacheSurvivesAPanic(t *testing.T) {
	d := &directory{answer: func(context.Context, string) (string, bool, error) { panic("bug") }}
	_, found, err := hrd.Cached(d, 1, time.Minute).HomeRealm(t.Context(), "contoso.com")
	require.Error(t, err)
	assert.False(t, found)
}

func TestCacheForget(t *testing.T) {
	d := &directory{}
	c := hrd.NewCache(hrd.CacheConfig{Directory: d})
	ask := func(domain string) { _, _, _ = c.HomeRealm(t.Context(), domain) }
	ask("a.example")
	ask("b.example")
	c.Forget("a.example")
	ask("a.example")
	ask("b.example")
	assert.EqualValues(t, 3, d.asked.Load())
	c.Forget()
	ask("a.example")
	ask("b.example")
	assert.EqualValues(t, 5, d.asked.Load())
}

// TestCacheForgetBeatsQuestionsUnderWay: an answer from before a change is neither kept nor handed to whoever asks after it.
func TestCacheForgetBeatsQuestionsUnderWay(t *testing.T) {
	for name, forget := range map[string]func(*hrd.Cache){
		"one": func(c *hrd.Cache) { c.Forget("contoso.com") },
		"all": func(c *hrd.Cache) { c.Forget() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var current atomic.Value
				current.Store("old")
				d := &directory{answer: func(context.Context, string) (string, bool, error) {
					seen := current.Load().(string)
					<-time.After(time.Second)
					return seen, true, nil
				}}
				c := hrd.NewCache(hrd.CacheConfig{Directory: d})
				var wg sync.WaitGroup
				wg.Go(func() { _, _, _ = c.HomeRealm(t.Context(), "contoso.com") })
				synctest.Wait()
				current.Store("new")
				forget(c)
				for range 2 {
					id, _, err := c.HomeRealm(t.Context(), "contoso.com")
					require.NoError(t, err)
					assert.Equal(t, "new", id)
				}
				wg.Wait()
			})
		})
	}
}

// TestCacheForgetBeatsALateAnswer: an answer from before a change that comes after the new one does not replace it.
func TestCacheForgetBeatsALateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		d := &directory{answer: func(context.Context, string) (string, bool, error) {
			if asked.Add(1) == 1 {
				<-time.After(3 * time.Second)
				return "old", true, nil
			}
			return "new", true, nil
		}}
		c := hrd.NewCache(hrd.CacheConfig{Directory: d})
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = c.HomeRealm(t.Context(), "contoso.com") })
		synctest.Wait()
		c.Forget()
		assert.Equal(t, "new", holder(t, c, "contoso.com"))
		wg.Wait()
		assert.Equal(t, "new", holder(t, c, "contoso.com"))
	})
}
