package entra_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
)

func TestFlowComesBack(t *testing.T) {
	s := newStage(t)
	d := s.begin(t, entra.BeginOptions{ReturnTo: "/inbox?folder=1", Data: []byte("the host's own")})
	in, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	require.NoError(t, err)
	require.Equal(t, "/inbox?folder=1", in.ReturnTo)
	require.Equal(t, "the host's own", string(in.Data))
	require.Equal(t, "app", in.Application)
	require.Equal(t, annObject, in.Identity.ObjectID)
}

// eachPlace runs a test with flows in the cookie and in a store.
func eachPlace(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Helper()
	for name, flows := range map[string]entra.FlowStore{"cookie": nil, "store": newShelfOfFlows()} {
		t.Run(name, func(t *testing.T) { test(t, newStage(t, func(c *entra.Config) { c.Flows = flows })) })
	}
}

func TestFlowIsUsedOnce(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *stage) {
		d := s.begin(t, entra.BeginOptions{})
		_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
		require.NoError(t, err)
		_, err = s.Finish(t.Context(), answer(t, d, d.Cookie))
		requireKind(t, entra.KindFlow, err)
		require.Equal(t, 1, s.door.finished, "the second answer never reaches the provider")
	})
}

func TestFlowIsUsedOnceConcurrently(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *stage) {
		d := s.begin(t, entra.BeginOptions{})
		a := answer(t, d, d.Cookie)
		var good atomic.Int32
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if _, err := s.Finish(context.Background(), a); err == nil {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, good.Load())
	})
}

// An answer that says "error" is somebody's answer to one sign-in, and uses it up like any other.
func TestErrorAnswerUsesUpItsFlow(t *testing.T) {
	s := newStage(t)
	s.door.fail = &entra.ProviderError{OAuth: "access_denied", Code: 65004}
	d := s.begin(t, entra.BeginOptions{ReturnTo: "/inbox"})
	_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	e := requireKind(t, entra.KindProvider, err)
	require.Equal(t, "/inbox", e.ReturnTo)
	s.door.fail = nil
	_, err = s.Finish(t.Context(), answer(t, d, d.Cookie))
	requireKind(t, entra.KindFlow, err)

	other := s.begin(t, entra.BeginOptions{})
	_, err = s.Finish(t.Context(), answer(t, other)) // an error without the flow's cookie
	requireKind(t, entra.KindFlow, err)
}

func TestFlowBelongsToItsBrowser(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *stage) {
		mine, theirs := s.begin(t, entra.BeginOptions{}), s.begin(t, entra.BeginOptions{})

		_, err := s.Finish(t.Context(), answer(t, mine))
		requireKind(t, entra.KindFlow, err)
		_, err = s.Finish(t.Context(), answer(t, mine, theirs.Cookie))
		requireKind(t, entra.KindFlow, err)

		// Their cookie under the name of mine: the state sealed inside, or the cookie's hash, tells.
		forged := *theirs.Cookie
		forged.Name = mine.Cookie.Name
		again := s.begin(t, entra.BeginOptions{})
		forged.Name = again.Cookie.Name
		_, err = s.Finish(t.Context(), answer(t, again, &forged))
		requireKind(t, entra.KindFlow, err)
		require.Zero(t, s.door.finished)

		_, err = s.Finish(t.Context(), answer(t, theirs, theirs.Cookie))
		require.NoError(t, err)
	})
}

// A sibling domain that can set cookies of one name must not lock the real one out (attack: cookie tossing).
func TestTossedCookies(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *stage) {
		d := s.begin(t, entra.BeginOptions{})
		tossed := &http.Cookie{Name: d.Cookie.Name, Value: "dG9zc2Vk"}
		_, err := s.Finish(t.Context(), answer(t, d, tossed, d.Cookie))
		require.NoError(t, err)
	})
}

// However many are tossed, few are opened: a sealer may be a KMS that costs money.
func TestTossedCookiesAreBounded(t *testing.T) {
	meter := &meteredSealer{Sealer: newKeyring(t)}
	s := newStage(t, func(c *entra.Config) { c.Keys = meter })
	d := s.begin(t, entra.BeginOptions{})
	var tossed []*http.Cookie
	for range 50 {
		tossed = append(tossed, &http.Cookie{Name: d.Cookie.Name, Value: "dG9zc2Vk"})
	}
	_, err := s.Finish(t.Context(), answer(t, d, tossed...))
	requireKind(t, entra.KindFlow, err)
	require.LessOrEqual(t, meter.opened, 5)
}

type meteredSealer struct {
	entra.Sealer
	opened int
}

func (m *meteredSealer) Open(ctx context.Context, sealed, about []byte) ([]byte, error) {
	m.opened++
	return m.Sealer.Open(ctx, sealed, about)
}

func TestStateMissing(t *testing.T) {
	s := newStage(t)
	d := s.begin(t, entra.BeginOptions{})
	a := answer(t, d, d.Cookie)
	a.Query.Del("state")
	_, err := s.Finish(t.Context(), a)
	requireKind(t, entra.KindFlow, err)
	a.Query.Set("state", "")
	_, err = s.Finish(t.Context(), a)
	requireKind(t, entra.KindFlow, err)
}

func TestFlowExpires(t *testing.T) {
	s := newStage(t)
	early, late := s.begin(t, entra.BeginOptions{}), s.begin(t, entra.BeginOptions{})
	s.clock.advance(15*time.Minute - time.Second)
	_, err := s.Finish(t.Context(), answer(t, early, early.Cookie))
	require.NoError(t, err)
	s.clock.advance(time.Second)
	_, err = s.Finish(t.Context(), answer(t, late, late.Cookie))
	requireKind(t, entra.KindFlow, err)
}

func TestFlowOfAnotherEnvironmentOrProtocol(t *testing.T) {
	s := newStage(t)
	d := s.begin(t, entra.BeginOptions{})

	c := s.config
	c.Environment = "staging"
	other, err := entra.New(c)
	require.NoError(t, err)
	_, err = other.Finish(t.Context(), answer(t, d, d.Cookie))
	requireKind(t, entra.KindFlow, err)

	c = s.config
	c.Protocols = []entra.Protocol{s.door, &gullible{strategy: entra.WSFed, state: s.door.state}}
	both, err := entra.New(c)
	require.NoError(t, err)
	a := answer(t, d, d.Cookie)
	a.Path = "/sso/callback/wsfed"
	_, err = both.Finish(t.Context(), a)
	requireKind(t, entra.KindFlow, err)
}

func TestReplayStoreFails(t *testing.T) {
	s := newStage(t)
	d := s.begin(t, entra.BeginOptions{})
	s.replay.err = errors.New("no answer")
	_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	e := requireKind(t, entra.KindUnavailable, err)
	require.True(t, e.Retry)
	require.Zero(t, s.door.finished)
}

// Whatever of the connection says whom the token comes from and whom it is for: changed midway, the sign-in ends. So does one that was switched off.
func TestConnectionChangesMidway(t *testing.T) {
	refused := map[string]func(*entra.Connection){
		"off":                          func(c *entra.Connection) { c.Enabled = false },
		"application no longer listed": func(c *entra.Connection) { c.EnabledApplications = nil },
		"tenant":                       func(c *entra.Connection) { c.TenantID = "22222222-2222-4222-8222-222222222222" },
		"client":                       func(c *entra.Connection) { c.ClientID = "dddddddd-dddd-4ddd-8ddd-dddddddddddd" },
		"cloud":                        func(c *entra.Connection) { c.Cloud = "usgov" },
		"many tenants":                 func(c *entra.Connection) { c.UseCommonEndpoint, c.AllowedTenants = true, []string{contosoTenant} },
	}
	for name, change := range refused {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			d := s.begin(t, entra.BeginOptions{})
			s.shelf.edit("conn_contoso", change)
			_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
			requireKind(t, entra.KindDisabled, err)
			require.Zero(t, s.door.finished)
		})
	}
	t.Run("deleted", func(t *testing.T) {
		s := newStage(t)
		d := s.begin(t, entra.BeginOptions{})
		delete(s.shelf.byID, "conn_contoso")
		_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
		requireKind(t, entra.KindNoConnection, err)
	})
	t.Run("label", func(t *testing.T) {
		s := newStage(t)
		d := s.begin(t, entra.BeginOptions{})
		s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.DisplayName = "Contoso Ltd"; c.Version = "2" })
		_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
		require.NoError(t, err)
	})
}

// A flow's answer comes to the address that it was begun for, or not at all.
func TestCallbackChangesMidway(t *testing.T) {
	s := newStage(t, func(c *entra.Config) {
		c.CallbackBase = func(context.Context, *entra.Connection) (string, error) {
			return "https://login.contoso.example/sso", nil
		}
	})
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.UseCustomDomain = true })
	d := s.begin(t, entra.BeginOptions{})
	require.Contains(t, d.URL, "login.contoso.example")
	_, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	require.NoError(t, err)

	d = s.begin(t, entra.BeginOptions{})
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.UseCustomDomain = false })
	_, err = s.Finish(t.Context(), answer(t, d, d.Cookie))
	requireKind(t, entra.KindFlow, err)
	require.Equal(t, 1, s.door.finished)
}

func TestBeginWhereOff(t *testing.T) {
	s := newStage(t)
	_, err := s.Begin(t.Context(), "conn_contoso", entra.BeginOptions{Application: "another"})
	requireKind(t, entra.KindDisabled, err)
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.Enabled = false })
	_, err = s.Begin(t.Context(), "conn_contoso", entra.BeginOptions{Application: "app"})
	requireKind(t, entra.KindDisabled, err)
	_, err = s.BeginByAddress(t.Context(), "ann@contoso.com", entra.BeginOptions{Application: "app"})
	requireKind(t, entra.KindDisabled, err)
	_, err = s.Begin(t.Context(), "conn_unknown", entra.BeginOptions{Application: "app"})
	requireKind(t, entra.KindNoConnection, err)
	require.Empty(t, s.door.begun)
}

func TestTestSignIn(t *testing.T) {
	s := newStage(t)
	s.shelf.edit("conn_contoso", func(c *entra.Connection) { c.Enabled = false })
	d, err := s.BeginTest(t.Context(), "conn_contoso", entra.BeginOptions{Data: []byte("admin 7")})
	require.NoError(t, err)
	in, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	require.Nil(t, in)
	var report *entra.TestReport
	require.ErrorAs(t, err, &report)
	e := requireKind(t, entra.KindTested, err)
	require.Equal(t, "conn_contoso", e.ConnectionID)
	require.Equal(t, report.Attempt, e.Attempt)
	require.Nil(t, e.Again)
	require.Equal(t, http.StatusOK, e.Status())
	require.Equal(t, annObject, report.Identity.ObjectID)
	require.Equal(t, "admin 7", string(report.Data))

	_, err = s.Finish(t.Context(), answer(t, d, d.Cookie))
	requireKind(t, entra.KindFlow, err)

	d, err = s.BeginTest(t.Context(), "conn_contoso", entra.BeginOptions{})
	require.NoError(t, err)
	_, err = s.Finish(t.Context(), answer(t, d)) // opened by another person
	requireKind(t, entra.KindFlow, err)
}

func TestFlowCookie(t *testing.T) {
	s := newStage(t)
	c := s.begin(t, entra.BeginOptions{}).Cookie
	require.True(t, strings.HasPrefix(c.Name, "__Host-"), c.Name)
	require.True(t, c.Secure && c.HttpOnly)
	require.Equal(t, "/", c.Path)
	require.Empty(t, c.Domain)
	require.Equal(t, http.SameSiteNoneMode, c.SameSite)
	require.Equal(t, 900, c.MaxAge)
	require.NotContains(t, c.Value, "contoso")

	loopback := newStage(t, func(c *entra.Config) { c.BaseURL = "http://localhost:8080/sso" })
	c = loopback.begin(t, entra.BeginOptions{}).Cookie
	require.False(t, c.Secure)
	require.Equal(t, http.SameSiteLaxMode, c.SameSite)
}

// The cookie must stay below what browsers keep, with all that a host may put into it.
func TestFlowCookieSize(t *testing.T) {
	s := newStage(t)
	s.door.state = make([]byte, 512)
	d := s.begin(t, entra.BeginOptions{Data: make([]byte, 1024), ReturnTo: "/" + strings.Repeat("r", 199)})
	t.Logf("512 B of driver state, 1 KB of data and a 200 B return address make a cookie of %d bytes", len(d.Cookie.String()))
	require.Less(t, len(d.Cookie.String()), 4096)

	_, err := s.Begin(t.Context(), "conn_contoso", entra.BeginOptions{Application: "app", Data: make([]byte, 1025)})
	requireKind(t, entra.KindConfiguration, err)
	s.door.state = make([]byte, 513)
	_, err = s.Begin(t.Context(), "conn_contoso", entra.BeginOptions{Application: "app"})
	requireKind(t, entra.KindInternal, err)
}

func TestOpenFlowsAreBounded(t *testing.T) {
	s := newStage(t)
	jar := map[string]*http.Cookie{}
	var last *entra.Departure
	for range 50 {
		s.clock.advance(time.Second)
		last = s.begin(t, entra.BeginOptions{})
		r := httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/begin", nil)
		for _, c := range jar {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		last.Redirect(w, r)
		for _, c := range w.Result().Cookies() {
			if jar[c.Name] = c; c.MaxAge < 0 {
				delete(jar, c.Name)
			}
		}
		require.LessOrEqual(t, len(jar), 5)
	}
	require.Contains(t, jar, last.Cookie.Name, "the newest stays")
	_, err := s.Finish(t.Context(), answer(t, last, jar[last.Cookie.Name]))
	require.NoError(t, err)
}

// Few and long are as bad as many: servers refuse a Cookie header over some 8 KB, and a page that begins sign-ins could keep people out.
func TestLongFlowsAreBounded(t *testing.T) {
	s := newStage(t)
	jar := map[string]*http.Cookie{}
	for range 10 {
		s.clock.advance(time.Second)
		d := s.begin(t, entra.BeginOptions{ReturnTo: "/" + strings.Repeat("r", 1000)})
		r := httptest.NewRequest(http.MethodGet, "https://auth.example.com/sso/begin", nil)
		size := 0
		for _, c := range jar {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		d.SetCookies(w, r)
		for _, c := range w.Result().Cookies() {
			if jar[c.Name] = c; c.MaxAge < 0 {
				delete(jar, c.Name)
			}
		}
		require.Contains(t, jar, d.Cookie.Name)
		for _, c := range jar {
			size += len(c.Name) + len(c.Value)
		}
		require.LessOrEqual(t, size, 6<<10)
	}
}

// shelfOfFlows is the smallest FlowStore.
type shelfOfFlows struct {
	mu   sync.Mutex
	byID map[string][]byte
}

func newShelfOfFlows() *shelfOfFlows { return &shelfOfFlows{byID: map[string][]byte{}} }

func (s *shelfOfFlows) Put(_ context.Context, id string, sealed []byte, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[id] = sealed
	return nil
}

func (s *shelfOfFlows) Take(_ context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed, ok := s.byID[id]
	delete(s.byID, id)
	if !ok {
		return nil, entra.ErrNotFound
	}
	return sealed, nil
}

func TestFlowStoreSeesSealedBytesOnly(t *testing.T) {
	flows := newShelfOfFlows()
	s := newStage(t, func(c *entra.Config) { c.Flows = flows })
	d := s.begin(t, entra.BeginOptions{Data: make([]byte, 4096), ReturnTo: "/inbox"})
	require.Less(t, len(d.Cookie.Value), 64)
	for id, sealed := range flows.byID {
		require.NotContains(t, string(sealed), "inbox")
		require.NotContains(t, id, d.Cookie.Value)
	}
	in, err := s.Finish(t.Context(), answer(t, d, d.Cookie))
	require.NoError(t, err)
	require.Len(t, in.Data, 4096)
}
