package entratest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// signJWT makes a JWS in compact form (RFC 7515, section 7.1) with RS256.
func signJWT(k *key, claims map[string]any) string {
	input := encodeJSON(map[string]any{"typ": "JWT", "alg": "RS256", "kid": k.id}) + "." + encodeJSON(claims)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, digest[:])
	if err != nil {
		panic("entratest: signing a token: " + err.Error()) // an RSA-2048 key has room for the digest
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// unsignedJWT makes a JWS with alg none, which nobody may accept (RFC 8725, section 3.1).
func unsignedJWT(claims map[string]any) string {
	return encodeJSON(map[string]any{"typ": "JWT", "alg": "none"}) + "." + encodeJSON(claims) + "."
}

// breakSignature flips a bit in the middle of a token's signature.
func breakSignature(token string) string {
	dot := strings.LastIndex(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil || len(signature) == 0 {
		return token
	}
	signature[len(signature)/2] ^= 1
	return token[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)
}

func encodeJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("entratest: writing JSON of a token: " + err.Error()) // claims are strings, numbers, lists and maps of them
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// jwt is a token that was taken apart, not one that was checked.
type jwt struct {
	header    map[string]any
	claims    map[string]any
	input     []byte // what is signed
	signature []byte
}

var errMalformedJWT = errors.New("the token is malformed")

// parseJWT takes a token apart.
func parseJWT(token string) (*jwt, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errMalformedJWT
	}
	t := &jwt{input: []byte(parts[0] + "." + parts[1])}
	for i, into := range []*map[string]any{&t.header, &t.claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, errMalformedJWT
		}
		d := json.NewDecoder(bytes.NewReader(data))
		if err := d.Decode(into); err != nil || *into == nil {
			return nil, errMalformedJWT
		}
	}
	var err error
	if t.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return nil, errMalformedJWT
	}
	return t, nil
}

// str returns a member that is a string, else "".
func str(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

// verify checks the signature: RS256 as the server's own tokens have it, or PS256 as client assertions should.
func (t *jwt) verify(public *rsa.PublicKey) bool {
	digest := sha256.Sum256(t.input)
	switch str(t.header, "alg") {
	case "RS256":
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], t.signature) == nil
	case "PS256":
		return rsa.VerifyPSS(public, crypto.SHA256, digest[:], t.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return false
}

// number returns a member that is a number, else 0.
func number(m map[string]any, name string) float64 {
	n, _ := m[name].(float64)
	return n
}
