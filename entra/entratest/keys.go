package entratest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is defined as the SHA-1 thumbprint (RFC 7517, section 4.8)
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"slices"
	"time"
)

// key is a signing key with its self-signed certificate.
type key struct {
	id          string // kid and x5t: Entra uses the certificate's SHA-1 thumbprint for both
	private     *rsa.PrivateKey
	certificate *x509.Certificate
}

// ring is the keys of one owner. All of them are published; the last one signs. That the others come first
// in the key set catches a verifier that takes the first key it sees.
type ring []*key

func (r ring) current() *key { return r[len(r)-1] }

// The owners of rings that are not a tenant's or an application's id.
const (
	sharedRing      = "shared"      // every work tenant that has no keys of its own
	unpublishedRing = "unpublished" // signs under Faults.UnknownKey
)

// newKey makes a key, unless it is given one, and a certificate that was valid yesterday.
func newKey(private *rsa.PrivateKey, now time.Time) (*key, error) {
	if private == nil {
		var err error
		if private, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, err
		}
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "accounts.accesscontrol.entratest.invalid"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(5, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	thumbprint := sha1.Sum(der) //nolint:gosec // an identifier, not a defence
	return &key{id: base64.RawURLEncoding.EncodeToString(thumbprint[:]), private: private, certificate: certificate}, nil
}

// ringOwner names the ring that signs for a tenant and, with claims mapping, for an application of it.
func ringOwner(t *Tenant, app *Application) string {
	switch {
	case app != nil && app.OwnSigningKey:
		return app.ClientID
	case t != nil && (t.OwnKeys || t.Personal):
		return t.ID
	default:
		return sharedRing
	}
}

// ring returns an owner's keys, made when they are first needed: generating them costs a tenth of a second each.
func (s *Server) ring(owner string) ring {
	s.keysMu.Lock()
	defer s.keysMu.Unlock()
	r := s.rings[owner]
	for len(r) < 2 {
		r = append(r, s.mustKey())
	}
	s.rings[owner] = r
	return slices.Clone(r)
}

// mustKey makes a key; keysMu is held. Reading randomness does not fail since Go 1.24, and a certificate of ours is well formed.
func (s *Server) mustKey() *key {
	var private *rsa.PrivateKey
	if len(s.spare) > 0 {
		private, s.spare = s.spare[0], s.spare[1:]
	}
	k, err := newKey(private, s.now())
	if err != nil {
		panic("entratest: making a signing key: " + err.Error())
	}
	return k
}

// signingKey is the key that signs tokens for an application in a tenant; both may be nil.
func (s *Server) signingKey(t *Tenant, app *Application) *key {
	if s.currentFaults().UnknownKey {
		return s.ring(unpublishedRing).current()
	}
	return s.ring(ringOwner(t, app)).current()
}

// publishedKeys are the keys that a tenant's metadata shows: with the application (?appid=) its own ones, if it has such.
func (s *Server) publishedKeys(t *Tenant, app *Application) []*key {
	return s.ring(ringOwner(t, app))
}

// RotateKeys signs with new keys from now on, for every tenant and application. The old keys stay published, and so tokens
// signed by them stay good, unless drop.
func (s *Server) RotateKeys(drop bool) {
	s.keysMu.Lock()
	defer s.keysMu.Unlock()
	for owner, r := range s.rings {
		if drop {
			r = ring{s.mustKey()} // the second published one
		}
		s.rings[owner] = append(slices.Clip(r), s.mustKey())
	}
}
