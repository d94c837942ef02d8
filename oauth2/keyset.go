package oauth2

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/internal/strictjson"
)

const (
	maxKeys    = 256  // Entra publishes about ten
	minKeyBits = 2048 // RFC 7518, section 3.3
	maxKeyBits = 8192 // a larger key costs a server more than it gains
)

// key is one signing key, with what Entra says about whom it signs for. go-jose and go-oidc drop these members, and without them
// any key of the common set signs for any tenant.
// https://learn.microsoft.com/entra/identity-platform/claims-validation#validate-the-signing-key-issuer
type key struct {
	public   *rsa.PublicKey
	issuer   string // literal or with {tenantid}; "" where the key does not say
	instance string // cloud_instance_name; "" where the key does not say
}

// keys is a JSON Web Key Set by kid. Two keys may share a kid as long as they sign for different issuers.
type keys map[string][]key

var (
	keySetNames = strictjson.NamesOf("keys")
	keyNames    = strictjson.NamesOf("kty", "use", "kid", "n", "e", "issuer", "cloud_instance_name")
)

// parseKeys reads a JWKS. Keys of other types or uses, and weak ones, are passed over, as RFC 7517, section 5, asks; one that can be
// read in two ways fails the whole set.
func parseKeys(data []byte) (keys, error) {
	if err := strictjson.Check(data, keySetNames); err != nil {
		return nil, err
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, errors.New("keys is not a list")
	}
	if len(raw.Keys) > maxKeys {
		return nil, errors.New("too many keys")
	}
	set := make(keys)
	for _, one := range raw.Keys {
		kid, k, err := parseKey(one)
		if err != nil {
			return nil, err
		}
		if k.public != nil {
			set[kid] = append(set[kid], k)
		}
	}
	if len(set) == 0 {
		return nil, errors.New("no key that can sign")
	}
	return set, nil
}

// parseKey returns a key without its public half where it is not one that signs ID tokens.
func parseKey(data []byte) (kid string, k key, err error) {
	if err := strictjson.Check(data, keyNames); err != nil {
		return "", key{}, err
	}
	var raw struct {
		Type     string `json:"kty"`
		Use      string `json:"use"`
		ID       string `json:"kid"`
		N        string `json:"n"`
		E        string `json:"e"`
		Issuer   string `json:"issuer"`
		Instance string `json:"cloud_instance_name"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return "", key{}, errors.New("a member of a key has the wrong type")
	}
	if raw.Type != "RSA" || raw.Use != "" && raw.Use != "sig" || raw.ID == "" {
		return "", key{}, nil
	}
	return raw.ID, key{public: rsaKey(raw.N, raw.E), issuer: raw.Issuer, instance: raw.Instance}, nil
}

// rsaKey reads the two numbers of RFC 7518, section 6.3.1; nil where they are not those of a key that may sign.
func rsaKey(n, e string) *rsa.PublicKey {
	modulus, err := base64.RawURLEncoding.DecodeString(n)
	if err != nil {
		return nil
	}
	exponent, err := base64.RawURLEncoding.DecodeString(e)
	if err != nil || len(exponent) > 4 {
		return nil
	}
	k := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	bits := k.N.BitLen()
	if bits < minKeyBits || bits > maxKeyBits || k.N.Bit(0) == 0 || k.E < 3 || k.E > 1<<31-1 || k.E%2 == 0 {
		return nil
	}
	return k
}

// signsFor reports whether the key may sign tokens with this issuer, which was checked to be the one of this tenant.
func (k key) signsFor(d *document, issuer, tenant string) bool {
	if k.issuer == "" && d.shared {
		return false // it would sign for every tenant there is
	}
	if k.issuer != "" && strings.ReplaceAll(k.issuer, cloud.Placeholder, tenant) != issuer {
		return false // so a key of the consumer tenant signs for no work tenant either
	}
	if k.instance == "" {
		return !d.shared || d.instance == ""
	}
	return k.instance == d.instance
}

// signature is the oidc.KeySet of one verification: it knows the token, the issuer that the token must have, and where keys are.
type signature struct {
	raw            string
	token          *jose.JSONWebSignature
	kid            string
	issuer, tenant string
	found          *snapshot
	renew          func(context.Context, *snapshot) (*snapshot, error) // asked for once a kid is unknown

	verified []byte // the payload, when the signature was right
	err      error  // what go-oidc flattens to text
}

var _ oidc.KeySet = (*signature)(nil)

// noClaims is what go-oidc reads in place of the claims: none of its checks of them is switched on, and it refuses a token whose _claim_names point to a
// source that is not there, as Entra's do at times for groups.
var noClaims = []byte("{}")

// VerifySignature implements oidc.KeySet for the one token that it was made for.
func (s *signature) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	if jwt != s.raw {
		s.err = refuse(CheckForm, "another token came to be verified")
		return nil, s.err
	}
	if s.verified, s.err = s.verify(ctx); s.err != nil {
		return nil, s.err
	}
	return noClaims, nil
}

func (s *signature) verify(ctx context.Context) ([]byte, error) {
	candidates, err := s.candidates(ctx)
	if err != nil {
		return nil, err
	}
	inScope := false
	for _, k := range candidates {
		if !k.signsFor(s.found.document, s.issuer, s.tenant) {
			continue
		}
		inScope = true
		if payload, err := s.token.Verify(k.public); err == nil {
			return payload, nil
		}
	}
	if !inScope {
		return nil, refuse(CheckKey, "the signing key is not one for this issuer")
	}
	return nil, refuse(CheckSignature, "the signature does not match")
}

// candidates are the keys of that kid. Only a kid that nobody knows asks for newer keys: a wrong signature never does.
func (s *signature) candidates(ctx context.Context) ([]key, error) {
	for range 2 { // a fetch that was under way when the token came may have begun before its key was published
		if list := s.found.keys[s.kid]; len(list) > 0 {
			return list, nil
		}
		newer, err := s.renew(ctx, s.found)
		if err != nil {
			return nil, err
		}
		if newer == s.found {
			break
		}
		s.found = newer
	}
	if list := s.found.keys[s.kid]; len(list) > 0 {
		return list, nil
	}
	return nil, refuse(CheckKey, "the signing key is unknown")
}
