package wsfed

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Config of a RelyingParty. Who may sign people in is said in one of three ways:
//
//   - one Entra tenant: Tenant;
//   - several Entra tenants: AllowedTenants or AnyTenant, Tenant empty;
//   - AD FS, or another provider that is not Entra: SubjectClaim, with MetadataURL or Provider.
type Config struct {
	// Realm is the wtrealm: the relying party's identifier at the provider. The token's audience must equal it, byte for byte. Required.
	Realm string
	// Reply is the wreply: the absolute address to which the browser posts the answer, registered with the provider. Required.
	Reply string

	// Cloud is the Microsoft cloud of the tenant; the zero value is the public one.
	Cloud cloud.Cloud
	// Tenant is the one Entra tenant that may sign people in: a GUID, or a domain verified in it.
	Tenant string
	// AllowedTenants are the GUIDs of the Entra tenants that may, when there are several.
	AllowedTenants []string
	// AnyTenant lets people of any work tenant in. The tenant of personal accounts must be named in AllowedTenants all the same.
	AnyTenant bool
	// AppID is sent with the metadata request, because an application can have signing keys of its own; "" takes it from a Realm of the form spn:{id}.
	AppID string

	// SubjectClaim says that the provider is not Entra, and which claim identifies a person for good there. Entra's tenant
	// and object ids are then not read. The name identifier is NameIdentifierClaim.
	SubjectClaim string
	// InsecureMutableSubject accepts a SubjectClaim whose values are given to other people over time (UPN, email
	// address, name). Whoever sets it must make sure that the provider never reuses one.
	InsecureMutableSubject bool

	// MetadataURL is the address of the federation metadata; "" derives it from Cloud and Tenant.
	MetadataURL string
	// Issuer is the expected issuer; for Entra it may hold {tenantid}. "" takes it from Cloud, else from the metadata.
	Issuer string
	// Provider stands in for federation metadata; then nothing is ever fetched.
	Provider *Provider
	// Metadata is the cache of federation metadata, shared between relying parties. Nil is one of its own.
	Metadata *Metadata

	// Replay remembers the assertions that were used. Required.
	Replay entra.ReplayStore
	// HTTPClient fetches metadata. Nil is a client that refuses private and loopback addresses.
	HTTPClient *http.Client
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Skew is how far the clocks of provider and relying party may differ. 0 is DefaultSkew; negative is none at all.
	Skew time.Duration

	// InsecureSHA1 accepts signatures and digests over SHA-1, for AD FS that cannot be set to SHA-256.
	// SHA-1 collisions are practical: whoever can have the provider sign chosen claims may forge others.
	InsecureSHA1 bool
	// AllowMissingConfirmation accepts SAML 1.1 statements without a SubjectConfirmation, as SimpleSAMLphp sends them.
	AllowMissingConfirmation bool
	// AllowCarriageReturns gives a token whose signature does not hold one more chance, with each raw CR LF inside a value read as
	// the &#xD; LF that AD FS signed.
	AllowCarriageReturns bool
}

// DefaultSkew is the clock difference that is tolerated by default.
const DefaultSkew = 5 * time.Minute

// NameIdentifierClaim as SubjectClaim is the assertion's name identifier.
const NameIdentifierClaim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"

// Provider is what is known of an identity provider: read by ParseMetadata, or written down by hand.
type Provider struct {
	Issuer       string              // entityID; of Entra's common endpoint a template with {tenantid}
	SignInURL    string              // passive endpoint, for sign-in and sign-out
	Certificates []*x509.Certificate // of the keys that sign tokens. Only the RSA keys count, not the dates
}

// RelyingParty verifies WS-Federation answers. It is safe for concurrent use.
type RelyingParty struct{}

// New returns a RelyingParty, or an error that names everything that keeps c from verifying a token.
func New(c Config) (*RelyingParty, error) { panic("sketch") }

// Option is a demand of one sign-in.
type Option func(*demands)

type demands struct{ since time.Time }

// AuthenticatedSince demands that the person proved who they are at t or later (less Config.Skew), by the token's own word.
func AuthenticatedSince(t time.Time) Option { return func(d *demands) { d.since = t } }

// VerifyForm verifies the fields of the posted form. wctx is what this browser's sign-in sent as SignInRequest.Context.
func (p *RelyingParty) VerifyForm(ctx context.Context, form url.Values, wctx string, o ...Option) (*claims.Identity, error) {
	panic("sketch")
}

// Verify verifies a wresult: a RequestSecurityTokenResponse, or a collection of one. The caller has compared wctx.
func (p *RelyingParty) Verify(ctx context.Context, wresult []byte, o ...Option) (*claims.Identity, error) {
	panic("sketch")
}

// VerifyToken verifies a bare assertion.
func (p *RelyingParty) VerifyToken(ctx context.Context, token []byte, o ...Option) (*claims.Identity, error) {
	panic("sketch")
}

// Metadata keeps federation metadata, by configured address. The zero value is ready.
type Metadata struct{}

// ParseMetadata reads a federation metadata document.
func ParseMetadata(document []byte) (*Provider, error) { panic("sketch") }

// SignInRequest of one sign-in.
type SignInRequest struct {
	Context string     // wctx: random, single use, bound to the browser. Required
	Params  url.Values // further parameters, in OpenID Connect's names
	Fresh   bool       // the person must prove who they are again: wfresh=0
	MaxAge  time.Duration
}

// SignIn returns where to send the browser.
func (p *RelyingParty) SignIn(ctx context.Context, q SignInRequest) (url string, err error) {
	panic("sketch")
}

// SignOut returns where to send the browser to sign out at the provider; it comes back to returnTo, which must be registered there.
func (p *RelyingParty) SignOut(ctx context.Context, returnTo string) (url string, err error) {
	panic("sketch")
}

// Message is what a browser brought to the reply address. Nothing in it is verified.
type Message struct {
	Action  string // wa
	Context string // wctx
	Result  string // wresult
}

// ParseMessage reads a request's fields.
func ParseMessage(method string, query, form url.Values) (*Message, error) { panic("sketch") }

// Protocol plugs the relying party into an entra.Service.
type Protocol struct{ Metadata *Metadata }

// Strategy is entra.WSFed.
func (Protocol) Strategy() entra.Strategy { return entra.WSFed }

// Open returns the driver.
func (Protocol) Open(e entra.Env) (entra.Driver, error) { panic("sketch") }

var _ entra.Protocol = Protocol{}
