package oauth2

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// DefaultSkew is what clocks may differ by, the same as in Microsoft's own validators.
const DefaultSkew = 5 * time.Minute

// Config of a Client.
type Config struct {
	// Cloud is where the tenant lives; the zero value is the public one.
	Cloud cloud.Cloud

	// Tenant is whose people sign in: a tenant's GUID, a domain verified in it, or "consumers" for personal accounts. A domain stands for
	// whatever tenant Entra says it belongs to, so the GUID is the stronger pin.
	// "organizations" and "common" let people of many tenants sign in; then AllowedTenants or AnyTenant says whose.
	Tenant string

	// AllowedTenants are GUIDs, in any case. With a single Tenant they must contain the token's tenant too, if there are any.
	AllowedTenants []string

	// AnyTenant admits every work tenant there is. Whoever can sign up for a tenant of their own, which is everybody, can then sign in:
	// the host must decide by tenant what they may do. Personal accounts are admitted only where AllowedTenants names cloud.Consumers.
	AnyTenant bool

	ClientID    string
	Credential  credential.Credential
	RedirectURL string // absolute, https or loopback; exactly as registered on platform "Web"

	// Scopes are asked for beyond openid, profile and email. offline_access, for a refresh token, is asked for only if it is here.
	// All of them together must belong to one resource.
	Scopes []string

	ResponseMode string // "" is "query"; or "form_post"

	// AppKeys says that the application has signing keys of its own (claims mapping); metadata is then asked for with ?appid=.
	AppKeys bool

	// AllowV1Tokens accepts ID tokens of Entra's v1.0 endpoint too, for Verify: they carry the cloud's v1.0 issuer (https://sts.windows.net/{tid}/) and ver
	// 1.0. They are verified with the keys of the v2.0 metadata: both endpoints sign with the same ones, and only there
	// a key says whose tokens it may sign, so that it is scoped as strictly as for a v2.0 token. The v2.0 endpoint, which SignIn uses, issues v2.0 ID tokens
	// only. Needs a cloud whose IssuerV1 is known.
	AllowV1Tokens bool

	// HandlesChallenges declares the client capability cp1: that whoever uses the access token can handle a claims challenge, by beginning a sign-in with its
	// claims (SignInRequest.Claims). Graph then notices within minutes that a person was disabled or a password changed (continuous access
	// evaluation), and access tokens live up to 28 hours.
	// https://learn.microsoft.com/entra/identity-platform/claims-challenge#client-capabilities
	HandlesChallenges bool

	// Algorithms that an ID token may be signed with; nil is RS256, the only one that Entra uses. Only RSA algorithms can be named.
	Algorithms []string

	Metadata   *Metadata            // nil: one of its own, which nobody shares
	Tokens     *credential.Endpoint // nil: one of its own
	HTTPClient *http.Client         // nil: the guarded default, which reaches public addresses only
	Now        func() time.Time     // nil: time.Now

	// Skew is what the clocks may differ by when exp, nbf and iat are compared. 0 is DefaultSkew; at most 10 minutes.
	Skew time.Duration
}

// Client signs people in at one authority, for one application. It is cheap to make: what is worth keeping is in Metadata.
// It is safe for concurrent use.
type Client struct {
	cfg       Config
	authority authority
	scope     string
	means     means
}

// New checks the configuration as a whole and returns a client. It uses no network. A client that could not verify a token,
// or would accept everybody's without having been told to, is refused.
func New(c Config) (*Client, error) {
	c.defaults()
	appID := ""
	if c.AppKeys {
		appID = c.ClientID
	}
	a, err := newAuthority(c.Cloud, c.Tenant, appID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := c.check(a); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	scope, err := scopes(c.Scopes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return &Client{cfg: c, authority: a, scope: scope, means: means{c.HTTPClient, c.Now}}, nil
}

func (c *Config) defaults() {
	if c.Cloud == (cloud.Cloud{}) {
		c.Cloud = cloud.Public()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metadata == nil {
		c.Metadata = new(Metadata)
	}
	if c.Tokens == nil {
		c.Tokens = &credential.Endpoint{HTTPClient: c.HTTPClient, Now: c.Now}
	}
	if c.Skew == 0 {
		c.Skew = DefaultSkew
	}
	if c.ResponseMode == "" {
		c.ResponseMode = "query"
	}
	if c.Algorithms == nil {
		c.Algorithms = []string{"RS256"}
	}
	if cloud.IsGUID(c.ClientID) {
		c.ClientID = strings.ToLower(c.ClientID) // as Entra writes aud
	}
	c.AllowedTenants = slices.Clone(c.AllowedTenants)
	for i, t := range c.AllowedTenants {
		c.AllowedTenants[i] = strings.ToLower(t)
	}
}

// rsaAlgorithms are those that a key of type RSA can sign with (RFC 7518, section 3.1).
var rsaAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

func (c *Config) check(a authority) error {
	switch {
	case c.ClientID == "" || !visible(c.ClientID):
		return errors.New("a client id is needed: without it a token for any application would do")
	case c.Credential == nil:
		return errors.New("a client credential is needed")
	case c.ResponseMode != "query" && c.ResponseMode != "form_post":
		return errors.New("the response mode must be query or form_post")
	case c.Skew < 0 || c.Skew > 10*time.Minute:
		return errors.New("the leeway must lie between 0 and 10 minutes")
	case len(c.Algorithms) == 0 || slices.ContainsFunc(c.Algorithms, func(alg string) bool { return !slices.Contains(rsaAlgorithms, alg) }):
		return errors.New("algorithms must be RSA signatures such as RS256")
	case a.shared() && !c.AnyTenant && len(c.AllowedTenants) == 0:
		return errors.New("people of every tenant could sign in: name the allowed tenants, or say AnyTenant")
	case c.AllowV1Tokens && cloud.Issuer(c.Cloud.IssuerV1, cloud.Consumers) == "":
		return errors.New("the cloud's issuer of v1.0 tokens is not known")
	case !a.shared() && c.AnyTenant:
		return errors.New("AnyTenant needs the tenant common or organizations")
	}
	for _, t := range c.AllowedTenants {
		if !cloud.IsCanonicalGUID(t) {
			return errors.New("an allowed tenant is not a GUID")
		}
	}
	if _, err := outbound.CheckURL(c.RedirectURL); err != nil {
		return fmt.Errorf("redirect URL: %w", err)
	}
	return nil
}

// scopeToken is the grammar of RFC 6749, section 3.3.
var scopeToken = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]+$`)

// scopes joins the scopes: without profile Entra leaves the object id out of the token.
func scopes(more []string) (string, error) {
	all := []string{"openid", "profile", "email"}
	for _, s := range more {
		if !scopeToken.MatchString(s) {
			return "", errors.New("a scope is not one word of printable ASCII")
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return strings.Join(all, " "), nil
}

// visible reports whether s is printable ASCII without spaces.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
