package credential

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is defined as a SHA-1 thumbprint; it names a certificate and protects nothing.
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// assertionLife is how long a client assertion is valid, at most ten minutes by Microsoft's recommendation.
const assertionLife = 10 * time.Minute

// KeyPair is a certificate and the key that signs for it: RSA, of at least 2048 bits. The Signer may live in a
// key vault or an HSM; it must be safe for concurrent use.
type KeyPair struct {
	Signer      crypto.Signer
	Certificate *x509.Certificate
}

// CertificateOptions are for FromCertificatesWith.
type CertificateOptions struct {
	// Legacy signs with RS256 and names the certificate by its SHA-1 thumbprint (x5t), as AD FS needs it. False: PS256 and x5t#S256.
	Legacy bool
	// Now is the clock. nil: that of the Endpoint which makes the request.
	Now func() time.Time
}

// FromCertificates authenticates with a certificate (private_key_jwt, PS256). The first pair that is valid now signs, so that
// during a rotation the new one and the old one stand side by side.
//
// Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func FromCertificates(pairs ...KeyPair) Credential {
	return FromCertificatesWith(CertificateOptions{}, pairs...)
}

// FromCertificatesWith is FromCertificates with options.
func FromCertificatesWith(o CertificateOptions, pairs ...KeyPair) Credential {
	return &certificates{pairs: pairs, options: o}
}

type certificates struct {
	pairs   []KeyPair
	options CertificateOptions
}

// clocked is a credential that needs to know the time.
type clocked interface {
	at(now func() time.Time) Credential
}

func (c *certificates) at(now func() time.Time) Credential {
	if c.options.Now != nil {
		return c
	}
	o := c.options
	o.Now = now
	return &certificates{pairs: c.pairs, options: o}
}

func (c *certificates) Authenticate(_ context.Context, tokenURL, clientID string, form url.Values) error {
	now := time.Now()
	if c.options.Now != nil {
		now = c.options.Now()
	}
	pair, err := c.validNow(now)
	if err != nil {
		return err
	}
	assertion, err := c.sign(pair, tokenURL, clientID, now)
	if err != nil {
		return err
	}
	form.Set("client_assertion", assertion)
	form.Set("client_assertion_type", assertionType)
	return nil
}

func (c *certificates) validNow(now time.Time) (KeyPair, error) {
	if len(c.pairs) == 0 {
		return KeyPair{}, errors.New("there is no certificate")
	}
	for _, p := range c.pairs {
		if p.Certificate == nil || p.Signer == nil {
			return KeyPair{}, errors.New("a certificate or its key is missing")
		}
		if now.Before(p.Certificate.NotBefore) || now.After(p.Certificate.NotAfter) {
			continue
		}
		return p, checkPair(p)
	}
	return KeyPair{}, errors.New("no certificate is valid now")
}

func checkPair(p KeyPair) error {
	key, ok := p.Signer.Public().(*rsa.PublicKey)
	switch {
	case !ok:
		return errors.New("the certificate's key is not RSA")
	case key.N.BitLen() < 2048:
		return errors.New("the certificate's key is shorter than 2048 bits")
	case !key.Equal(p.Certificate.PublicKey):
		return errors.New("the key does not belong to the certificate")
	}
	return nil
}

func (c *certificates) sign(p KeyPair, tokenURL, clientID string, now time.Time) (string, error) {
	alg, header, thumbprint := jose.PS256, jose.HeaderKey("x5t#S256"), sha256Of(p.Certificate.Raw)
	if c.options.Legacy {
		alg, header, thumbprint = jose.RS256, "x5t", sha1Of(p.Certificate.Raw)
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader(header, base64.RawURLEncoding.EncodeToString(thumbprint))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: opaque{p.Signer}}, options)
	if err != nil {
		return "", fmt.Errorf("preparing the client assertion: %w", err)
	}
	payload, err := json.Marshal(map[string]any{
		"aud": tokenURL,
		"iss": clientID,
		"sub": clientID,
		"jti": rand.Text(),
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("preparing the client assertion: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing the client assertion: %w", err)
	}
	return signed.CompactSerialize()
}

// identity is equal for those who hold the keys of the same certificates. A certificate alone is no secret: with another's key it is nobody's but its own.
func (c *certificates) identity() any {
	h := sha256.New()
	for _, p := range c.pairs {
		if p.Certificate == nil || p.Signer == nil || checkPair(p) != nil {
			return c
		}
		h.Write(sha256Of(p.Certificate.Raw))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// opaque lets go-jose sign with any crypto.Signer. go-jose's own cryptosigner asks for the longest salt that fits, where RFC 7518
// section 3.5 wants one as long as the hash.
type opaque struct{ signer crypto.Signer }

func (o opaque) Public() *jose.JSONWebKey { return &jose.JSONWebKey{Key: o.signer.Public()} }

func (o opaque) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.PS256, jose.RS256}
}

func (o opaque) SignPayload(payload []byte, alg jose.SignatureAlgorithm) ([]byte, error) {
	if alg == jose.RS256 {
		return o.signer.Sign(rand.Reader, sha256Of(payload), crypto.SHA256)
	}
	return o.signer.Sign(rand.Reader, sha256Of(payload), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
}

func sha256Of(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func sha1Of(b []byte) []byte {
	sum := sha1.Sum(b) //nolint:gosec // see the import
	return sum[:]
}
