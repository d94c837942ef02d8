package entra

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Strategy is the protocol of a connection, spelled as in Kinde's management API.
type Strategy string

// The strategies.
const (
	OAuth2 Strategy = "oauth2:azure_ad"
	WSFed  Strategy = "wsfed:azure_ad"
)

// Connection is what an admin fills in. Nobody modifies one that a store returned; use Clone.
type Connection struct {
	ID, Version       string // Version "" has never been stored
	Name, DisplayName string
	Strategy          Strategy

	OrganizationID      string   // "" : environment-level
	Organizations       []string // of an environment-level connection: organizations that switched it on
	Enabled             bool
	EnabledApplications []string // environment-level: the applications that may use it
	AllApplications     bool     // for hosts without any applications

	EntraDomain string // a verified domain, or a GUID, as the admin typed it
	TenantID    string // the GUID it resolved to; pinned
	Cloud       string // name; "" is the public cloud

	ClientID         string
	ClientSecret     credential.Secret
	NextClientSecret credential.Secret // second slot, for rotation

	Realm                  string // WS-Federation: wtrealm and audience; "" is spn:{client_id}
	MetadataURL, Issuer    string // WS-Federation with AD FS; "" derives from cloud and tenant
	SubjectClaim           string // AD FS: the immutable claim that identifies a person
	AllowProviderInitiated bool   // an answer nobody asked for restarts the sign-in as our own request

	HomeRealmDomains []string      // with or without "@", as the admin spelled them
	DomainProofs     []DomainProof // written by the Registrar only
	AlwaysShowButton bool

	UseCommonEndpoint bool
	AllowedTenants    []string // GUIDs; with UseCommonEndpoint
	AnyTenant         bool     // any work tenant

	ExtendedProfile         bool
	UserGroups              bool
	TrustEmails             bool
	SyncProfile             bool
	CreateMissingUsers      bool
	AutoJoinOrganization    bool
	KeepOtherIdentities     bool
	UseCustomDomain         bool
	Scopes                  []string // beyond openid profile email; OAuth 2.0
	ResponseMode            string   // "" is query; "form_post"
	UpstreamParams          map[string]UpstreamParam
	Unknown, UnknownOptions map[string]json.RawMessage // members that we do not know, kept
}

// UpstreamParam is a parameter sent upstream: a static value, or the alias of an incoming hint.
type UpstreamParam struct {
	Value string `json:"value,omitempty"`
	Alias string `json:"alias,omitempty"`
}

// DomainState says whether a home realm domain routes.
type DomainState string

// The states.
const (
	DomainPending DomainState = "pending"
	DomainProven  DomainState = "proven"
	DomainLapsed  DomainState = "lapsed"
)

// DomainProof is the state of one home realm domain.
type DomainProof struct {
	Domain string      `json:"domain"` // canonical
	State  DomainState `json:"state"`
	By     string      `json:"by,omitempty"` // "environment", "authority", "entra"
	At     time.Time   `json:"at,omitzero"`
}

// Domains returns the canonical home realm domains, proven or not; what is not a domain is left out (Check reports it).
func (c *Connection) Domains() []string { panic("sketch") }

// ProvenDomains returns the canonical home realm domains that route.
func (c *Connection) ProvenDomains() []string { panic("sketch") }

// Tenant returns what the authority's address names: the pinned GUID, else the domain, else "organizations" on the common endpoint.
func (c *Connection) Tenant() string { panic("sketch") }

// EnabledFor is the one function that decides whether a connection is on, for Begin and for Finish.
func (c *Connection) EnabledFor(application, organization string, byHomeRealm bool) bool {
	panic("sketch")
}

// Clone returns a deep copy.
func (c *Connection) Clone() *Connection { panic("sketch") }

// Check reports every problem at once; pure.
func (c *Connection) Check() Findings { panic("sketch") }

// MarshalJSON writes Kinde's shape, secrets left out.
func (c Connection) MarshalJSON() ([]byte, error) { panic("sketch") }

// UnmarshalJSON reads Kinde's shape, a secret in clear if there is one.
func (c *Connection) UnmarshalJSON(data []byte) error { panic("sketch") }

// EncodeConnection is for a store: everything, secrets sealed.
func EncodeConnection(ctx context.Context, c *Connection, s Sealer) ([]byte, error) { panic("sketch") }

// DecodeConnection reads what EncodeConnection wrote.
func DecodeConnection(ctx context.Context, data []byte, s Sealer) (*Connection, error) {
	panic("sketch")
}

// Severity of a finding.
type Severity int

// The severities.
const (
	SeverityOK Severity = iota
	SeverityWarning
	SeverityError
)

// Finding is one thing that was found in a connection.
type Finding struct {
	ConnectionID        string
	Field, Problem, Fix string // Field: the JSON name; "" is the connection as a whole
	Mender              aadsts.Mender
	Severity            Severity
}

// Findings is a list of them.
type Findings []Finding

// Err returns nil when there are only warnings, else an error that names every fault.
func (f Findings) Err() error { panic("sketch") }

var _ = cloud.Cloud{}
