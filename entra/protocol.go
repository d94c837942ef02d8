package entra

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Protocol is a way to sign in, plugged into Config.Protocols: oauth2.Protocol{} and wsfed.Protocol{}.
// It is a plain value; New opens it once.
type Protocol interface {
	Strategy() Strategy
	// Open returns the driver that holds the protocol's caches.
	Open(e Env) (Driver, error)
}

// Env is what a Service hands to a protocol. Every field is set.
type Env struct {
	HTTPClient *http.Client
	Now        func() time.Time
	Logger     *slog.Logger
	Observer   Observer
	Replay     ReplayStore
	Tokens     *credential.Endpoint
}

// Driver is an open protocol. Its caches are keyed by the configured address, never by connection or issuer.
// Errors: *Error with KindToken for an answer that was refused and KindConfiguration for a connection that
// cannot be opened, *ProviderError for Entra's own, anything else counts as trouble on the way (KindUnavailable).
type Driver interface {
	// Begin returns where to send the browser, and up to 512 bytes of state of its own for Finish.
	Begin(ctx context.Context, q BeginRequest) (url string, state []byte, err error)
	// Receive finds the state value in an answer, or the sign-out notice that it is. It uses no network and trusts nothing.
	Receive(a *Arrival) (Receipt, error)
	// Finish verifies the answer. The token is nil where the protocol yields none.
	Finish(ctx context.Context, q FinishRequest) (*claims.Identity, *credential.Token, error)
}

// SignOuter is a Driver that can sign people out at the provider.
type SignOuter interface {
	SignOut(ctx context.Context, t Target, o SignOutOptions) (url string, err error)
}

// Diagnoser is a Driver that can examine a connection without a person.
type Diagnoser interface {
	Diagnose(ctx context.Context, t Target) Findings
}

// Target is a connection made ready for a driver.
type Target struct {
	Connection  *Connection
	Cloud       cloud.Cloud
	Credential  credential.Credential
	CallbackURL string
}

// BeginRequest asks a driver to begin.
type BeginRequest struct {
	Target
	State   string     // opaque, URL-safe
	Params  url.Values // upstream parameters: aliases resolved, none reserved, OpenID Connect names
	Options BeginOptions
}

// FinishRequest asks a driver to verify an answer.
type FinishRequest struct {
	Target
	State         string
	ProtocolState []byte // what Begin returned
	Options       BeginOptions
	Arrival       *Arrival
}

// Receipt is what a driver finds in an answer before anything is trusted. Without State and SignOut it is an answer that nobody asked for.
type Receipt struct {
	State   string
	SignOut *SignOutNotice
	// Realm is a hint beside an empty State: the relying party that the answer was made for, by its own unverified word. It chooses at most
	// where a sign-in begins afresh, see Connection.AllowProviderInitiated.
	Realm string
}

// Arrival is an HTTP request at one of our addresses, as plain values.
type Arrival struct {
	Method      string
	Path        string
	Query, Form url.Values // Form: the body's fields only
	Cookies     []*http.Cookie
}

// SignOutOptions of Service.SignOut.
type SignOutOptions struct {
	LoginHint string // the identity's LoginHint
	ReturnTo  string // absolute; registered with the provider
}

// SignOutNotice says that the provider signs somebody out. Nothing in it is signed, so a host ends at most those sessions that all of it fits:
// the session id, and the issuer (Identity.Issuer) when there is one.
type SignOutNotice struct {
	ConnectionID string // "" where the address names no connection
	Issuer       string // "" where the provider does not say
	SessionID    string // "" : whoever this browser's session belongs to
}
