package oauth2_test

import (
	"bytes"
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

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
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

// TestForeignDocuments: a discovery document that speaks for somebody else, or leads elsewhere, is refused before anything is fetched from there.
func TestForeignDocuments(t *testing.T) {
	type members = map[string]any
	const evil = "https://login.evil.example"
	for name, tt := range map[string]struct {
		client func(*oauth2.Config)
		with   func(f *fake) members
	}{
		"another tenant's issuer":    {at(contoso), func(f *fake) members { return members{"issuer": f.URL + "/" + fabrikam + "/v2.0"} }},
		"the template at a tenant":   {at(contoso), func(f *fake) members { return members{"issuer": f.URL + "/{tenantid}/v2.0"} }},
		"a tenant at organizations":  {anyTenant, func(f *fake) members { return members{"issuer": f.URL + "/" + contoso + "/v2.0"} }},
		"the template at a domain":   {at("contoso.test"), func(f *fake) members { return members{"issuer": f.URL + "/{tenantid}/v2.0"} }},
		"no GUID at a domain":        {at("contoso.test"), func(f *fake) members { return members{"issuer": f.URL + "/contoso.test/v2.0"} }},
		"a work tenant at consumers": {at("consumers"), func(f *fake) members { return members{"issuer": f.URL + "/" + contoso + "/v2.0"} }},
		"an issuer elsewhere":        {at(contoso), func(*fake) members { return members{"issuer": evil + "/" + contoso + "/v2.0"} }},
		"a template elsewhere":       {anyTenant, func(*fake) members { return members{"issuer": evil + "/{tenantid}/v2.0"} }},
		"a v1.0 issuer":              {at(contoso), func(*fake) members { return members{"issuer": "https://sts.windows.net/" + contoso + "/"} }},
		"no issuer":                  {at(contoso), func(*fake) members { return members{"issuer": nil} }},
		"an issuer with a suffix":    {at(contoso), func(f *fake) members { return members{"issuer": f.URL + "/" + contoso + "/v2.0/"} }},
		"another cloud":              {at(contoso), func(*fake) members { return members{"cloud_instance_name": "login.other"} }},
		"keys elsewhere":             {at(contoso), func(*fake) members { return members{"jwks_uri": evil + "/keys"} }},
		"keys on another port":       {at(contoso), func(*fake) members { return members{"jwks_uri": "http://127.0.0.1:1/keys"} }},
		"keys by another scheme": {at(contoso), func(f *fake) members {
			return members{"jwks_uri": strings.Replace(f.URL, "http", "https", 1) + "/keys"}
		}},
		"a GUID in upper case":           {at("contoso.test"), func(f *fake) members { return members{"issuer": f.URL + "/" + strings.ToUpper(contoso) + "/v2.0"} }},
		"keys by ftp":                    {at(contoso), func(f *fake) members { return members{"jwks_uri": strings.Replace(f.URL, "http", "ftp", 1) + "/keys"} }},
		"keys with user info":            {at(contoso), func(f *fake) members { return members{"jwks_uri": strings.Replace(f.URL, "//", "//a@", 1) + "/keys"} }},
		"keys of a host with ours in it": {at(contoso), func(f *fake) members { return members{"jwks_uri": f.URL + ".evil.example/keys"} }},
		"no keys":                        {at(contoso), func(*fake) members { return members{"jwks_uri": nil} }},
		"authorization elsewhere":        {at(contoso), func(*fake) members { return members{"authorization_endpoint": evil + "/authorize"} }},
		"no authorization":               {at(contoso), func(*fake) members { return members{"authorization_endpoint": nil} }},
		"tokens elsewhere":               {at(contoso), func(*fake) members { return members{"token_endpoint": evil + "/token"} }},
		"no tokens":                      {at(contoso), func(*fake) members { return members{"token_endpoint": nil} }},
		"sign-out elsewhere":             {at(contoso), func(*fake) members { return members{"end_session_endpoint": evil + "/logout"} }},
		"a look-alike":                   {at(contoso), func(f *fake) members { return members{"Issuer": f.URL + "/" + contoso + "/v2.0"} }},
		"a member of another type":       {at(contoso), func(*fake) members { return members{"jwks_uri": []string{"x"}} }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.discovery = tt.with(f)
			c := f.client(t, tt.client)
			var refused *oauth2.MetadataError
			require.ErrorAs(t, f.verifies(c), &refused)
			require.Equal(t, "discovery document", refused.Document)
			_, _, err := c.SignIn(t.Context(), oauth2.SignInRequest{State: testState})
			require.ErrorAs(t, err, &refused)
			require.Empty(t, f.elsewhere())
			require.Zero(t, f.count("/keys"))
		})
	}
}

func TestForeignKeySets(t *testing.T) {
	for name, change := range map[string]func(f *fake){
		"no keys":               func(f *fake) { f.keys = []map[string]any{} },
		"only encryption keys":  func(f *fake) { f.keys[0]["use"] = "enc" },
		"only elliptic keys":    func(f *fake) { f.keys[0]["kty"] = "EC" },
		"only symmetric keys":   func(f *fake) { f.keys[0] = map[string]any{"kty": "oct", "kid": "one", "k": "c2VjcmV0"} },
		"only keys without kid": func(f *fake) { delete(f.keys[0], "kid") },
		"a look-alike":          func(f *fake) { f.keys[0]["Issuer"] = "x" },
		"a look-alike letter":   func(f *fake) { f.keys[0]["i\u017f\u017fuer"] = "x" },
		"an issuer of two":      func(f *fake) { f.keys[0]["issuer"] = []string{"a", "b"} },
		"a weak key":            func(f *fake) { f.keys[0]["n"] = "zq-qwQ" },
		"no modulus":            func(f *fake) { delete(f.keys[0], "n") },
		"a modulus in padding":  func(f *fake) { f.keys[0]["n"] = f.keys[0]["n"].(string) + "=" },
		"exponent one":          func(f *fake) { f.keys[0]["e"] = "AQ" },
		"an even exponent":      func(f *fake) { f.keys[0]["e"] = "AQAA" },
		"a look-alike alone":    func(f *fake) { f.keys[0]["Issuer"] = f.keys[0]["issuer"]; delete(f.keys[0], "issuer") },
		"an exponent past 64 bits, whose end is a good one": func(f *fake) { f.keys[0]["e"] = "AQAAAAAAAQAB" },
		"an exponent far too big":                           func(f *fake) { f.keys[0]["e"] = "AQAAAAAAAAAB" },
		"thousands of keys": func(f *fake) {
			for range 1000 {
				f.keys = append(f.keys, map[string]any{"kty": "EC"})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			change(f)
			var refused *oauth2.MetadataError
			require.ErrorAs(t, f.verifies(f.client(t)), &refused)
			require.Equal(t, "key set", refused.Document)
		})
	}
}

// TestAmbiguousKeySets: a set that can be read in two ways is no set.
func TestAmbiguousKeySets(t *testing.T) {
	f := newFake(t)
	set := text(map[string]any{"keys": f.keys})
	for name, body := range map[string]string{
		"keys twice":     strings.Replace(set, "{", `{"keys":[],`, 1),
		"Keys and keys":  strings.Replace(set, "{", `{"Keys":[],`, 1),
		"Keys alone":     strings.Replace(set, `"keys"`, `"Keys"`, 1),
		"issuer twice":   strings.Replace(set, `"issuer"`, `"issuer":"x","issuer"`, 1),
		"more after it":  set + "{}",
		"not an object":  "[" + set + "]",
		"not JSON":       "<html>",
		"nothing":        "",
		"a text for one": `{"keys":["x"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			f.set(func() {
				f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, "/keys") {
						return false
					}
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write([]byte(body))
					return true
				}
			})
			var refused *oauth2.MetadataError
			require.ErrorAs(t, f.verifies(f.client(t)), &refused)
			require.Equal(t, "key set", refused.Document)
		})
	}
}

// TestOtherKeysArePassedOver: a key that cannot sign here does not spoil those that can.
func TestOtherKeysArePassedOver(t *testing.T) {
	f := newFake(t)
	weak := f.jwk("one", 1, f.URL+"/{tenantid}/v2.0")
	weak["n"] = "zq-qwQ"
	f.keys = append(f.keys, weak, map[string]any{"kty": "EC", "kid": "one"}, map[string]any{"kty": "RSA", "use": "enc", "kid": "one", "n": "AQAB", "e": "AQAB"})
	require.NoError(t, f.verifies(f.client(t)))
}

// TestHostileServers is attack 23: whatever the endpoints send, it is bounded and refused.
func TestHostileServers(t *testing.T) {
	for name, send := range map[string]struct {
		answer http.HandlerFunc
		cause  error
	}{
		"a redirect elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/openid-configuration", http.StatusFound)
		}, outbound.ErrRedirect},
		"a redirect on the host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/common/v2.0/.well-known/openid-configuration", http.StatusTemporaryRedirect)
		}, outbound.ErrRedirect},
		"100 MB": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for range 100 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, outbound.ErrTooLarge},
		"a length that is a lie": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100000000000")
			_, _ = w.Write([]byte("{}"))
		}, outbound.ErrTooLarge},
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("{}"))
		}, nil},
		"no content type that is JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write([]byte("{}"))
		}, nil},
		"an error":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, nil},
		"nothing at all": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, nil},
	} {
		for _, at := range []string{"/openid-configuration", "/keys"} {
			t.Run(name+" at "+at, func(t *testing.T) {
				f := newFake(t)
				f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, at) {
						return false
					}
					send.answer(w, r)
					return true
				}
				err := f.verifies(f.client(t))
				require.Error(t, err)
				require.False(t, isRefused(err, ""))
				if send.cause != nil {
					require.ErrorIs(t, err, send.cause)
				}
				require.Empty(t, f.elsewhere())
			})
		}
	}
}

// TestUnknownTenant: Entra's own words for a tenant that it does not know reach the caller.
func TestUnknownTenant(t *testing.T) {
	f := newFake(t)
	f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_tenant","error_description":"AADSTS90002: Tenant not found.","error_codes":[90002]}`))
		return true
	}
	var e *aadsts.Error
	require.ErrorAs(t, f.verifies(f.client(t)), &e)
	require.Equal(t, 90002, e.Code)
}

// TestDefaultClientStaysOutside: without a client of one's own nothing on this machine is reached, whatever the configuration says.
func TestDefaultClientStaysOutside(t *testing.T) {
	f := newFake(t)
	err := f.verifies(f.client(t, func(c *oauth2.Config) { c.HTTPClient = nil }))
	require.ErrorIs(t, err, outbound.ErrAddress)
}
