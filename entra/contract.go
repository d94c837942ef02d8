package entra

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Config of a Service.
type Config struct {
	BaseURL       string // where ServeHTTP is mounted, absolute: https://auth.example.com/sso. Callback URLs derive from it, never from a request
	Environment   string // keeps flows and replay ids apart under shared keys
	Connections   ConnectionStore
	Protocols     []Protocol
	Keys          Sealer
	Replay        ReplayStore
	Flows         FlowStore                  // nil: the sealed flow is the browser's cookie
	FlowLifetime  time.Duration              // 0: 15 minutes
	Users         provisioning.UserStore     // nil: the host provisions from SignIn.Identity
	Organizations provisioning.Organizations // nil: nobody joins one
	SyncProfiles  func(context.Context) (bool, error)
	Credential    func(context.Context, *Connection) (credential.Credential, error)
	CallbackBase  func(context.Context, *Connection) (string, error)
	BeginOptions  func(*http.Request) (BeginOptions, error)
	ReturnURLs    []string // absolute return addresses allowed beside relative ones: exact origin and path prefix
	DefaultReturn string   // where a refused return address leads; "" is "/"
	Clouds        []cloud.Cloud
	Limit         func(r *http.Request, step string) error
	OnSignIn      func(http.ResponseWriter, *http.Request, *SignIn)
	OnTest        func(http.ResponseWriter, *http.Request, *TestReport)
	OnError       func(http.ResponseWriter, *http.Request, *Error)
	OnSignOut     func(context.Context, SignOutNotice) error
	Audit         func(context.Context, provisioning.Audit)
	HTTPClient    *http.Client
	Now           func() time.Time
	Logger        *slog.Logger
	Observer      Observer
}

// Service signs people in.
type Service struct{}

// New returns a Service.
func New(c Config) (*Service, error) { panic("sketch") }

// BeginOptions of one sign-in.
type BeginOptions struct {
	Application, Organization, ReturnTo string
	Data                                []byte
	Hints                               map[string]string // what aliases may name: login_hint, prompt, domain_hint, …
	ForceLogin, AdminConsent            bool
	MaxAge                              time.Duration // 0: no demand
	Claims                              string
}

// Departure is where to send the browser, and the cookie to set first.
type Departure struct {
	URL    string
	Cookie *http.Cookie
}

// SignIn is a person who signed in.
type SignIn struct {
	User                                *provisioning.User // nil without Config.Users
	Identity                            *claims.Identity
	Connection                          *Connection
	Decision                            provisioning.Decision
	Application, Organization, ReturnTo string
	Data                                []byte
	Tokens                              *credential.Token // nil over WS-Federation
	Attempt                             string
	GroupsFrom                          string // "token", "graph", "" when unknown
}

// TestReport is what a test sign-in comes back as: an error, so that nobody takes it for a SignIn.
type TestReport struct {
	Connection *Connection
	Identity   *claims.Identity
	Decision   provisioning.Decision
	Data       []byte
	Attempt    string
	GroupsFrom string
}

func (t *TestReport) Error() string { return "entra: this was a test sign-in" }

// Kind is what hosts translate an error by.
type Kind int

// The kinds.
const (
	KindInternal      Kind = iota // ours or the host's fault
	KindConfiguration             // the connection, or the host's set-up, cannot work
	KindNoConnection              // nobody's domain, unknown connection
	KindDisabled                  // switched off, for this application or organization, or midway
	KindFlow                      // state missing, expired, used, of another browser
	KindToken                     // the answer was refused
	KindProvider                  // Entra said no: *ProviderError inside
	KindRefused                   // *provisioning.Refused inside
	KindVerify                    // the address must be verified by a code: *provisioning.Refused inside
	KindUnavailable               // network, Graph, a store: trying again may help
	KindLimited                   // the host's limiter
)

// Error is all that leaves Service.
type Error struct {
	Kind     Kind
	Public   string // safe to show; says what to do
	Mender   aadsts.Mender
	Retry    bool          // beginning once more may help
	Again    *BeginOptions // begin once more with these
	Attempt  string        // shown on the page and in the log
	ReturnTo string        // of the flow, when there was one
	Err      error
}

func (e *Error) Error() string { panic("sketch") }
func (e *Error) Unwrap() error { return e.Err }

func (s *Service) Begin(ctx context.Context, connectionID string, o BeginOptions) (*Departure, error) {
	panic("sketch")
}
func (s *Service) BeginByAddress(ctx context.Context, address string, o BeginOptions) (*Departure, error) {
	panic("sketch")
}
func (s *Service) BeginTest(ctx context.Context, connectionID string, o BeginOptions) (*Departure, error) {
	panic("sketch")
}
func (s *Service) Finish(ctx context.Context, a *Arrival) (*SignIn, error) { panic("sketch") }
func ReadArrival(r *http.Request) (*Arrival, error)                        { panic("sketch") }

// Button is one button of a login page.
type Button struct{ ConnectionID, Label, Href string }

func (s *Service) Buttons(ctx context.Context, application, organization string) ([]Button, error) {
	panic("sketch")
}
func (s *Service) SignOut(ctx context.Context, connectionID string, o SignOutOptions) (url string, err error) {
	panic("sketch")
}
func (s *Service) CallbackURL(ctx context.Context, c *Connection) (string, error) { panic("sketch") }
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request)               { panic("sketch") }
func (s *Service) Diagnose(ctx context.Context, c *Connection) Findings           { panic("sketch") }
func (s *Service) ResolveConnection(ctx context.Context, name, domain string) (string, bool, error) {
	panic("sketch")
}
func (in *SignIn) IDTokenClaims(o claims.TokenOptions) (map[string]any, error)     { panic("sketch") }
func (in *SignIn) AccessTokenClaims(o claims.TokenOptions) (map[string]any, error) { panic("sketch") }

// Actor is who writes. Organization "": the environment, the host itself.
type Actor struct{ Organization, Name string }

// Registrar is the one place through which connections change.
type Registrar struct{}

// RegistrarConfig of a Registrar.
type RegistrarConfig struct {
	Store      ConnectionAdmin
	HTTPClient *http.Client
	Clouds     []cloud.Cloud
	Audit      func(context.Context, Change)
	Now        func() time.Time
}

// Change is an audit event.
type Change struct {
	Actor         Actor
	At            time.Time
	Before, After *Connection
	HighRisk      []string // fields
}

func NewRegistrar(c RegistrarConfig) (*Registrar, error) { panic("sketch") }
func (r *Registrar) Save(ctx context.Context, by Actor, c *Connection) (*Connection, Findings, error) {
	panic("sketch")
}
func (r *Registrar) Delete(ctx context.Context, by Actor, id, version string) error { panic("sketch") }

// Keyring seals with AES-256-GCM.
type Keyring struct{}

func NewKeyring(current []byte, older ...[]byte) (*Keyring, error) { panic("sketch") }
func (k *Keyring) Seal(ctx context.Context, plain, about []byte) ([]byte, error) {
	return nil, errors.New("sketch")
}
func (k *Keyring) Open(ctx context.Context, sealed, about []byte) ([]byte, error) {
	return nil, errors.New("sketch")
}

var (
	_ Sealer               = (*Keyring)(nil)
	_ provisioning.Resolve = (*Service)(nil).ResolveConnection
)
