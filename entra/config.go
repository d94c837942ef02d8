package entra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Config of a Service. The first group is required. Its functions and interfaces are called by many requests at once.
type Config struct {
	// BaseURL is where the Service is mounted, as browsers see it: https://auth.example.com/sso. Callback URLs derive
	// from it, never from a request's Host header. http is for loopback only.
	BaseURL     string
	Connections ConnectionStore
	Protocols   []Protocol
	// Keys seals flows. On several machines it is the same.
	Keys Sealer
	// Replay remembers used flows and assertions. memory.NewReplay() for one machine; several share one.
	Replay ReplayStore

	// Environment keeps flows and replay ids apart where several environments share keys or a store.
	Environment string
	// Flows keeps flows on the server. nil: the sealed flow is the browser's cookie, and nothing is stored.
	Flows FlowStore
	// FlowLifetime is how long a person may take between begin and finish. 0 is 15 minutes.
	FlowLifetime time.Duration

	// Users is the host's users. nil: the host provisions from SignIn.Identity itself.
	Users provisioning.UserStore
	// Organizations tells who may join them. nil: nobody joins one.
	Organizations provisioning.Organizations
	// SyncProfiles is the global policy on profile sync; a connection syncs only while it answers true. nil: off.
	SyncProfiles func(context.Context) (bool, error)
	// GroupsMaxAge is how long the groups known before are still good when a sign-in could not learn them. 0 is 24 hours;
	// negative: not at all.
	GroupsMaxAge time.Duration
	// GroupRules gives roles or permissions of the host's for a person's groups: SignIn.Roles, and User.Roles in the same step as User.Groups. Who is taken out of the last
	// group loses them at the next sign-in, as does whose groups have been unknown for longer than the maximum age. nil: the host maps groups itself.
	//
	// A customer's administrator decides who is in a group, and says by the connection's group options which names count. So give each connection rules of
	// its own, with no more than that customer may hand out: one list for all would be every customer's.
	GroupRules func(context.Context, *Connection) ([]provisioning.Rule, error)
	// GraphCache is how long groups and profiles that Graph told are kept in memory, per person: a removal from a group is seen this much later. 0: not at all.
	GraphCache time.Duration
	// EnrichTimeout bounds all that Microsoft Graph is asked during one sign-in, waiting for its throttling included. What is not known by then
	// is not known at this sign-in. 0 is 10 seconds.
	EnrichTimeout time.Duration

	// Credential proves the application for a connection (vault, KMS, managed identity). nil: Connection.Credential.
	Credential func(context.Context, *Connection) (credential.Credential, error)
	// CallbackBase returns the base of a connection's callback URLs where it has a custom domain (UseCustomDomain). nil or "": BaseURL. A
	// flow's cookie belongs to one host name, so such a sign-in must begin on the custom domain too.
	CallbackBase func(context.Context, *Connection) (string, error)
	// Clouds are clouds beside Microsoft's own (tests, new sovereign clouds); one of the same name takes precedence.
	Clouds []cloud.Cloud

	// BeginOptions tells for a request to the handlers which application and organization a sign-in is for, and the host's own
	// data. nil: none. The query's return_to and login_hint are added where the result leaves them empty. An error ends the
	// request: an *Error is shown as it is, any other is KindInternal.
	BeginOptions func(*http.Request) (BeginOptions, error)
	// ReturnURLs are the absolute return addresses allowed beside relative ones: "https://app.example.com/" allows that
	// origin's paths below "/". DefaultReturn takes the place of one that is not allowed; "" is "/".
	ReturnURLs    []string
	DefaultReturn string

	// Limit is asked before each step that a stranger can cause: "discover", "begin", "callback", "signout". An
	// error stops it with 429. nil: no limit.
	Limit func(r *http.Request, step string) error
	// OnSignIn answers the browser: the host starts its session and redirects to in.ReturnTo. Required by ServeHTTP.
	OnSignIn func(w http.ResponseWriter, r *http.Request, in *SignIn)
	// OnTest answers a test sign-in, in the browser in which it was begun and once. It shows a person's claims: where administrators may change there meanwhile,
	// the host compares report.Data, in which it named the one who began it, with who is signed in to it now. nil: it is an *Error with KindTested, for OnError.
	OnTest func(w http.ResponseWriter, r *http.Request, report *TestReport)
	// OnConsent answers the browser of an administrator who consented (BeginOptions.AdminConsent); e.Again leads to the sign-in. nil: straight on to it.
	OnConsent func(w http.ResponseWriter, r *http.Request, e *Error, report *ConsentReport)
	// OnError shows an error. nil: a plain page.
	OnError func(w http.ResponseWriter, r *http.Request, e *Error)
	// OnSignOut ends the host's sessions when the provider signs somebody out. nil: nothing happens.
	OnSignOut func(ctx context.Context, r *http.Request, n SignOutNotice) error
	// Audit hears of every provisioning outcome. nil: nobody does.
	Audit func(context.Context, provisioning.Audit)

	// HTTPClient for everything that is fetched; redirects and sizes are bounded whatever it is. nil: a client that dials
	// public addresses only.
	HTTPClient *http.Client
	Now        func() time.Time // nil: time.Now
	Logger     *slog.Logger     // nil: silent
	Observer   Observer         // nil: nobody observes
}

// Service signs people in. It is safe for concurrent use, starts no goroutine and needs no closing.
type Service struct {
	cfg         Config
	secure      bool // BaseURL is https
	path        string
	now         func() time.Time
	log         *slog.Logger
	drivers     map[Strategy]Driver
	returns     []*url.URL
	tokens      *credential.Endpoint
	graph       *graph.Client
	provisioner *provisioning.Provisioner
	unasked     chan struct{} // held by each provider-initiated answer that is looked up
}

// New returns a Service, or an error that names what is missing or wrong in c.
func New(c Config) (*Service, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	base, err := outbound.CheckURL(strings.TrimRight(c.BaseURL, "/"))
	if err != nil || base.RawQuery != "" {
		return nil, fmt.Errorf("entra: Config.BaseURL %q must be an https URL (or http on loopback) without query", c.BaseURL)
	}
	c.BaseURL = base.String()
	c.HTTPClient = outbound.Client(c.HTTPClient)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = unobserved{}
	}
	if c.FlowLifetime == 0 {
		c.FlowLifetime = 15 * time.Minute
	}
	if c.GroupsMaxAge == 0 {
		c.GroupsMaxAge = 24 * time.Hour
	}
	if c.EnrichTimeout == 0 {
		c.EnrichTimeout = 10 * time.Second
	}
	if c.DefaultReturn == "" {
		c.DefaultReturn = "/"
	}
	s := &Service{
		cfg: c, secure: base.Scheme == "https", path: strings.TrimRight(base.Path, "/"), now: c.Now, log: c.Logger,
		drivers: map[Strategy]Driver{},
		unasked: make(chan struct{}, unaskedAtOnce),
		tokens:  &credential.Endpoint{HTTPClient: c.HTTPClient, Now: c.Now},
		graph:   graph.New(graph.Config{HTTPClient: c.HTTPClient, Now: c.Now, CacheFor: c.GraphCache}),
	}
	for _, raw := range c.ReturnURLs {
		u, err := outbound.CheckURL(raw)
		if err != nil || u.RawQuery != "" {
			return nil, fmt.Errorf("entra: Config.ReturnURLs: %q must be an https URL (or http on loopback) without query", raw)
		}
		s.returns = append(s.returns, u)
	}
	if c.Users != nil {
		if s.provisioner, err = provisioning.New(provisioning.Config{Users: c.Users, Now: c.Now, Audit: c.Audit}); err != nil {
			return nil, err
		}
	}
	env := Env{HTTPClient: c.HTTPClient, Now: c.Now, Logger: c.Logger, Observer: c.Observer, Replay: c.Replay, Tokens: s.tokens}
	for _, p := range c.Protocols {
		if _, twice := s.drivers[p.Strategy()]; twice {
			return nil, fmt.Errorf("entra: Config.Protocols has %s twice", p.Strategy())
		}
		if s.drivers[p.Strategy()], err = p.Open(env); err != nil {
			return nil, fmt.Errorf("entra: opening %s: %w", p.Strategy(), err)
		}
	}
	return s, nil
}

func (c *Config) check() error {
	var errs []error
	missing := func(name string) { errs = append(errs, fmt.Errorf("entra: Config.%s is required", name)) }
	if c.BaseURL == "" {
		missing("BaseURL")
	}
	if c.Connections == nil {
		missing("Connections")
	}
	if len(c.Protocols) == 0 || slices.Contains(c.Protocols, nil) {
		missing("Protocols")
	}
	if c.Keys == nil {
		missing("Keys")
	}
	if c.Replay == nil {
		missing("Replay")
	}
	if c.FlowLifetime < 0 || c.FlowLifetime > 24*time.Hour {
		errs = append(errs, errors.New("entra: Config.FlowLifetime must be between 0 and 24 hours"))
	}
	return errors.Join(errs...)
}

type unobserved struct{}

func (unobserved) Start(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}
