package entra_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// What the Service guards is tested here with a protocol that believes everything, so that no guard of a real one stands in for the Service's own.

const (
	contosoTenant = "11111111-1111-4111-8111-111111111111"
	annObject     = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	clientID      = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
)

// gullible is a protocol that verifies nothing.
type gullible struct {
	mu       sync.Mutex
	strategy entra.Strategy
	finished int                  // how often Finish was called
	begun    []entra.BeginRequest // what Begin was asked
	fail     error                // what Finish answers
	state    []byte               // the driver's state
	payload  map[string]any       // of the identity
	edit     func(*claims.Identity)
	token    *credential.Token
}

func (g *gullible) Strategy() entra.Strategy {
	if g.strategy == "" {
		return entra.OAuth2
	}
	return g.strategy
}

func (g *gullible) Open(entra.Env) (entra.Driver, error) { return g, nil }

func (g *gullible) Begin(_ context.Context, q entra.BeginRequest) (string, []byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begun = append(g.begun, q)
	v := url.Values{"state": {q.State}, "redirect_uri": {q.CallbackURL}}
	for name := range q.Params {
		v.Set(name, q.Params.Get(name))
	}
	return "https://login.example/authorize?" + v.Encode(), g.state, nil
}

func (g *gullible) Receive(a *entra.Arrival) (entra.Receipt, error) {
	if sid := a.Query.Get("sid"); sid != "" {
		return entra.Receipt{SignOut: &entra.SignOutNotice{SessionID: sid}}, nil
	}
	return entra.Receipt{State: a.Query.Get("state")}, nil
}

func (g *gullible) Finish(_ context.Context, q entra.FinishRequest) (*claims.Identity, *credential.Token, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.finished++
	if g.fail != nil {
		return nil, nil, g.fail
	}
	if string(q.ProtocolState) != string(g.state) {
		return nil, nil, errors.New("the driver's state got lost")
	}
	p := map[string]any{"iss": "https://login.example/" + contosoTenant + "/v2.0", "sub": "pairwise", "tid": contosoTenant, "oid": annObject, "name": "Ann", "email": "ann@contoso.com", "acct": 0}
	maps.Copy(p, g.payload)
	b, err := json.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	id, err := claims.FromVerifiedJWT(b)
	if g.edit != nil && err == nil {
		g.edit(id)
	}
	return id, g.token, err
}

// shelf is the smallest ConnectionStore: tests put there what they like, past every check.
type shelf struct {
	mu   sync.Mutex
	byID map[string]*entra.Connection
	err  error
}

func (s *shelf) Connection(_ context.Context, id string) (*entra.Connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	if c := s.byID[id]; c != nil {
		return c.Clone(), nil
	}
	return nil, entra.ErrNotFound
}

func (s *shelf) HomeRealm(_ context.Context, domain string) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.byID {
		if slices.Contains(c.ProvenDomains(), domain) {
			return id, true, nil
		}
	}
	return "", false, nil
}

func (s *shelf) Connections(_ context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(yield func(*entra.Connection, error) bool) {
		for _, c := range s.byID {
			if (f.Name == "" || f.Name == c.Name) && !yield(c, nil) {
				return
			}
		}
	}
}

func (s *shelf) edit(id string, change func(*entra.Connection)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byID[id].Clone()
	change(c)
	s.byID[id] = c
}

// once is the smallest ReplayStore.
type once struct {
	mu   sync.Mutex
	seen map[string]bool
	err  error
}

func (o *once) Remember(_ context.Context, id string, _ time.Time) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return true, o.err // "new", and an error: the error counts
	}
	first := !o.seen[id]
	o.seen[id] = true
	return first, nil
}

// stage is a Service over the gullible protocol.
type stage struct {
	*entra.Service
	door   *gullible
	shelf  *shelf
	replay *once
	clock  *clock
	config entra.Config
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

func newStage(t *testing.T, change ...func(*entra.Config)) *stage {
	t.Helper()
	s := &stage{
		door:   &gullible{state: []byte("driver")},
		shelf:  &shelf{byID: map[string]*entra.Connection{"conn_contoso": contoso()}},
		replay: &once{seen: map[string]bool{}},
		clock:  &clock{t: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)},
	}
	s.config = entra.Config{
		BaseURL: "https://auth.example.com/sso", Connections: s.shelf, Protocols: []entra.Protocol{s.door}, Keys: newKeyring(t), Replay: s.replay,
		Now: s.clock.Now, ReturnURLs: []string{"https://app.example.com/in"}, DefaultReturn: "/home",
	}
	for _, f := range change {
		f(&s.config)
	}
	var err error
	s.Service, err = entra.New(s.config)
	require.NoError(t, err)
	return s
}

func contoso() *entra.Connection {
	return &entra.Connection{
		ID: "conn_contoso", Version: "1", Name: "contoso", DisplayName: "Contoso", Strategy: entra.OAuth2, Enabled: true, EnabledApplications: []string{"app"},
		EntraDomain: "contoso.com", TenantID: contosoTenant, ClientID: clientID, ClientSecret: credential.NewSecret("a test's secret"),
		HomeRealmDomains: []string{"contoso.com"}, DomainProofs: []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainProven, By: entra.ProofByEnvironment}},
	}
}

// begin begins at Contoso for the enabled application.
func (s *stage) begin(t *testing.T, o entra.BeginOptions) *entra.Departure {
	t.Helper()
	if o.Application == "" {
		o.Application = "app"
	}
	d, err := s.Begin(t.Context(), "conn_contoso", o)
	require.NoError(t, err)
	return d
}

// answer is what the browser brings back: the state of d, and the cookies it holds.
func answer(t *testing.T, d *entra.Departure, cookies ...*http.Cookie) *entra.Arrival {
	t.Helper()
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	return &entra.Arrival{Method: http.MethodGet, Path: "/sso/callback/oauth2", Query: url.Values{"state": {u.Query().Get("state")}, "code": {"c"}}, Cookies: cookies}
}

func requireKind(t *testing.T, want entra.Kind, err error) *entra.Error {
	t.Helper()
	var e *entra.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want.String(), e.Kind.String(), "%v", err)
	require.NotEmpty(t, e.Public)
	require.NotEmpty(t, e.Attempt)
	return e
}
