package oauth2_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
	"github.com/tenantdoor/tenantdoor/oauth2"
)

// failing answers everything with a status.
func failing(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		return true
	}
}

func (f *fake) verifies(c *oauth2.Client) error {
	_, err := c.Verify(context.Background(), f.sign(nil), testNonce)
	return err
}

func TestMetadataIsFetchedOncePerHour(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	for range 5 {
		require.NoError(t, f.verifies(c))
		f.advance(11 * time.Minute)
	}
	require.Equal(t, 1, f.count("/openid-configuration"))
	require.Equal(t, 1, f.count("/keys"))
	f.advance(5*time.Minute - time.Second) // 59:59
	require.NoError(t, f.verifies(c))
	require.Equal(t, 1, f.count("/keys"))
	f.advance(time.Second)
	require.NoError(t, f.verifies(c))
	require.NoError(t, f.verifies(c))
	require.Equal(t, 2, f.count("/openid-configuration"))
	require.Equal(t, 2, f.count("/keys"))
}

// TestLastKnownGood: trouble at Entra stops nobody for a day, but a key that was removed does not live for ever.
func TestLastKnownGood(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	require.NoError(t, f.verifies(c))
	f.set(func() { f.intercept = failing(http.StatusServiceUnavailable) })

	f.advance(time.Hour)
	for range 10 {
		require.NoError(t, f.verifies(c))
	}
	require.Equal(t, 2, f.count("/openid-configuration"), "a refresh that failed is not tried again at once")
	f.advance(time.Minute)
	require.NoError(t, f.verifies(c))
	require.Equal(t, 3, f.count("/openid-configuration"))

	f.advance(23*time.Hour - time.Minute - time.Second) // 23:59:59 since it was fetched
	require.NoError(t, f.verifies(c))
	f.advance(time.Second)
	require.Error(t, f.verifies(c))

	f.set(func() { f.intercept = nil })
	f.advance(time.Minute)
	require.NoError(t, f.verifies(c))
}

func TestRemovedKeyStopsWorking(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	require.NoError(t, f.verifies(c))
	f.set(func() { f.keys = []map[string]any{f.jwk("two", 1, f.URL+"/{tenantid}/v2.0")} })
	f.advance(time.Hour)
	requireRefused(t, f.verifies(c), oauth2.CheckKey, "")
}

// TestClockSetBack: a copy from the future is old, not eternal.
func TestClockSetBack(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	require.NoError(t, f.verifies(c))
	f.advance(-48 * time.Hour)
	require.NoError(t, f.verifies(c))
	require.Equal(t, 2, f.count("/keys"))
}

// TestRefusedDocumentsDoNotReplaceGoodOnes: whoever can put a wrong document there for a moment neither gets in nor locks out.
func TestRefusedDocumentsDoNotReplaceGoodOnes(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	require.NoError(t, f.verifies(c))
	f.set(func() { f.discovery["issuer"] = f.URL + "/" + fabrikam + "/v2.0" })
	f.advance(time.Hour)
	require.NoError(t, f.verifies(c))
	f.advance(23 * time.Hour)
	var refused *oauth2.MetadataError
	require.ErrorAs(t, f.verifies(c), &refused)
}

func (f *fake) unknownKey(n int) string {
	return signed(map[string]any{"alg": "RS256", "kid": fmt.Sprintf("unknown-%d", n)}, f.claims(nil), 1)
}

// TestFloodOfUnknownKeys is attack 13: tokens with made-up kids cause at most one fetch in five minutes.
func TestFloodOfUnknownKeys(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	require.NoError(t, f.verifies(c))
	tokens := make([]string, 16)
	for i := range tokens {
		tokens[i] = f.unknownKey(i)
	}
	flood := func() {
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				for j := range 4 {
					_, err := c.Verify(t.Context(), tokens[(i+j)%len(tokens)], testNonce)
					if !isRefused(err, oauth2.CheckKey) {
						t.Errorf("not refused for its key: %v", err)
					}
				}
			})
		}
		group.Wait()
	}
	flood()
	require.Equal(t, 2, f.count("/keys"))
	f.advance(5*time.Minute - time.Second)
	flood()
	require.Equal(t, 2, f.count("/keys"))
	f.advance(time.Second)
	flood()
	require.Equal(t, 3, f.count("/keys"))
	require.NoError(t, f.verifies(c))
}

// TestFailedFetchForUnknownKey: the fetch that failed counts too, and what failed is the network, not the token.
func TestFailedFetchForUnknownKey(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	require.NoError(t, f.verifies(c))
	f.set(func() { f.intercept = failing(http.StatusServiceUnavailable) })
	_, err := c.Verify(t.Context(), f.unknownKey(1), testNonce)
	require.Error(t, err)
	require.False(t, isRefused(err, ""))
	for range 5 {
		_, err = c.Verify(t.Context(), f.unknownKey(1), testNonce)
		requireRefused(t, err, oauth2.CheckKey, "")
	}
	require.Equal(t, 2, f.count("/openid-configuration"))
	require.NoError(t, f.verifies(c), "those whose key is known are not touched")
}

// TestRotation: keys rotate while 64 goroutines verify. Nobody who should get in is kept out, and keys are fetched once for each rotation.
func TestRotation(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	template := f.URL + "/{tenantid}/v2.0"
	require.NoError(t, f.verifies(c))
	for rotation := 1; rotation <= 3; rotation++ {
		kid, key := fmt.Sprintf("rotated-%d", rotation), rotation%3
		f.set(func() { f.keys = append(f.keys, f.jwk(kid, key, template)) })
		f.advance(5 * time.Minute)
		token := signed(map[string]any{"alg": "RS256", "kid": kid}, f.claims(nil), key)
		var failures atomic.Int32
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				for range 5 {
					if _, err := c.Verify(t.Context(), token, testNonce); err != nil {
						failures.Add(1)
					}
				}
			})
		}
		group.Wait()
		require.Zero(t, failures.Load())
		require.Equal(t, 1+rotation, f.count("/keys"))
	}
}

// inMemory is a client whose requests the fake answers without a network, so that a test can hold them still.
func (f *fake) inMemory(before func(*http.Request)) func(*oauth2.Config) {
	return func(c *oauth2.Config) {
		c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			f.serve(w, r)
			before(r)
			return w.Result(), nil
		})}
	}
}

// TestKeyPublishedDuringAFetch: who joins a fetch that began before the key was published may cause the one that finds it.
func TestKeyPublishedDuringAFetch(t *testing.T) {
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		hold := false
		reached, release := make(chan struct{}), make(chan struct{})
		c := f.client(t, f.inMemory(func(r *http.Request) {
			if hold && strings.HasSuffix(r.URL.Path, "/keys") {
				hold = false
				close(reached)
				<-release
			}
		}))
		require.NoError(t, f.verifies(c))
		f.advance(time.Hour)
		hold = true
		results := make(chan error, 2)
		go func() { results <- f.verifies(c) }()
		<-reached // the old keys are under way
		f.set(func() { f.keys = append(f.keys, f.jwk("two", 1, f.URL+"/{tenantid}/v2.0")) })
		go func() {
			_, err := c.Verify(t.Context(), signed(map[string]any{"alg": "RS256", "kid": "two"}, f.claims(nil), 1), testNonce)
			results <- err
		}()
		synctest.Wait()
		close(release)
		require.NoError(t, <-results)
		require.NoError(t, <-results)
	})
}

// TestColdStart: a thousand callers at once are one fetch.
func TestColdStart(t *testing.T) {
	f := newFake(t)
	c := f.client(t)
	token := f.sign(nil)
	var group sync.WaitGroup
	var failures atomic.Int32
	for range 200 {
		group.Go(func() {
			if _, err := c.Verify(t.Context(), token, testNonce); err != nil {
				failures.Add(1)
			}
		})
	}
	group.Wait()
	require.Zero(t, failures.Load())
	require.Equal(t, 1, f.count("/openid-configuration"))
	require.Equal(t, 1, f.count("/keys"))
}

// TestCallerWhoGoesAway: the fetch that others wait for does not end with the caller who began it.
func TestCallerWhoGoesAway(t *testing.T) {
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		requests, release := 0, make(chan struct{})
		c := f.client(t, f.inMemory(func(r *http.Request) {
			requests++
			<-release
			if err := r.Context().Err(); err != nil {
				t.Errorf("the fetch has ended: %v", err)
			}
		}))
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := c.Verify(ctx, f.sign(nil), testNonce)
			first <- err
		}()
		synctest.Wait()
		go func() { second <- f.verifies(c) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-first, context.Canceled)
		close(release)
		require.NoError(t, <-second)
		require.Equal(t, 2, requests) // one document, one key set
	})
}

// TestFetchThatNeverEnds: it ends by itself, and nothing of it is left.
func TestFetchThatNeverEnds(t *testing.T) {
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		never := func(c *oauth2.Config) {
			c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}
		}
		begun := time.Now()
		require.ErrorIs(t, f.verifies(f.client(t, never)), context.DeadlineExceeded)
		require.LessOrEqual(t, time.Since(begun), 20*time.Second)
	})
}

// TestSharing: clients of one authority share one copy, whatever application they are for; AppKeys asks for the application's own.
func TestSharing(t *testing.T) {
	f := newFake(t)
	shared := &oauth2.Metadata{}
	sharing := func(c *oauth2.Config) { c.Metadata = shared }
	for i := range 20 {
		other := fmt.Sprintf("c0a70500-0000-4000-8000-0000000001%02d", i)
		c := f.client(t, sharing, anyTenant, func(c *oauth2.Config) { c.ClientID = other })
		_, err := c.Verify(t.Context(), f.sign(map[string]any{"aud": other}), testNonce)
		require.NoError(t, err)
	}
	require.Equal(t, 1, f.count("/keys"))

	var queries []string
	f.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		f.set(func() { queries = append(queries, r.URL.RawQuery) })
		return false
	}
	own := f.client(t, sharing, anyTenant, func(c *oauth2.Config) { c.AppKeys = true })
	require.NoError(t, f.verifies(own))
	require.Equal(t, []string{"appid=" + clientID, "appid=" + clientID}, queries)
	require.Equal(t, 2, f.count("/keys"))
}

// TestMetadataWithMeansOfItsOwn: its client and clock win over those of the client that asks.
func TestMetadataWithMeansOfItsOwn(t *testing.T) {
	f := newFake(t)
	broken := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded })}
	own := &oauth2.Metadata{HTTPClient: &http.Client{Transport: f.transport}, Now: f.clock}
	require.NoError(t, f.verifies(f.client(t, func(c *oauth2.Config) { c.Metadata, c.HTTPClient = own, broken })))
	require.Error(t, f.verifies(f.client(t, func(c *oauth2.Config) { c.HTTPClient = broken })))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestDefaultClientStaysOutside: without a client of one's own nothing on this machine is reached, whatever the configuration says.
func TestDefaultClientStaysOutside(t *testing.T) {
	f := newFake(t)
	err := f.verifies(f.client(t, func(c *oauth2.Config) { c.HTTPClient = nil }))
	require.ErrorIs(t, err, outbound.ErrAddress)
}
