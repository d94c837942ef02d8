package entra

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// BeginOptions of one sign-in. Application and organization come from the host's code, never from a query.
type BeginOptions struct {
	Application  string // decides, with the organization, whether the connection is on
	Organization string // home realm discovery leads to the connection's own, whatever is named
	ReturnTo     string // where the host sends the person in the end; relative, or allowed by Config.ReturnURLs
	Data         []byte // the host's own, back in SignIn.Data; at most 1024 bytes when the flow is a cookie
	// Hints are the values that a connection's upstream parameters may name by alias: login_hint, prompt, domain_hint and whatever
	// the host provides. They go upstream through them only.
	Hints map[string]string

	// The host's demands: they always go upstream, and the verified token must show that they were met.
	ForceLogin bool          // the person proves anew who they are
	MaxAge     time.Duration // of their last proof, whole seconds; 0: no demand
	// Claims is a claims request (JSON): an Error's Again carries one, and a step-up is one ({"id_token":{"acrs":{"essential":true,"value":"c1"}}}). What it
	// asks of the ID token must be in the verified token.
	Claims string

	// AdminConsent sends an administrator of the tenant to grant what the app registration asks for, for everybody, before they sign in. It comes back
	// from Finish as an *Error with KindConsented, whose Again leads to the sign-in. OAuth 2.0 only.
	AdminConsent bool

	// VerifiedAddress is an address that this person has just proven to the host by a code mailed to it, after KindVerify. It is evidence for
	// this very address, at this sign-in.
	VerifiedAddress string

	continues *continued // set in an Error's Again
}

// continued says which sign-in this one goes on with.
type continued struct {
	round       int
	byHomeRealm bool
}

// Departure is where to send the browser, and the cookie to set first.
type Departure struct {
	URL    string
	Cookie *http.Cookie

	service *Service
}

// SetCookies sets the cookie, and removes the oldest of the browser's flows beyond five.
func (d *Departure) SetCookies(w http.ResponseWriter, r *http.Request) {
	if d.service != nil {
		for _, c := range d.service.surplus(r.Cookies(), len(d.Cookie.Name)+len(d.Cookie.Value)) {
			http.SetCookie(w, c)
		}
	}
	http.SetCookie(w, d.Cookie)
}

// Redirect sets the cookies and redirects with 303.
func (d *Departure) Redirect(w http.ResponseWriter, r *http.Request) {
	d.SetCookies(w, r)
	secureHeaders(w)
	w.Header().Set("Location", d.URL)
	w.WriteHeader(http.StatusSeeOther)
}

// Begin begins a sign-in at a connection that was chosen, by a button for instance; or goes on with one, by an Error's Again.
//
// Errors: KindNoConnection, KindDisabled, KindConfiguration, KindProvider (Entra does not know the tenant), KindUnavailable.
func (s *Service) Begin(ctx context.Context, connectionID string, o BeginOptions) (*Departure, error) {
	attempt := newAttempt()
	d, err := s.begin(ctx, connectionID, o, journey{attempt: attempt, byHomeRealm: o.continues != nil && o.continues.byHomeRealm})
	return d, s.fail(ctx, "begin", attempt, nil, err)
}

// BeginTest begins a test sign-in, also while the connection is switched off. It goes the whole way, changes no user, and comes back from
// Finish as an *Error of KindTested, with the *TestReport in it. The host calls it for an administrator it has authorized; it is never a route.
func (s *Service) BeginTest(ctx context.Context, connectionID string, o BeginOptions) (*Departure, error) {
	attempt := newAttempt()
	d, err := s.begin(ctx, connectionID, o, journey{attempt: attempt, test: true})
	return d, s.fail(ctx, "begin", attempt, nil, err)
}

// journey is how a sign-in was begun.
type journey struct {
	attempt           string
	byHomeRealm, test bool
}

func (s *Service) begin(ctx context.Context, connectionID string, o BeginOptions, j journey) (_ *Departure, err error) {
	ctx, done := s.cfg.Observer.Start(ctx, "begin")
	defer func() { done(err) }()

	c, err := s.connection(ctx, connectionID)
	if err != nil {
		return nil, err
	}
	if !j.test && !c.EnabledFor(o.Application, o.Organization, j.byHomeRealm) {
		return nil, NewError(KindDisabled, fmt.Errorf("connection %s is not enabled for application %q and organization %q", c.ID, o.Application, o.Organization))
	}
	t, driver, err := s.target(ctx, c)
	if err != nil {
		return nil, err
	}
	if s.cfg.Flows == nil && len(o.Data) > maxData {
		return nil, NewError(KindConfiguration, fmt.Errorf("BeginOptions.Data has %d bytes, at most %d fit into a cookie", len(o.Data), maxData))
	}
	params, err := c.upstream(o.Hints)
	if err != nil {
		return nil, NewError(KindConfiguration, fmt.Errorf("connection %s: %w", c.ID, err))
	}
	now := s.now()
	f := &flow{
		ID: rand.Text(), State: newState(), Connection: c.ID, Binding: binding(c), Callback: t.CallbackURL,
		Application: o.Application, Organization: o.Organization, ByHomeRealm: j.byHomeRealm, Test: j.test,
		ReturnTo: s.returnTo(o.ReturnTo), Data: o.Data, ForceLogin: o.ForceLogin, MaxAge: o.MaxAge, Claims: o.Claims, Consent: o.AdminConsent,
		Verified: o.VerifiedAddress, Hints: c.named(o.Hints), Attempt: j.attempt, Begun: now.Unix(), Expires: now.Add(s.cfg.FlowLifetime).Unix(),
	}
	if o.continues != nil {
		f.Round = o.continues.round
	}
	url, state, err := departFor(ctx, driver, BeginRequest{Target: t, State: f.State, Params: params, Options: o})
	if err != nil {
		return nil, err
	}
	if len(state) > maxDriverState {
		return nil, NewError(KindInternal, fmt.Errorf("%s keeps %d bytes of state, at most %d are allowed", c.Strategy, len(state), maxDriverState))
	}
	f.Driver = state
	cookie, err := s.depart(ctx, c.Strategy, f)
	if err != nil {
		return nil, err
	}
	return &Departure{URL: url, Cookie: cookie, service: s}, nil
}

func (s *Service) connection(ctx context.Context, id string) (*Connection, error) {
	c, err := s.cfg.Connections.Connection(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, NewError(KindNoConnection, fmt.Errorf("connection %q: %w", id, err))
	}
	if err != nil {
		return nil, NewError(KindUnavailable, fmt.Errorf("connection %q: %w", id, err))
	}
	return c, nil
}

// binding names what of a connection must be the same at the finish as it was at the begin: whoever the token is asked of, and for whom.
func binding(c *Connection) string {
	return hash(string(c.Strategy), c.Cloud, c.Tenant(), c.ClientID, c.Realm, c.MetadataURL, c.Issuer, c.SubjectClaim)[:32]
}

// newState returns 256 random bits, URL-safe.
func newState() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// newAttempt returns an id that a person can read out.
func newAttempt() string {
	return strings.ToLower(rand.Text()[:10])
}

func withHint(hints map[string]string, name, value string) map[string]string {
	all := maps.Clone(hints)
	if all == nil {
		all = map[string]string{}
	}
	all[name] = value
	return all
}
