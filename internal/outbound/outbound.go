// Package outbound is the one way in which the library fetches anything from outside: https (or loopback), bounded in bytes
// and time, no redirects, and by default no private addresses.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Errors of a fetch; match with errors.Is.
var (
	ErrAddress  = errors.New("address is not allowed")
	ErrRedirect = errors.New("redirect refused")
	ErrTooLarge = errors.New("answer is too large")
)

// Timeout bounds one exchange, from dialling to the last byte of the answer.
const Timeout = 15 * time.Second

// Response is an answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// CheckURL accepts an https URL, or an http URL of a loopback host, without user info or fragment.
func CheckURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", ErrAddress) // the parser's error repeats the URL
	}
	switch {
	case u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "": // a bare ":443" would dial this machine
		return nil, fmt.Errorf("%w: needs a host, and neither user info nor fragment", ErrAddress)
	case u.Scheme == "https", u.Scheme == "http" && IsLoopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%w: scheme must be https", ErrAddress)
}

// IsLoopback reports whether host is localhost or a loopback address.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Client returns base, or for nil the guarded default client, which dials public addresses only.
func Client(base *http.Client) *http.Client {
	if base != nil {
		return base
	}
	return guarded()
}

var guarded = sync.OnceValue(func() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second, Control: publicOnly}
	return &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			// No proxy: a proxy would resolve the name itself, behind publicOnly's back. A host that needs one injects its client.
			DialContext:           dialer.DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          100,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 10 * time.Second,

			MaxResponseHeaderBytes: 64 << 10,
		},
	}
})

// publicOnly runs after name resolution, on the address that is about to be dialled, so that a name that changes its answer gains nothing.
func publicOnly(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(ap.Addr().Unmap().WithZone("")) {
		return fmt.Errorf("%w: not a public address", ErrAddress)
	}
	return nil
}

// special are the ranges that neither net/netip's predicates nor allocated6 cover (IANA special-purpose registries, RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),    // shared address space, RFC 6598
	netip.MustParsePrefix("168.63.129.16/32"), // the host below every Azure virtual machine: public in form only
	netip.MustParsePrefix("192.0.0.0/24"),     // IETF protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays, RFC 7526
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarking
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved, and broadcast
	netip.MustParsePrefix("2001::/23"),        // Teredo and others
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4: an IPv4 address in disguise
	netip.MustParsePrefix("3fff::/20"),        // documentation, RFC 9637
}

// allocated6 is all of IPv6 that is global unicast today (RFC 4291 section 2.4 and IANA's registry). Outside of it lie NAT64 (64:ff9b::/96
// and 64:ff9b:1::/48), IPv4-compatible addresses (::/96), unique local and site-local ones, and whatever comes next.
var allocated6 = netip.MustParsePrefix("2000::/3")

func isPublic(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() { // loopback and link-local are not global unicast
		return false
	}
	if ip.Is6() && !allocated6.Contains(ip) {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// Bounded returns a client that refuses redirects, and every answer longer than limit bytes. For clients of other libraries;
// ours call Do.
func Bounded(base *http.Client, limit int64) *http.Client {
	c := *Client(base)
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	c.Transport = bounded{c.Transport, limit}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return ErrRedirect }
	c.Jar = nil
	if c.Timeout == 0 || c.Timeout > Timeout {
		c.Timeout = Timeout
	}
	return &c
}

type bounded struct {
	next http.RoundTripper
	max  int64
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := CheckURL(r.URL.String()); err != nil {
		if r.Body != nil {
			r.Body.Close() // as http.RoundTripper demands, also when it fails
		}
		return nil, err
	}
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 == 3 && res.StatusCode != http.StatusNotModified {
		res.Body.Close()
		return nil, ErrRedirect
	}
	if res.ContentLength > b.max {
		res.Body.Close()
		return nil, ErrTooLarge
	}
	res.Body = &limited{body: res.Body, left: b.max}
	return res, nil
}

// limited fails, instead of ending quietly as io.LimitReader does, when there is more than it may read.
type limited struct {
	body io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.body.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

func (l *limited) Close() error { return l.body.Close() }

// Do sends a request and reads the answer, whatever its status, to its end: at most limit bytes.
// The error never holds the query of the URL.
func Do(base *http.Client, r *http.Request, limit int64) (*Response, error) {
	res, err := Bounded(base, limit).Do(r)
	if err != nil {
		return nil, fetchError(r, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fetchError(r, err)
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// Get fetches a document with status 200.
func Get(ctx context.Context, base *http.Client, rawURL string, limit int64) (*Response, error) {
	if _, err := CheckURL(rawURL); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", ErrAddress)
	}
	res, err := Do(base, r, limit)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		return nil, &StatusError{Host: r.URL.Host, Path: r.URL.EscapedPath(), Status: res.Status}
	}
	return res, nil
}

// StatusError is an answer of another status than was needed.
type StatusError struct {
	Host, Path string
	Status     int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("GET %s%s: status %d", e.Host, e.Path, e.Status)
}

func fetchError(r *http.Request, err error) error {
	var ue *url.Error // repeats the whole URL, query and all
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return fmt.Errorf("%s %s%s: %w", r.Method, r.URL.Host, r.URL.EscapedPath(), err) // escaped: one line in any log
}
