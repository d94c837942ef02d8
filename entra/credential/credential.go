package credential

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
)

// Credential proves the application to the token endpoint. Implementations are safe for concurrent use.
type Credential interface {
	// Authenticate adds the proof for a request to tokenURL to form: client_secret, or client_assertion and
	// client_assertion_type, never both. Its error must not hold the proof.
	Authenticate(ctx context.Context, tokenURL, clientID string, form url.Values) error
}

// FromSecret authenticates with a client secret (client_secret_post).
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func FromSecret(s Secret) Credential { return secretCredential{s} }

type secretCredential struct{ secret Secret }

func (c secretCredential) Authenticate(_ context.Context, _, _ string, form url.Values) error {
	if c.secret.IsZero() {
		return errors.New("the client secret is empty")
	}
	form.Set("client_secret", c.secret.Reveal())
	return nil
}

// identity is equal for two credentials of the same secret, so that AppToken shares a token between them.
func (c secretCredential) identity() any { return sha256.Sum256([]byte("secret:" + c.secret.Reveal())) }
