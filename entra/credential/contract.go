package credential

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Secret is a string that prints, formats, encodes and logs as a mask. The zero value holds nothing.
type Secret struct{ v *string }

// NewSecret keeps s. NewSecret("") is the zero Secret.
func NewSecret(s string) Secret { panic("sketch") }

// Reveal returns the string itself.
func (s Secret) Reveal() string { panic("sketch") }

// IsZero reports whether nothing is held.
func (s Secret) IsZero() bool { return s.v == nil }

// Credential proves the application to the token endpoint.
type Credential interface {
	// Authenticate adds the proof for a request to tokenURL to form (client_secret, or client_assertion and its type).
	Authenticate(ctx context.Context, tokenURL, clientID string, form url.Values) error
}

// KeyPair is a certificate and the key that signs for it.
type KeyPair struct {
	Signer      crypto.Signer
	Certificate *x509.Certificate
}

// FromSecret authenticates with a client secret.
func FromSecret(s Secret) Credential { panic("sketch") }

// FromCertificates authenticates with a certificate (private_key_jwt). The first one that is valid now signs.
func FromCertificates(pairs ...KeyPair) Credential { panic("sketch") }

// FromAssertion authenticates with a federated credential that read returns afresh each time.
func FromAssertion(read func(context.Context) (string, error)) Credential { panic("sketch") }

// Request is one request to the token endpoint of Tenant.
type Request struct {
	Cloud      cloud.Cloud
	Tenant     string // GUID or verified domain; common, organizations for codes and refresh tokens from there
	ClientID   string
	Credential Credential
	Form       url.Values // grant_type and what belongs to it; for AppToken only scope
}

// Token is what the token endpoint answered.
type Token struct {
	Access, Refresh, ID Secret
	Scope               string    // space-separated, as granted
	Expires             time.Time // of the access token
}

// Endpoint is the token endpoint. Its zero value works; it is safe for concurrent use.
type Endpoint struct {
	HTTPClient *http.Client     // nil: the guarded default
	Now        func() time.Time // nil: time.Now
}

// Token makes one bounded POST. Entra's refusal is *aadsts.Error.
func (e *Endpoint) Token(ctx context.Context, q Request) (*Token, error) { panic("sketch") }

// AppToken returns an app-only token (client credentials), kept until shortly before it expires.
func (e *Endpoint) AppToken(ctx context.Context, q Request) (*Token, error) { panic("sketch") }
