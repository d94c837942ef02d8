package oauth2

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// Config of a Client.
type Config struct {
	Cloud          cloud.Cloud
	Tenant         string   // GUID, verified domain, "common", "organizations"
	AllowedTenants []string // GUIDs; required with a multi-tenant endpoint unless AnyTenant
	AnyTenant      bool     // any work tenant; personal accounts only if AllowedTenants names their tenant
	ClientID       string
	Credential     credential.Credential
	RedirectURL    string
	Scopes         []string // beyond openid profile email
	ResponseMode   string   // "" is query; "form_post"
	AppKeys        bool     // the application has signing keys of its own (claims mapping): metadata with ?appid=
	Metadata       *Metadata
	Tokens         *credential.Endpoint // nil: one of its own
	HTTPClient     *http.Client
	Now            func() time.Time
	Leeway         time.Duration // 0: 5 minutes
}

type Client struct{}

func NewClient(c Config) (*Client, error) { panic("sketch") }

// Metadata keeps discovery documents and keys, by authority. Share one between clients. The zero value is ready.
type Metadata struct{}

type SignInRequest struct {
	State  string
	Params url.Values
	MaxAge time.Duration
	Claims string
}

// Pending is what the caller keeps between SignIn and Redeem.
type Pending struct {
	Verifier, Nonce, State string
	MaxAge                 time.Duration
	Begun                  time.Time
}

func (c *Client) SignIn(ctx context.Context, q SignInRequest) (url string, p *Pending, err error) {
	panic("sketch")
}
func (c *Client) Redeem(ctx context.Context, p *Pending, answer url.Values) (*claims.Identity, *credential.Token, error) {
	panic("sketch")
}
func (c *Client) Verify(ctx context.Context, idToken, nonce string) (*claims.Identity, error) {
	panic("sketch")
}

type Protocol struct{ Metadata *Metadata }

func (Protocol) Strategy() entra.Strategy               { return entra.OAuth2 }
func (Protocol) Open(e entra.Env) (entra.Driver, error) { panic("sketch") }

var _ entra.Protocol = Protocol{}
