package outbound_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

func TestCheckURL(t *testing.T) {
	for _, good := range []string{
		"https://login.microsoftonline.com", "https://login.microsoftonline.com/a?b=c", "https://adfs.example:8443/x", "https://10.0.0.1/", "HTTPS://login.example",
		"http://localhost:8080", "http://LOCALHOST", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:8080", "http://[::ffff:127.0.0.1]/", "https://x?",
	} {
		_, err := outbound.CheckURL(good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"", "login.example", "//login.example", "/path", "https:", "https://", "https:login.example", "https:///path", "https://:443", "https://:443/x", "https://?x",
		"http://login.example", "http://10.0.0.1", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://0.0.0.0", "http://[::]", "http://2130706433", "http://127.1",
		"ftp://x", "file:///etc/passwd", "gopher://x", "javascript:alert(1)", "data:text/plain,x", "unix:///x",
		"https://user@login.example", "https://user:pass@login.example", "https://@login.example", "https://login.example#f", "http://localhost@evil.example",
		"https://login.example\r\nX: y", "https://%zz", "https://[::1", " https://x", "https://a b",
	} {
		_, err := outbound.CheckURL(bad)
		require.ErrorIs(t, err, outbound.ErrAddress, bad)
	}
	_, err := outbound.CheckURL("https://host/%zz?secret=1")
	require.ErrorIs(t, err, outbound.ErrAddress)
	assert.NotContains(t, err.Error(), "secret")
}

// The address is looked at after DNS has answered, so that a name whose answer changes gains nothing. Attack 54.
func TestPublicOnly(t *testing.T) {
	for _, good := range []string{"20.190.160.1", "8.8.8.8", "2603:1037:1:c8::8", "2a00:1450:4001:830::200e", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8"} {
		require.NoError(t, outbound.PublicOnly(net.JoinHostPort(good, "443")), good)
	}
	for what, addresses := range map[string][]string{
		"loopback":          {"127.0.0.1", "127.255.255.254", "::1"},
		"unspecified":       {"0.0.0.0", "0.1.2.3", "::"},
		"private":           {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254"},
		"link-local":        {"169.254.169.254", "fe80::1", "fe80::1%eth0"},
		"cloud platforms":   {"168.63.129.16", "100.100.100.200", "192.0.0.192"},
		"shared":            {"100.64.0.1", "100.127.255.255"},
		"IPv4-mapped":       {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1"},
		"IPv4-compatible":   {"::127.0.0.1", "::10.0.0.1", "::a00:1"},
		"NAT64":             {"64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::a00:1", "64:ff9b::8.8.8.8"},
		"6to4 and Teredo":   {"2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:0:a00:1::", "192.88.99.1"},
		"documentation":     {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"},
		"benchmarking":      {"198.18.0.1", "198.19.255.255"},
		"site-local":        {"fec0::1"},
		"multicast":         {"224.0.0.1", "239.255.255.250", "ff02::1"},
		"reserved":          {"240.0.0.1", "255.255.255.255", "5f00::1", "4000::1", "100::1"},
		"no address at all": {"localhost", "login.microsoftonline.com", ""},
	} {
		for _, a := range addresses {
			require.ErrorIs(t, outbound.PublicOnly(net.JoinHostPort(a, "443")), outbound.ErrAddress, "%s: %s", what, a)
		}
	}
	require.ErrorIs(t, outbound.PublicOnly("8.8.8.8"), outbound.ErrAddress, "no port")
}

// The default client really asks: a server on this machine is never reached, by address or by name.
func TestDefaultClientDialsPublicAddressesOnly(t *testing.T) {
	var reached atomic.Int32
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer plain.Close()
	secure := httptest.NewTLSServer(plain.Config.Handler)
	defer secure.Close()
	_, port, _ := net.SplitHostPort(secure.Listener.Addr().String())
	for _, u := range []string{plain.URL, secure.URL, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://10.255.255.1", "https://169.254.169.254/metadata"} {
		_, err := outbound.Get(t.Context(), nil, u, 1000)
		require.ErrorIs(t, err, outbound.ErrAddress, u)
	}
	assert.Zero(t, reached.Load())
}

// An environment variable must not lead the default client round its own check.
func TestDefaultClientUsesNoProxy(t *testing.T) {
	transport, ok := outbound.Client(nil).Transport.(*http.Transport)
	require.True(t, ok)
	assert.Nil(t, transport.Proxy)
	assert.Equal(t, outbound.Timeout, outbound.Client(nil).Timeout)
	assert.LessOrEqual(t, transport.MaxResponseHeaderBytes, int64(64<<10))
	assert.Positive(t, transport.MaxResponseHeaderBytes)
	mine := &http.Client{}
	assert.Same(t, mine, outbound.Client(mine))
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestGet(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Test", r.Method)
		fmt.Fprint(w, "hello")
	})
	res, err := outbound.Get(t.Context(), s.Client(), s.URL+"/a?b=c", 5)
	require.NoError(t, err)
	assert.Equal(t, 200, res.Status)
	assert.Equal(t, "hello", string(res.Body))
	assert.Equal(t, "GET", res.Header.Get("X-Test"))
	_, err = outbound.Get(t.Context(), s.Client(), "http://login.example", 5)
	require.ErrorIs(t, err, outbound.ErrAddress)
}

// A host's own client may leave the transport to net/http.
func TestClientWithoutTransport(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	res, err := outbound.Get(t.Context(), &http.Client{}, s.URL, 5)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(res.Body))
}

func TestOtherStatus(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "said")
	})
	_, err := outbound.Get(t.Context(), s.Client(), s.URL+"/a%0Ab?secret=1", 100)
	var status *outbound.StatusError
	require.ErrorAs(t, err, &status)
	assert.Equal(t, 404, status.Status)
	assert.NotContains(t, err.Error(), "secret")
	assert.NotContains(t, err.Error(), "said")
	assert.NotContains(t, err.Error(), "\n")
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	res, err := outbound.Do(s.Client(), r, 100)
	require.NoError(t, err)
	assert.Equal(t, 404, res.Status)
	assert.Equal(t, "said", string(res.Body))
}

// Redirects are refused, wherever they lead, and whatever the injected client thinks of them. Attack 23.
func TestRedirects(t *testing.T) {
	var reached atomic.Int32
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		for _, location := range []string{elsewhere.URL + "/?secret=1", "/same-host", ""} {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(status)
			})
			base := s.Client()
			base.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
			_, err := outbound.Get(t.Context(), base, s.URL, 100)
			require.ErrorIs(t, err, outbound.ErrRedirect, "%d %s", status, location)
			assert.NotContains(t, err.Error(), "secret")
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("x"))
			require.NoError(t, err)
			res, err := outbound.Bounded(base, 100).Do(r)
			if err == nil {
				res.Body.Close()
			}
			require.ErrorIs(t, err, outbound.ErrRedirect)
		}
	}
	assert.Zero(t, reached.Load())
	notModified := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, notModified.URL, nil)
	res, err := outbound.Do(notModified.Client(), r, 100)
	require.NoError(t, err, "304 leads nowhere")
	assert.Equal(t, 304, res.Status)
}

func TestSize(t *testing.T) {
	zipped := func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(make([]byte, 1<<20))
		_ = z.Close()
		return b.Bytes()
	}()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		fits   bool
	}{
		"exactly, with a length":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) }, true},
		"one more, with a length":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2001)) }, false},
		"exactly, without a length": {func(w http.ResponseWriter, _ *http.Request) { chunks(w, 2000, 1) }, true},
		"one more, without":         {func(w http.ResponseWriter, _ *http.Request) { chunks(w, 2001, 1) }, false},
		"much more, without":        {func(w http.ResponseWriter, _ *http.Request) { chunks(w, 1<<16, 100) }, false},
		"a huge length, no body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000000000")
			w.WriteHeader(http.StatusOK)
		}, false},
		"small only on the wire": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped)
		}, false},
		"an error's body": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			chunks(w, 3000, 1)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.answer)
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/?secret=1", nil)
			res, err := outbound.Do(s.Client(), r, 2000)
			if test.fits {
				require.NoError(t, err)
				assert.Len(t, res.Body, 2000)
				return
			}
			require.ErrorIs(t, err, outbound.ErrTooLarge)
			assert.Nil(t, res)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

// chunks writes without a Content-Length.
func chunks(w http.ResponseWriter, size, times int) {
	for range times {
		_, _ = w.Write(make([]byte, size-1))
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		if _, err := w.Write(make([]byte, 1)); err != nil {
			return
		}
	}
}

// Reading on after the bound does not get further.
func TestBoundedBodyStaysFailed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { chunks(w, 100, 1) })
	res, err := outbound.Bounded(s.Client(), 10).Get(s.URL)
	require.NoError(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, outbound.ErrTooLarge)
	assert.LessOrEqual(t, len(got), 10)
	for range 3 {
		n, err := res.Body.Read(make([]byte, 50))
		assert.Zero(t, n)
		require.ErrorIs(t, err, outbound.ErrTooLarge)
	}
}

// countingBody tells when it was closed.
type countingBody struct {
	io.Reader
	closed int
}

func (c *countingBody) Close() error { c.closed++; return nil }

func TestSchemeIsCheckedOnEveryRequest(t *testing.T) {
	sent := 0
	base := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { sent++; return nil, errors.New("sent") })}
	for _, u := range []string{"http://login.example/?secret=1", "ftp://x/?secret=1", "https://u:p@login.example/?secret=1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u, nil)
		require.NoError(t, err)
		body := &countingBody{Reader: strings.NewReader("secret")}
		r.Body = body
		_, err = outbound.Do(base, r, 100)
		require.ErrorIs(t, err, outbound.ErrAddress, u)
		assert.NotContains(t, err.Error(), "secret")
		assert.Positive(t, body.closed, "a transport closes the body, also when it fails")
	}
	assert.Zero(t, sent)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Bodies of refused answers are closed, or their connections leak.
func TestRefusedAnswersAreClosed(t *testing.T) {
	for name, res := range map[string]*http.Response{
		"redirect":  {StatusCode: 302, Header: http.Header{"Location": {"https://x"}}},
		"too large": {StatusCode: 200, ContentLength: 101},
	} {
		body := &countingBody{Reader: strings.NewReader("x")}
		res.Body = body
		base := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return res, nil })}
		_, err := outbound.Get(t.Context(), base, "https://login.example", 100)
		require.Error(t, err, name)
		assert.Equal(t, 1, body.closed, name)
	}
}

// No error holds the query, where codes and hints travel.
func TestErrorsHoldNoQuery(t *testing.T) {
	inner := errors.New("no such host")
	base := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, inner })}
	_, err := outbound.Get(t.Context(), base, "https://login.example/path?code=secret", 100)
	require.ErrorIs(t, err, inner)
	assert.Equal(t, "GET login.example/path: no such host", err.Error())
	var ue *url.Error
	assert.NotErrorAs(t, err, &ue, "which would hold the query")
	_, err = outbound.Get(t.Context(), base, "https://login.example/%zz?code=secret", 100)
	require.ErrorIs(t, err, outbound.ErrAddress)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "secret")
}

func TestBoundedLeavesTheBaseAlone(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	base := &http.Client{Jar: jar, Timeout: time.Hour}
	c := outbound.Bounded(base, 100)
	assert.Nil(t, c.Jar, "no cookies between tenants")
	assert.Equal(t, outbound.Timeout, c.Timeout)
	assert.Equal(t, time.Hour, base.Timeout)
	assert.Nil(t, base.Transport)
	assert.Nil(t, base.CheckRedirect)
	assert.NotNil(t, base.Jar)
	assert.Equal(t, time.Second, outbound.Bounded(&http.Client{Timeout: time.Second}, 1).Timeout, "a shorter one stays")
}

// An answer that never ends, ends.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		begun := time.Now()
		_, err := outbound.Get(t.Context(), base, "https://login.example", 100)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, outbound.Timeout, time.Since(begun))
	})
	synctest.Test(t, func(t *testing.T) {
		base := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: endless(r.Context().Done())}, nil
		})}
		begun := time.Now()
		_, err := outbound.Get(t.Context(), base, "https://login.example", 1<<40)
		require.Error(t, err)
		assert.LessOrEqual(t, time.Since(begun), outbound.Timeout+time.Second)
	})
}

// endless gives a byte a second until it is told that the request is over.
type endless <-chan struct{}

func (e endless) Read(p []byte) (int, error) {
	select {
	case <-e:
		return 0, context.DeadlineExceeded
	case <-time.After(time.Second):
		p[0] = 'x'
		return 1, nil
	}
}

func (endless) Close() error { return nil }

// What CheckURL accepts is https, or this very machine.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"https://a.example/x?y", "http://localhost", "http://127.0.0.1@evil", "https://:443", "http://[::1%25eth0]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := outbound.CheckURL(s)
		if err != nil {
			require.ErrorIs(t, err, outbound.ErrAddress)
			require.Nil(t, u)
			return
		}
		require.NotEmpty(t, u.Hostname())
		require.Nil(t, u.User)
		require.True(t, u.Scheme == "https" || u.Scheme == "http" && outbound.IsLoopback(u.Hostname()))
	})
}
