package entra

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/hrd"
)

// Strategy is the protocol of a connection, spelled as in Kinde's management API.
type Strategy string

// The strategies.
const (
	OAuth2 Strategy = "oauth2:azure_ad"
	WSFed  Strategy = "wsfed:azure_ad"
)

// Connection is what an admin fills in: one customer's Entra ID tenant, and what is wanted of it. Nobody modifies one that a
// store returned; use Clone. It changes through a Registrar, which calls Check.
//
// The JSON is that of Kinde's management API, see MarshalJSON.
type Connection struct {
	ID, Version string // Version "" has never been stored
	Name        string // what an imported user's record refers to
	DisplayName string // what a sign-in button says
	Strategy    Strategy

	OrganizationID      string   // the customer whose own connection it is; "": environment-level, which others may share
	Organizations       []string // of an environment-level connection: organizations that switched it on
	Enabled             bool     // off (also the zero value): nobody begins, nobody finishes; see EnabledFor
	EnabledApplications []string // the host's applications that may use it
	AllApplications     bool     // every application may use it; for hosts that know no applications too

	EntraDomain string // the tenant as the admin typed it: one of its verified domains, or its GUID
	TenantID    string // the GUID it resolved to, in lower case; pinned by the Registrar
	Cloud       string // name, as of package cloud or Config.Clouds; "" is the public cloud

	ClientID         string            // application (client) id, a GUID
	ClientSecret     credential.Secret // the secret's value
	NextClientSecret credential.Secret // second slot, for rotation
	// When the two end, as Entra said when it made them; zero: not known.
	ClientSecretExpires, NextClientSecretExpires time.Time
	// ClientCertificate proves the application in a secret's place: a certificate with its private key, in PEM. Of the two slots the first that is valid now is used.
	ClientCertificate, NextClientCertificate credential.Secret
	// FederatedTokenFile does too, and takes precedence: the path of a file with a federated credential, as Kubernetes projects it.
	FederatedTokenFile string
	OwnSigningKeys     bool // the app registration has signing keys of its own (claims mapping): they are asked for by client id

	Realm                  string // WS-Federation: wtrealm and audience; "" is spn:{client_id}
	MetadataURL            string // WS-Federation with AD FS: its federation metadata; "": Entra, derived from cloud and tenant
	Issuer                 string // WS-Federation with AD FS: its issuer, exactly
	SubjectClaim           string // WS-Federation with AD FS: URI of the immutable claim that identifies a person
	InsecureMutableSubject bool   // SubjectClaim may be an address or a user name: whoever inherits a name then inherits the account
	AllowProviderInitiated bool   // WS-Federation: an answer nobody asked for restarts the sign-in as our own request

	MetadataSigners          []string // WS-Federation: certificates (PEM, one each) whose keys may sign the provider's metadata; unsigned metadata is then refused
	InsecureSHA1             bool     // WS-Federation: accepts signatures over SHA-1, of an old AD FS; whoever finds a collision forges tokens
	AllowMissingConfirmation bool     // WS-Federation: accepts SAML 1.1 without a SubjectConfirmation, of SimpleSAMLphp
	AllowCarriageReturns     bool     // WS-Federation: a token whose digest fails is read once more with CR LF as AD FS signed it

	HomeRealmDomains   []string      // with or without "@", as the admin spelled them; "*.contoso.com" for subdomains
	DomainProofs       []DomainProof // written by the Registrar only
	AllowMailProviders bool          // home realm domains may be those of mail providers (gmail.com)
	AlwaysShowButton   bool          // also when there are proven domains
	ButtonOrder        int           // where its button stands: lower ones first, equal ones by label

	UseCommonEndpoint bool
	AllowedTenants    []string // GUIDs in lower case; with UseCommonEndpoint. See AdmittedTenants
	AnyTenant         bool     // any work tenant, with UseCommonEndpoint; personal accounts only if AllowedTenants names theirs

	ExtendedProfile      bool                     // extended profile → extra_claims
	UserGroups           bool                     // get user groups
	Groups               GroupOptions             // which, from where, and what if they are not known
	Profile              ProfileOptions           // what the extended profile holds
	TrustEmails          bool                     // link to existing users by evidenced address
	SyncProfile          bool                     // acts only while the host's policy is on too
	CreateMissingUsers   bool                     // just-in-time provisioning
	AutoJoinOrganization bool                     // the user joins OrganizationID
	KeepOtherIdentities  bool                     // linking leaves email, phone and social identities in place
	MaxSessionSeconds    int                      // how long the host's session may last after a sign-in, as advice (SignIn.NotAfter); 0: no advice
	UseCustomDomain      bool                     // callback URL on the host's custom domain
	Scopes               []string                 // OAuth 2.0: beyond openid profile email
	ResponseMode         string                   // OAuth 2.0: "" is query; "form_post"
	UpstreamParams       map[string]UpstreamParam // by the parameter's name

	// Members of the JSON that we do not know, kept: at the top level and in options.
	Unknown, UnknownOptions map[string]json.RawMessage

	// spelled keeps members that the JSON gave although they say no more than their absence would (false, "", [], null), so
	// that it comes back as it was. The key is the member's path.
	spelled map[string]json.RawMessage
}

// UpstreamParam is a parameter sent upstream: a static value, or the alias of an incoming hint (login_hint, prompt, …).
type UpstreamParam struct {
	Value string `json:"value,omitempty"`
	Alias string `json:"alias,omitempty"`
}

// DomainState says whether a home realm domain routes.
type DomainState string

// The states. Only a proven domain routes, hides the button and supports an address.
const (
	DomainPending DomainState = "pending"
	DomainProven  DomainState = "proven"
	DomainLapsed  DomainState = "lapsed" // was proven, and is no more
)

// DomainProof is the state of one home realm domain.
type DomainProof struct {
	Domain string      `json:"domain"` // canonical
	State  DomainState `json:"state"`
	By     string      `json:"by,omitempty"` // who proved it: ProofByEnvironment, …
	At     time.Time   `json:"at,omitzero"`
}

// Domains returns the canonical home realm domains (hrd.Listed), proven or not, each once, in the admin's order: "*.contoso.com" stands for the subdomains of
// contoso.com. It leads their people here; as evidence of somebody's address only a domain counts that is listed itself. What is not a domain is left out (Check
// reports it).
func (c *Connection) Domains() []string {
	var out []string
	seen := make(map[string]bool, len(c.HomeRealmDomains))
	for _, d := range c.HomeRealmDomains {
		if domain, err := hrd.Listed(d); err == nil && !seen[domain] {
			seen[domain] = true
			out = append(out, domain)
		}
	}
	return out
}

// ProvenDomains returns the canonical home realm domains that route: still listed, and proven.
func (c *Connection) ProvenDomains() []string {
	proven := make(map[string]bool, len(c.DomainProofs))
	for _, p := range c.DomainProofs {
		proven[p.Domain] = p.State == DomainProven
	}
	return slices.DeleteFunc(c.Domains(), func(domain string) bool { return !proven[domain] })
}

// Tenant returns what the authority's address names: the pinned GUID, else the domain in canonical form.
//
// On the common endpoint it is the word for many tenants: "organizations", or "common" when personal accounts are admitted or
// the protocol is WS-Federation, which knows no other. Who may come in there is for AdmittedTenants and AnyTenant to say.
//
// It is "" when the connection names no tenant, as with AD FS.
func (c *Connection) Tenant() string {
	if !c.UseCommonEndpoint {
		return c.ownTenant()
	}
	if c.Strategy == WSFed || slices.Contains(c.AllowedTenants, cloud.Consumers) {
		return "common"
	}
	return "organizations"
}

// ownTenant is the one tenant that the connection names, as a GUID or domain.
func (c *Connection) ownTenant() string {
	if c.TenantID != "" {
		return c.TenantID
	}
	typed := strings.ToLower(strings.TrimSpace(c.EntraDomain))
	if cloud.IsGUID(typed) {
		return typed
	}
	if domain, err := hrd.Canonical(typed); err == nil {
		return domain
	}
	return ""
}

// AdmittedTenants returns the GUIDs of the tenants whose people may sign in. On the common endpoint without a list it is the
// tenant of the connection's own domain: an exported connection that used that endpoint admitted everybody, and must not here.
//
// Empty admits nobody yet (a domain whose tenant is not known), unless AnyTenant is set: then any work tenant is admitted
// beside those listed, and the tenant of personal accounts only when it is listed.
func (c *Connection) AdmittedTenants() []string {
	if c.UseCommonEndpoint && (c.AnyTenant || len(c.AllowedTenants) > 0) {
		return slices.Clone(c.AllowedTenants)
	}
	if t := c.ownTenant(); cloud.IsCanonicalGUID(t) {
		return []string{t}
	}
	return nil
}

// ADFS reports whether the provider is AD FS, or another that speaks WS-Federation, instead of Entra.
func (c *Connection) ADFS() bool {
	return c.Strategy == WSFed && (c.MetadataURL != "" || c.Issuer != "")
}

// EnabledFor is the one function that decides whether a connection is on, for Begin and for Finish. Application and
// organization are those that the host names, "" where it names none; byHomeRealm says that an address led here.
//
//   - Switched off, it is off for everybody.
//   - An organization's own connection is on where the host names that organization, for the applications listed if any are.
//     By home realm discovery neither counts: it goes before the choice of an organization, and the person lands in the
//     connection's own.
//   - A shared connection that an organization switched on is, for that organization, like its own.
//   - Otherwise an environment-level connection is on for the applications listed, or for all.
func (c *Connection) EnabledFor(application, organization string, byHomeRealm bool) bool {
	listed := c.AllApplications || application != "" && slices.Contains(c.EnabledApplications, application)
	switch {
	case !c.Enabled:
		return false
	case c.OrganizationID != "":
		return byHomeRealm || organization == c.OrganizationID && (listed || len(c.EnabledApplications) == 0)
	case organization != "" && slices.Contains(c.Organizations, organization):
		return byHomeRealm || listed || len(c.EnabledApplications) == 0
	}
	return listed
}

// Clone returns a deep copy; nil for nil.
func (c *Connection) Clone() *Connection {
	if c == nil {
		return nil
	}
	out := *c
	out.Organizations = slices.Clone(c.Organizations)
	out.EnabledApplications = slices.Clone(c.EnabledApplications)
	out.HomeRealmDomains = slices.Clone(c.HomeRealmDomains)
	out.DomainProofs = slices.Clone(c.DomainProofs)
	out.AllowedTenants = slices.Clone(c.AllowedTenants)
	out.Groups = c.Groups.clone()
	out.Profile.Fields = slices.Clone(c.Profile.Fields)
	out.Scopes = slices.Clone(c.Scopes)
	out.MetadataSigners = slices.Clone(c.MetadataSigners)
	out.UpstreamParams = maps.Clone(c.UpstreamParams)
	out.Unknown = cloneRaw(c.Unknown)
	out.UnknownOptions = cloneRaw(c.UnknownOptions)
	out.spelled = cloneRaw(c.spelled)
	return &out
}

func cloneRaw(in map[string]json.RawMessage) map[string]json.RawMessage {
	out := maps.Clone(in)
	for name, raw := range out {
		out[name] = slices.Clone(raw)
	}
	return out
}
