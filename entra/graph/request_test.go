package graph_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Attack 22: a nextLink on a foreign host does not get the bearer, and the first page is not handed out as the whole.
func TestAttack22ForeignNextLink(t *testing.T) {
	for _, link := range []string{
		"https://evil.example/v1.0/me/transitiveMemberOf", "http://graph.microsoft.com/v1.0/me", "https://graph.microsoft.com.evil.example/v1.0/x",
		"https://graph.microsoft.com@evil.example/v1.0/x", "https://evil.example#@graph.microsoft.com/v1.0/x", "https://graph.microsoft.com:8443/v1.0/x",
		"https://GRAPH.microsoft.com/v1.0/x", "//evil.example/v1.0/x", "/v1.0/me/transitiveMemberOf", "https://user@graph.microsoft.com/v1.0/x",
		"https://graph.windows.net/v1.0/x", "https://graph.microsoft.us/v1.0/x", "https:graph.microsoft.com/v1.0/x", "javascript:alert(1)", "%", "https://graph.microsoft.com/beta/x",
		"https://graph.microsoft.com\\@evil.example/v1.0/x", "https://graph.microsoft.com/v1.0/x#f",
	} {
		c, f := newFake(directory(0, func(r *http.Request, _ string) *http.Response {
			if strings.HasSuffix(r.URL.Path, "microsoft.graph.group") {
				return reply(200, `{"value":[{"id":"`+guid(1)+`"}],"@odata.nextLink":`+mustJSON(link)+`}`)
			}
			return nil
		}))
		got, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{Names: true})
		require.ErrorIs(t, err, graph.ErrForeignLink, link)
		assert.Nil(t, got, link)
		assert.NotContains(t, err.Error(), "evil")
		assert.Len(t, f.requests, 1, link)
		assert.Equal(t, map[string]int{"https://graph.microsoft.com": 1}, f.bearers, link)
	}
}

// A redirect is not followed, so the bearer stays at home.
func TestRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		c, f := newFake(directory(0, func(*http.Request, string) *http.Response {
			return reply(status, "", "Location", "https://evil.example/v1.0/me")
		}))
		_, err := c.Profile(t.Context(), asMe(), nil)
		require.ErrorIs(t, err, outbound.ErrRedirect)
		assert.Equal(t, map[string]int{"https://graph.microsoft.com": 1}, f.bearers)
	}
}

// The default client dials no private address. Attack 54.
func TestDefaultClientIsGuarded(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	as := asApp()
	as.Cloud.Graph = server.URL
	_, err := graph.New(graph.Config{}).Groups(t.Context(), as, graph.GroupQuery{})
	require.ErrorIs(t, err, outbound.ErrAddress)
	assert.False(t, reached)
}

func TestRefusals(t *testing.T) {
	for status, mender := range map[int]aadsts.Mender{400: aadsts.MenderAppOwner, 401: aadsts.MenderUser, 403: aadsts.MenderTenantAdmin, 404: aadsts.MenderUnknown} {
		c, f := newFake(directory(0, func(*http.Request, string) *http.Response {
			return reply(status, `{"error":{"code":"Some_Code","message":"<b>said by Graph</b>"}}`)
		}))
		_, err := c.Profile(t.Context(), asMe(), nil)
		var refused *graph.Error
		require.ErrorAs(t, err, &refused)
		sent := f.requests[0].Header.Get("Client-Request-Id")
		assert.True(t, cloud.IsCanonicalGUID(sent))
		assert.Equal(t, &graph.Error{Method: "GET", Path: "/v1.0/me", Status: status, Code: "Some_Code", ClientRequestID: sent, RequestID: guid(77), Mender: mender}, refused)
		for _, text := range []string{refused.Error(), refused.Public()} {
			assert.Contains(t, text, sent)
			assert.Contains(t, text, guid(77))
			assert.NotContains(t, text, "said")
			assert.NotContains(t, text, bearer)
		}
		assert.Len(t, f.requests, 1, "not tried again")
	}
	for _, body := range []string{``, `<html>`, `{"error":"x"}`, `{"error":{"code":"<b>"}}`, `{"error":{"code":5}}`} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response { return reply(400, body, "Request-Id", "<b>") }))
		_, err := c.Profile(t.Context(), asMe(), nil)
		var refused *graph.Error
		require.ErrorAs(t, err, &refused)
		assert.Empty(t, refused.Code)
		assert.Empty(t, refused.RequestID)
	}
}

func TestClaimsChallenge(t *testing.T) {
	const want = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	encoded := base64.StdEncoding.EncodeToString([]byte(want))
	for name, header := range map[string]string{
		"as documented": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="x", error="insufficient_claims", claims="` + encoded + `"`,
		"raw base64":    `Bearer error="insufficient_claims",claims="` + strings.TrimRight(encoded, "=") + `"`,
		"plain":         `Bearer error="insufficient_claims", claims="` + strings.ReplaceAll(want, `"`, `\"`) + `"`,
	} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response { return reply(401, `{}`, "WWW-Authenticate", header) }))
		_, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{})
		var challenge *aadsts.Error
		require.ErrorAs(t, err, &challenge, name)
		assert.JSONEq(t, want, challenge.Claims)
		assert.True(t, challenge.SignInAgain())
		assert.Equal(t, aadsts.MenderUser, challenge.Mender)
	}
	for _, header := range []string{
		`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(`"x"`)) + `"`, `Bearer claims=""`, `Bearer claims="{"`, `Bearer xclaims="` + encoded + `"`, `Bearer`, ``,
		`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(`{"a":"`+strings.Repeat("x", 9000)+`"}`)) + `"`,
	} {
		c, _ := newFake(directory(0, func(*http.Request, string) *http.Response { return reply(401, `{}`, "WWW-Authenticate", header) }))
		_, err := c.Profile(t.Context(), asMe(), nil)
		var refused *graph.Error
		require.ErrorAs(t, err, &refused, header)
	}
}

func TestThrottling(t *testing.T) {
	for name, test := range map[string]struct {
		status     int
		retryAfter func() string
		least      time.Duration
	}{
		"429, seconds": {429, func() string { return "3" }, 3 * time.Second},
		"429, date":    {429, func() string { return time.Now().Add(4 * time.Second).UTC().Format(http.TimeFormat) }, 3 * time.Second},
		"503, seconds": {503, func() string { return "2" }, 2 * time.Second},
		"429, nothing": {429, func() string { return "" }, 500 * time.Millisecond},
		"429, rubbish": {429, func() string { return "-7" }, 500 * time.Millisecond},
		"429, past":    {429, func() string { return "Sat, 02 Jan 1999 15:04:05 GMT" }, 0},
		"504":          {504, func() string { return "" }, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := false
				c, f := newFake(directory(2000, func(r *http.Request, _ string) *http.Response {
					if r.URL.Query().Get("$skiptoken") == "999" && !failed {
						failed = true
						return reply(test.status, `{}`, "Retry-After", test.retryAfter())
					}
					return nil
				}))
				start := time.Now()
				got, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{Names: true})
				require.NoError(t, err)
				assert.Len(t, got, 2000)
				assert.Len(t, f.requests, 4)
				waited := time.Since(start)
				assert.GreaterOrEqual(t, waited, test.least, "Retry-After is obeyed")
				assert.Less(t, waited, test.least+test.least/4+2*time.Second)
				first, second := f.requests[1].Header.Get("Client-Request-Id"), f.requests[2].Header.Get("Client-Request-Id")
				assert.NotEqual(t, first, second, "each request has an id of its own")
			})
		})
	}
}

func TestThrottlingEnds(t *testing.T) {
	throttled := func(after string) func(*http.Request, string) *http.Response {
		return directory(0, func(*http.Request, string) *http.Response {
			return reply(429, `{"error":{"code":"TooManyRequests"}}`, "Retry-After", after)
		})
	}
	t.Run("tries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("1"))
			_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
			var refused *graph.Error
			require.ErrorAs(t, err, &refused)
			assert.True(t, refused.Retry)
			assert.Equal(t, time.Second, refused.RetryAfter)
			assert.Len(t, f.requests, 4)
		})
	})
	t.Run("the client's time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("21"))
			start := time.Now()
			_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
			require.Error(t, err)
			assert.Len(t, f.requests, 1)
			assert.Zero(t, time.Since(start), "nobody waits for what comes too late")
		})
	})
	t.Run("the caller's time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("3"))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := c.Groups(ctx, asApp(), graph.GroupQuery{})
			require.Error(t, err)
			assert.Len(t, f.requests, 1)
		})
	})
	t.Run("the caller leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := newFake(throttled("10"))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			_, err := c.Groups(ctx, asApp(), graph.GroupQuery{})
			require.Error(t, err)
			assert.Len(t, f.requests, 1)
			assert.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("a huge wish", func(t *testing.T) {
		for _, after := range []string{"2147483647", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newFake(throttled(after))
				start := time.Now()
				_, err := c.Groups(t.Context(), asApp(), graph.GroupQuery{})
				require.Error(t, err)
				assert.Less(t, time.Since(start), 20*time.Second)
			})
		}
	})
}

// blocked never answers, but obeys its request's context.
type blocked struct{}

func (blocked) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTimeBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := graph.New(graph.Config{HTTPClient: &http.Client{Transport: blocked{}}, Timeout: 5 * time.Second})
		start := time.Now()
		_, err := c.Groups(t.Context(), asMe(), graph.GroupQuery{Names: true})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestOneTokenACall(t *testing.T) {
	asked := 0
	as := asMe()
	as.Token = func(context.Context) (string, error) { asked++; return bearer, nil }
	c, f := newFake(directory(5000, nil))
	_, err := c.Groups(t.Context(), as, graph.GroupQuery{Names: true})
	require.NoError(t, err)
	assert.Equal(t, 1, asked)
	assert.Contains(t, f.paths(), "GET /v1.0/me")
	assert.Equal(t, map[string]int{"https://graph.microsoft.com": 4}, f.bearers)
}
