package entra_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
)

const providersRealm = "spn:" + clientID

// provider is a gullible protocol whose answers name a realm.
type provider struct{ *gullible }

func (p provider) Open(entra.Env) (entra.Driver, error) { return p, nil }

func (p provider) Receive(a *entra.Arrival) (entra.Receipt, error) {
	return entra.Receipt{State: a.Form.Get("wctx"), Realm: a.Form.Get("realm")}, nil
}

// newInitiated is a stage of one WS-Federation connection that allows provider-initiated sign-in, of an organization.
func newInitiated(t *testing.T, change ...func(*entra.Config)) *stage {
	t.Helper()
	door := &gullible{strategy: entra.WSFed, state: []byte("driver")}
	s := newStage(t, append([]func(*entra.Config){func(c *entra.Config) { c.Protocols = []entra.Protocol{provider{door}} }}, change...)...)
	s.door = door
	s.shelf.edit("conn_contoso", func(c *entra.Connection) {
		c.Strategy, c.AllowProviderInitiated, c.OrganizationID, c.EnabledApplications = entra.WSFed, true, "org_contoso", nil
	})
	return s
}

func unasked(wctx, realm string, cookies ...*http.Cookie) *entra.Arrival {
	return &entra.Arrival{
		Method: http.MethodPost, Path: "/sso/callback/wsfed", Cookies: cookies,
		Form: url.Values{"wa": {"wsignin1.0"}, "wctx": {wctx}, "realm": {realm}, "wresult": {"somebody's token"}},
	}
}

// TestProviderInitiated: the answer signs in nobody; the sign-in begins afresh, and only what comes back from there counts.
func TestProviderInitiated(t *testing.T) {
	s := newInitiated(t)
	in, err := s.Finish(t.Context(), unasked("", providersRealm))
	require.Nil(t, in)
	e := requireKind(t, entra.KindFlow, err)
	assert.Equal(t, "conn_contoso", e.ConnectionID)
	require.NotNil(t, e.Again)
	assert.Zero(t, s.door.finished, "nothing in the answer was looked at")
	assert.Empty(t, s.replay.seen, "nothing was used up")

	d, err := s.Begin(t.Context(), e.ConnectionID, *e.Again)
	require.NoError(t, err)
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	in, err = s.Finish(t.Context(), unasked(u.Query().Get("state"), providersRealm, d.Cookie))
	require.NoError(t, err)
	assert.Equal(t, "org_contoso", in.Organization, "the connection's own")
	assert.Equal(t, "/home", in.ReturnTo, "the answer does not choose where to go")
}

// TestProviderInitiatedAsksByRealm: what anybody can post makes no store read all that it has. The store of the other tests knows no realms and lists more than was
// asked for, which changes nothing but the time.
func TestProviderInitiatedAsksByRealm(t *testing.T) {
	var asked []entra.Filter
	s := newInitiated(t, func(c *entra.Config) { c.Connections = filtered{c.Connections, &asked} })
	_, err := s.Finish(t.Context(), unasked("", providersRealm))
	require.NotNil(t, requireKind(t, entra.KindFlow, err).Again)
	require.Equal(t, []entra.Filter{{Realm: providersRealm}}, asked)
}

// filtered remembers what its connections were asked for by, and looks through them.
type filtered struct {
	entra.ConnectionStore
	asked *[]entra.Filter
}

func (s filtered) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	*s.asked = append(*s.asked, f)
	return func(yield func(*entra.Connection, error) bool) {
		for c, err := range s.ConnectionStore.(entra.ConnectionLister).Connections(ctx, entra.Filter{}) {
			if f.Matches(c) && !yield(c, err) {
				return
			}
		}
	}
}

func TestProviderInitiatedRefused(t *testing.T) {
	another := func(change func(*entra.Connection)) func(*stage) {
		return func(s *stage) {
			c := s.shelf.byID["conn_contoso"].Clone()
			c.ID, c.Name = "conn_other", "other"
			change(c)
			s.shelf.byID[c.ID] = c
		}
	}
	edit := func(change func(*entra.Connection)) func(*stage) {
		return func(s *stage) { s.shelf.edit("conn_contoso", change) }
	}
	flowCookie := &http.Cookie{Name: "__Host-td-1-0123456789abcdef", Value: "x"}
	for name, c := range map[string]struct {
		prepare func(*stage)
		arrival *entra.Arrival
	}{
		"not allowed":            {edit(func(c *entra.Connection) { c.AllowProviderInitiated = false }), unasked("", providersRealm)},
		"switched off":           {edit(func(c *entra.Connection) { c.Enabled = false }), unasked("", providersRealm)},
		"another protocol":       {edit(func(c *entra.Connection) { c.Strategy = entra.OAuth2 }), unasked("", providersRealm)},
		"no realm":               {nil, unasked("", "")},
		"another realm":          {nil, unasked("", "spn:other")},
		"no realm on both sides": {edit(func(c *entra.Connection) { c.ClientID = "" }), unasked("", "")},
		"two connections":        {another(func(*entra.Connection) {}), unasked("", providersRealm)},
		"two, one allows it":     {another(func(c *entra.Connection) { c.AllowProviderInitiated = false }), unasked("", providersRealm)},
		"a state of another":     {nil, unasked("stolen", providersRealm)},
		"a sign-in is under way": {nil, unasked("", providersRealm, flowCookie)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newInitiated(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			in, err := s.Finish(t.Context(), c.arrival)
			require.Nil(t, in)
			e := requireKind(t, entra.KindFlow, err)
			assert.Nil(t, e.Again)
			assert.Zero(t, s.door.finished)
		})
	}

	s := newInitiated(t)
	another(func(c *entra.Connection) { c.Enabled = false })(s)
	another(func(c *entra.Connection) { c.Realm = "spn:third" })(s)
	_, err := s.Finish(t.Context(), unasked("", providersRealm))
	assert.NotNil(t, requireKind(t, entra.KindFlow, err).Again, "others do not stand in the way")

	s = newInitiated(t, func(c *entra.Config) { c.Connections = unlisted{c.Connections} })
	_, err = s.Finish(t.Context(), unasked("", providersRealm))
	assert.Nil(t, requireKind(t, entra.KindFlow, err).Again, "a store that cannot list")
	s = newInitiated(t, func(c *entra.Config) { c.Connections = broken{c.Connections} })
	_, err = s.Finish(t.Context(), unasked("", providersRealm))
	assert.Nil(t, requireKind(t, entra.KindUnavailable, err).Again)
}

// TestProviderInitiatedFlood: who posts answers that nobody asked for keeps no more of the host busy than a few looks at its connections.
func TestProviderInitiatedFlood(t *testing.T) {
	looking, goOn := make(chan struct{}), make(chan struct{})
	s := newInitiated(t, func(c *entra.Config) { c.Connections = slow{c.Connections, looking, goOn} })
	results := make(chan error)
	for range 4 {
		go func() {
			_, err := s.Finish(context.Background(), unasked("", providersRealm))
			results <- err
		}()
		<-looking
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Finish(context.Background(), unasked("", providersRealm))
		done <- err
	}()
	select {
	case err := <-done:
		requireKind(t, entra.KindLimited, err)
	case <-looking:
		t.Error("one more looks")
	}
	close(goOn)
	for range 4 {
		requireKind(t, entra.KindFlow, <-results)
	}
	go func() { <-looking }()
	_, err := s.Finish(t.Context(), unasked("", providersRealm))
	requireKind(t, entra.KindFlow, err)
}

// slow says when somebody lists its connections, and waits.
type slow struct {
	entra.ConnectionStore
	looking, goOn chan struct{}
}

func (s slow) Connections(context.Context, entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(func(*entra.Connection, error) bool) {
		s.looking <- struct{}{}
		<-s.goOn
	}
}

type unlisted struct{ entra.ConnectionStore }

type broken struct{ entra.ConnectionStore }

func (broken) Connections(context.Context, entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(yield func(*entra.Connection, error) bool) { yield(nil, errors.New("down")) }
}

// TestProviderInitiatedByHandler: what a stranger's page posts leads to the provider with a request of our own, never to a session.
func TestProviderInitiatedByHandler(t *testing.T) {
	signedIn := 0
	var asked *http.Request
	s := newInitiated(t, func(c *entra.Config) {
		c.OnSignIn = func(http.ResponseWriter, *http.Request, *entra.SignIn) { signedIn++ }
		c.BeginOptions = func(r *http.Request) (entra.BeginOptions, error) {
			asked = r
			return entra.BeginOptions{Application: "app", Data: []byte("host's own")}, nil
		}
	})
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.OrganizationID, c.EnabledApplications = "", []string{"app"} })
	post := func(a *entra.Arrival) *http.Response {
		r := httptest.NewRequest(http.MethodPost, "https://auth.example.com"+a.Path+"?return_to=https://evil.example/", strings.NewReader(a.Form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range a.Cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Result()
	}
	res := post(unasked("", providersRealm))
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.NotNil(t, asked, "the host says which application it is for")
	require.Len(t, res.Cookies(), 1)
	require.Zero(t, signedIn)
	u, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "login.example", u.Host)
	require.NotEmpty(t, u.Query().Get("state"))

	// The same answer again, from a browser that now has a flow: the provider loses the state, and going on would never end.
	again := post(unasked("", providersRealm, res.Cookies()...))
	require.NoError(t, again.Body.Close())
	require.Equal(t, http.StatusBadRequest, again.StatusCode)
	require.Zero(t, signedIn)

	back := post(unasked(u.Query().Get("state"), "", res.Cookies()...))
	require.NoError(t, back.Body.Close())
	require.Equal(t, 1, signedIn)

	// An organization's own connection leads to that organization, which nobody has to have chosen.
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.OrganizationID, c.EnabledApplications = "org_contoso", nil })
	own := post(unasked("", providersRealm))
	require.NoError(t, own.Body.Close())
	require.Equal(t, http.StatusSeeOther, own.StatusCode)

	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.OrganizationID, c.EnabledApplications = "", []string{"other"} })
	off := post(unasked("", providersRealm))
	require.NoError(t, off.Body.Close())
	require.Equal(t, http.StatusBadRequest, off.StatusCode, "off for this application")
}
