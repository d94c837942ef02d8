package wsfed

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
)

// Config of a RelyingParty.
type Config struct {
	Realm          string // wtrealm; the token's audience must equal it
	Reply          string // wreply
	MetadataURL    string // federation metadata; its passive endpoint, issuer and keys are used
	Issuer         string // expected issuer; may hold {tenantid}
	Tenant         string // GUID: pinned; "" for AD FS or multi-tenant
	AllowedTenants []string
	AnyTenant      bool
	SubjectClaim   string // AD FS: the immutable claim
	Metadata       *Metadata
	Replay         entra.ReplayStore // required
	HTTPClient     *http.Client
	Now            func() time.Time
	Skew           time.Duration // 0: 5 minutes
}

type RelyingParty struct{}

func New(c Config) (*RelyingParty, error) { panic("sketch") }

// Metadata keeps federation metadata, by configured address. The zero value is ready.
type Metadata struct{}

type SignInRequest struct {
	Context string // wctx
	Params  url.Values
}

func (p *RelyingParty) SignIn(ctx context.Context, q SignInRequest) (url string, err error) {
	panic("sketch")
}
func (p *RelyingParty) Verify(ctx context.Context, wresult []byte) (*claims.Identity, error) {
	panic("sketch")
}

type Protocol struct{ Metadata *Metadata }

func (Protocol) Strategy() entra.Strategy               { return entra.WSFed }
func (Protocol) Open(e entra.Env) (entra.Driver, error) { panic("sketch") }

var _ entra.Protocol = Protocol{}
