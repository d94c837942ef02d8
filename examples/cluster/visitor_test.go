package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/tenantdoor/tenantdoor/entra"
)

// visitor is a browser without a screen. It keeps cookies by name, so that a test can send them to any machine, and send old ones again.
type visitor struct {
	c       *cluster
	client  *http.Client
	mu      sync.Mutex
	cookies map[string]string
}

func (c *cluster) newVisitor(client *http.Client) *visitor {
	return &visitor{c: c, client: client, cookies: map[string]string{}}
}

// newClient keeps connections for many visitors and follows no redirect.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// message is a request that a browser can send to any machine.
type message struct {
	method, path string
	form         string
	cookies      map[string]string
}

type answer struct {
	status   int
	location string
	body     string
	cookies  []*http.Cookie
}

// again says whether the answer is a page that says what happened and offers to sign in again.
func (a *answer) again() bool {
	return a.status >= 400 && strings.Contains(a.body, "You are not signed in") && strings.Contains(a.body, `<a href="/">Sign in again</a>`)
}

// signedIn returns the session that the answer starts.
func (a *answer) signedIn(ctx context.Context, keys *entra.Keyring) (session, bool) {
	for _, c := range a.cookies {
		if c.Name == sessionCookie && a.status == http.StatusSeeOther && a.location == "/account" {
			return openSession(ctx, keys, c.Value)
		}
	}
	return session{}, false
}

// message has the cookies that the browser holds now.
func (v *visitor) message(method, path, form string) message {
	v.mu.Lock()
	defer v.mu.Unlock()
	return message{method, path, form, maps.Clone(v.cookies)}
}

// send sends a message to the balancer (at "") or to one machine, and does not touch the browser's cookies.
func (v *visitor) send(ctx context.Context, at string, m message) (*answer, error) {
	base := v.c.base
	if at != "" {
		base = "http://" + at
	}
	r, err := http.NewRequestWithContext(ctx, m.method, base+m.path, strings.NewReader(m.form))
	if err != nil {
		return nil, err
	}
	r.Host = strings.TrimPrefix(v.c.base, "http://")
	if m.form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, name := range slices.Sorted(maps.Keys(m.cookies)) {
		r.AddCookie(&http.Cookie{Name: name, Value: m.cookies[name]})
	}
	res, err := v.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &answer{res.StatusCode, res.Header.Get("Location"), string(body), res.Cookies()}, nil
}

// take keeps the cookies of an answer.
func (v *visitor) take(a *answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range a.cookies {
		if c.MaxAge < 0 || c.Value == "" {
			delete(v.cookies, c.Name)
			continue
		}
		v.cookies[c.Name] = c.Value
	}
}

// errAgain says that the person was shown a page to sign in again.
var errAgain = errors.New("asked to sign in again")

// unclear is an answer that helps nobody.
func unclear(where string, a *answer) error {
	_, page, _ := strings.Cut(a.body, "<main>") // past the style
	return fmt.Errorf("%s: status %d, location %q: %s", where, a.status, a.location, page)
}

// begin goes from the address to the tenant's sign-in page, and returns where that is.
func (v *visitor) begin(ctx context.Context, at, address string) (string, error) {
	a, err := v.send(ctx, at, v.message(http.MethodPost, "/sso/discover", url.Values{"address": {address}}.Encode()))
	switch {
	case err != nil:
		return "", err
	case a.again():
		return "", errAgain
	case a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, v.c.fake.URL):
		return "", unclear("beginning", a)
	}
	v.take(a)
	return a.location, nil
}

// authenticate signs in there, and returns what the browser now sends to the application.
func (v *visitor) authenticate(ctx context.Context, location, address string) (message, error) {
	r, err := v.c.fake.Authenticate(ctx, location, address)
	if err != nil {
		return message{}, err
	}
	var form []byte
	if r.Body != nil {
		if form, err = io.ReadAll(r.Body); err != nil {
			return message{}, err
		}
	}
	return v.message(r.Method, r.URL.RequestURI(), string(form)), nil
}

// finish delivers what came back.
func (v *visitor) finish(ctx context.Context, at string, m message, keys *entra.Keyring) (session, error) {
	a, err := v.send(ctx, at, m)
	if err != nil {
		return session{}, err
	}
	s, ok := a.signedIn(ctx, keys)
	switch {
	case ok:
		v.take(a)
		return s, nil
	case a.again():
		return session{}, errAgain
	}
	return session{}, unclear("finishing", a)
}
