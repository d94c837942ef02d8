package lastgood_test

import (
	"context"
	"errors"
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

var errDown = errors.New("down")

// outside is where documents come from: each fetch takes a second of the bubble's clock. It counts how many run at once.
type outside struct {
	cache lastgood.Cache[string, int]
	size  int
	until time.Duration // by the documents' own word, after their fetch

	mu         sync.Mutex
	down       bool
	forever    string // a host whose fetches end with their timeout
	now, most  int
	atHost     map[string]int
	mostAtHost int
	fetched    map[string]int
}

func (o *outside) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *outside) count(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fetched[key]
}

func (o *outside) source(host, key string) lastgood.Source[string, int] {
	return lastgood.Source[string, int]{
		Key: key, Host: host, Size: o.size, Now: time.Now, Timeout: 20 * time.Second,
		Fetch: func(ctx context.Context) (*int, time.Time, error) {
			var never bool
			o.set(func() {
				never = host == o.forever
				if o.fetched == nil {
					o.fetched, o.atHost = map[string]int{}, map[string]int{}
				}
				o.fetched[key]++
				o.now++
				o.atHost[host]++
				o.most, o.mostAtHost = max(o.most, o.now), max(o.mostAtHost, o.atHost[host])
			})
			defer o.set(func() { o.now--; o.atHost[host]-- })
			if never {
				<-ctx.Done()
				return nil, time.Time{}, ctx.Err()
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil, time.Time{}, ctx.Err()
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.down {
				return nil, time.Time{}, errDown
			}
			n, until := o.fetched[key], time.Time{}
			if o.until != 0 {
				until = time.Now().Add(o.until)
			}
			return &n, until, nil
		},
	}
}

func (o *outside) get(ctx context.Context, host, key string) (int, error) {
	doc, err := o.cache.Get(ctx, o.source(host, key))
	if err != nil {
		return 0, err
	}
	return *doc, nil
}

func TestCopyLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		get := func(want int) {
			t.Helper()
			got, err := o.get(t.Context(), "a", "k")
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		get(1)
		<-time.After(lastgood.RefreshAfter - 2*time.Second) // a copy is as old as its question
		get(1)
		<-time.After(time.Second)
		get(2)
		o.set(func() { o.down = true })
		<-time.After(lastgood.RefreshAfter)
		for range 3 {
			get(2)
		}
		require.Equal(t, 3, o.count("k"), "a failed refresh is not repeated at once")
		<-time.After(lastgood.RetryAfter)
		get(2)
		require.Equal(t, 4, o.count("k"))
		<-time.After(lastgood.GoneAfter)
		_, err := o.get(t.Context(), "a", "k")
		require.ErrorIs(t, err, errDown)
	})
}

func TestDocumentEndsByItsOwnWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := outside{until: time.Minute}
		_, err := o.get(t.Context(), "a", "k")
		require.NoError(t, err)
		o.set(func() { o.down = true })
		<-time.After(time.Minute - time.Nanosecond)
		_, err = o.get(t.Context(), "a", "k")
		require.NoError(t, err)
		<-time.After(time.Nanosecond)
		_, err = o.get(t.Context(), "a", "k")
		require.ErrorIs(t, err, errDown)
	})
}

// TestBackOff: a failure is everybody's answer for one second, then for two, four and so on to a minute; a success ends it.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := outside{down: true}
		for i, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
			wait := time.Duration(seconds) * time.Second
			_, err := o.get(t.Context(), "a", "k")
			require.ErrorIs(t, err, errDown)
			<-time.After(wait - time.Nanosecond)
			_, err = o.get(t.Context(), "a", "k")
			require.ErrorIs(t, err, errDown)
			require.Equal(t, i+1, o.count("k"))
			<-time.After(time.Nanosecond)
		}
		o.set(func() { o.down, o.until = false, time.Minute })
		got, err := o.get(t.Context(), "a", "k")
		require.NoError(t, err)
		require.Equal(t, 9, got)
		o.set(func() { o.down = true })
		<-time.After(time.Minute)
		for n := range 2 {
			_, err = o.get(t.Context(), "a", "k")
			require.ErrorIs(t, err, errDown)
			require.Equal(t, 10+n, o.count("k"))
			<-time.After(time.Second) // as after a first failure
		}
	})
}

// TestRenew: for what a copy lacks it is fetched anew, once in five minutes for all.
func TestRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		s := o.source("a", "k")
		first, err := o.cache.Get(t.Context(), s)
		require.NoError(t, err)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				newer, err := o.cache.Renew(t.Context(), s, first)
				assert.NoError(t, err)
				assert.Equal(t, 2, *newer)
			})
		}
		group.Wait()
		newer, err := o.cache.Renew(t.Context(), s, first)
		require.NoError(t, err)
		require.Equal(t, 2, *newer, "what others have fetched meanwhile")
		again, err := o.cache.Renew(t.Context(), s, newer)
		require.NoError(t, err)
		require.Same(t, newer, again, "too early")
		<-time.After(lastgood.RenewEvery)
		again, err = o.cache.Renew(t.Context(), s, newer)
		require.NoError(t, err)
		require.Equal(t, 3, *again)
	})
}

// TestClockSetBack: what happened in the future is forgotten, copy and failure alike.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		s := o.source("a", "k")
		_, err := o.cache.Get(t.Context(), s)
		require.NoError(t, err)
		s.Now = func() time.Time { return time.Now().Add(-48 * time.Hour) }
		_, err = o.cache.Get(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, 2, o.count("k"))
	})
}

// TestWhatNobodyAsksForIsForgotten after a day.
func TestWhatNobodyAsksForIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outside
		for _, key := range []string{"old", "young"} {
			_, err := o.get(t.Context(), "a", key)
			require.NoError(t, err)
		}
		o.set(func() { o.down = true })
		_, err := o.get(t.Context(), "a", "bad")
		require.Error(t, err)
		<-time.After(12 * time.Hour)
		_, err = o.get(t.Context(), "a", "young")
		require.NoError(t, err)
		require.Equal(t, 3, o.cache.Len())
		<-time.After(12 * time.Hour)
		_, err = o.get(t.Context(), "a", "young")
		require.Error(t, err)
		require.Equal(t, 1, o.cache.Len())
	})
}

// TestGoodCopiesAreBounded: the one that was used longest ago goes first.
func TestGoodCopiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := outside{size: 10}
		get := func(key string) {
			_, err := o.get(t.Context(), "a", key)
			require.NoError(t, err)
		}
		get("in use")
		for i := range 100 {
			get(strconv.Itoa(i))
			get("in use")
		}
		require.Equal(t, 10, o.cache.Len())
		require.Equal(t, 1, o.count("in use"))
		get("92")
		require.Equal(t, 1, o.count("92"), "one of the last nine")
		get("90")
		require.Equal(t, 2, o.count("90"))
	})
}

// TestNamingMakesNothingGrow: whoever can name what is not there fills a bounded list, and pushes out nothing that is good.
func TestNamingMakesNothingGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := outside{size: 10}
		for i := range 10 {
			_, err := o.get(t.Context(), "a", fmt.Sprint("good ", i))
			require.NoError(t, err)
		}
		o.set(func() { o.down = true })
		var group sync.WaitGroup
		for i := range 3000 {
			group.Go(func() {
				_, err := o.get(t.Context(), strconv.Itoa(i%100), fmt.Sprint("made up ", i))
				assert.ErrorIs(t, err, errDown)
			})
		}
		group.Wait()
		require.Equal(t, 1010, o.cache.Len())
		for i := range 10 {
			_, err := o.get(t.Context(), "a", fmt.Sprint("good ", i))
			require.NoError(t, err)
			require.Equal(t, 1, o.count(fmt.Sprint("good ", i)))
		}
		require.Zero(t, o.cache.Turns(), "nor does the list of hosts grow")
	})
}

// TestWhatComesToBeThere is good from then on: no failure of others pushes it out.
func TestWhatComesToBeThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := outside{down: true}
		_, err := o.get(t.Context(), "a", "late")
		require.Error(t, err)
		<-time.After(time.Second)
		o.set(func() { o.down = false })
		_, err = o.get(t.Context(), "a", "late")
		require.NoError(t, err)
		o.set(func() { o.down = true })
		for i := range 1000 {
			_, err = o.get(t.Context(), "a", strconv.Itoa(i))
			require.Error(t, err)
		}
		require.Equal(t, 1001, o.cache.Len())
		_, err = o.get(t.Context(), "a", "late")
		require.NoError(t, err)
		require.Equal(t, 2, o.count("late"))
	})
}

// TestWhatIsBeingFetchedStays: others would fetch it a second time.
func TestWhatIsBeingFetchedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := outside{size: 1}
		_, err := o.get(t.Context(), "a", "k")
		require.NoError(t, err)
		<-time.After(lastgood.RefreshAfter)
		var group sync.WaitGroup
		get := func(key string) { group.Go(func() { _, _ = o.get(t.Context(), "a", key) }) }
		get("other")
		<-time.After(time.Second / 2)
		get("k")
		<-time.After(time.Second * 3 / 4) // the other one has come
		get("k")
		group.Wait()
		require.Equal(t, 2, o.count("k"))
		require.Equal(t, 1, o.cache.Len())
	})
}
