package entratest

import (
	"context"
	"net/http"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Options of a Server; nil or zero is ready for use.
type Options struct {
	Tenants []Tenant         // nil: Sample()
	Addr    string           // listen address; "" is localhost on a free port
	Now     func() time.Time // nil: time.Now
	// AutoSignIn skips the account page when login_hint names a user of the tenant.
	AutoSignIn bool
}

// Tenant is one Entra tenant.
type Tenant struct {
	ID           string   // GUID
	Name         string   // shown
	Domains      []string // verified domains, the first is the default one
	Personal     bool     // the tenant of personal Microsoft accounts
	Applications []Application
	Users        []User
	Groups       []Group
}

// TokenType is the form of an application's WS-Federation tokens.
type TokenType string

// The token types.
const (
	SAML20 TokenType = ""
	SAML11 TokenType = "saml1.1"
)

// Application is an app registration, as the tenant that owns it holds it.
type Application struct {
	ClientID           string
	Name               string
	Secrets            []string // values; the first part of an expired one is given in ExpiredSecrets
	ExpiredSecrets     []string
	RedirectURIs       []string // platform Web
	ReplyURLs          []string // WS-Federation; nil: RedirectURIs
	Identifiers        []string // application ID URIs accepted as wtrealm; spn:{ClientID} always is
	LogoutURL          string   // front-channel
	MultiTenant        bool
	PersonalAccounts   bool
	AssignmentRequired bool
	Assigned           []string // UPNs or ids of users and groups
	OptionalClaims     []string // email, xms_edov, login_hint, sid, acct, auth_time, verified_primary_email, …
	GroupClaims        string   // groupMembershipClaims: "", "SecurityGroup", "All", "ApplicationGroup", "None"
	GroupNames         bool     // emit cloud_displayname instead of ids
	GraphPermissions   []string // application permissions with admin consent: GroupMember.Read.All, User.Read.All
	TokenType          TokenType
	OwnSigningKey      bool                // claims mapping: signs with a key found only at ?appid=
	AppRoles           map[string][]string // UPN → role values
}

// User is an account in a tenant.
type User struct {
	ID                 string // object id
	UPN                string
	DisplayName        string
	GivenName, Surname string
	Mail               string // set at will by a tenant admin; no evidence
	MailVerified       bool   // xms_edov
	Guest              bool
	HomeTenant         string   // of a guest: GUID
	HomeIssuer         string   // of a guest: idp, if not an Entra tenant
	Groups             []string // ids of direct groups
	Disabled           bool
	Properties         map[string]any // further Graph attributes: jobTitle, department, …
	Photo              []byte
}

// Group of a tenant.
type Group struct {
	ID, Name        string
	SecurityEnabled bool
	OnPremises      string   // sAMAccountName, of a synced group
	MemberOf        []string // ids of groups that this one is nested in
}

// Sample returns Contoso, Fabrikam and the tenant of personal accounts.
func Sample() []Tenant { panic("sketch") }

// Server is a fake Entra. Its methods are safe for concurrent use.
type Server struct {
	URL      string // login host, without a trailing slash
	GraphURL string // Graph host, another origin
}

// Start starts a Server on loopback.
func Start(o *Options) (*Server, error) { panic("sketch") }

// Close stops it.
func (s *Server) Close() { panic("sketch") }

// Cloud describes the server to the code under test.
func (s *Server) Cloud() cloud.Cloud { panic("sketch") }

// Client is an HTTP client that may speak to loopback.
func (s *Server) Client() *http.Client { panic("sketch") }

// Faults are the ways in which the server goes wrong until told otherwise.
type Faults struct {
	WrongIssuer, WrongAudience string                   // put into tokens
	NoNonce                    bool                     // ID tokens without nonce
	WrongNonce                 string                   // ID tokens with this nonce
	BadSignature               bool                     // flips a bit of each signature
	UnknownKey                 bool                     // signs with a key that is nowhere published
	ClockSkew                  time.Duration            // the server's clock against Now
	TokenLifetime              time.Duration            // 0: an hour
	Overage                    bool                     // groups are always too many for the token
	Fail                       map[string]int           // endpoint → how many of the next answers are 503; -1: all
	Throttle                   int                      // how many of the next Graph answers are 429
	RetryAfter                 time.Duration            // with Throttle
	Delay                      map[string]time.Duration // endpoint → wait before the answer
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) { panic("sketch") }

// RotateKeys signs with a new key from now on; the old ones stay published unless drop.
func (s *Server) RotateKeys(drop bool) { panic("sketch") }

// Request is one request that the server saw.
type Request struct {
	Host, Method, Path, Endpoint string
	Authorized                   bool // an Authorization header was there
}

// Requests returns all requests so far.
func (s *Server) Requests() []Request { panic("sketch") }

// Authenticate plays the browser and the person: it follows startURL (an authorize or wsfed sign-in request),
// signs in as the user with this UPN, and returns the request that the browser would now send to the application: a GET with
// query, or a POST with form. An error page of the server is *PageError.
func (s *Server) Authenticate(ctx context.Context, startURL, upn string) (*http.Request, error) {
	panic("sketch")
}

// PageError is an error page: what Entra shows instead of going back to the application.
type PageError struct {
	Code int // AADSTS
	Text string
}

func (e *PageError) Error() string { panic("sketch") }
