package credential_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// rsaKey is made once: making one takes longest of all in these tests.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func certify(t *testing.T, key crypto.Signer, from, to time.Time) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

func validPair(t *testing.T) credential.KeyPair {
	t.Helper()
	return credential.KeyPair{Signer: rsaKey(), Certificate: certify(t, rsaKey(), start.Add(-time.Hour), start.Add(time.Hour))}
}

// vault is a signer whose key is somewhere else: only Public and Sign are there.
type vault struct{ crypto.Signer }

func (v vault) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return v.Signer.Sign(r, digest, o)
}

// parts of a JWT, taken apart without the library that made it.
func parts(t *testing.T, jwt string) (header, payload map[string]any, signed, signature []byte) {
	t.Helper()
	p := strings.Split(jwt, ".")
	require.Len(t, p, 3)
	for i, v := range []*map[string]any{&header, &payload} {
		raw, err := base64.RawURLEncoding.DecodeString(p[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, v))
	}
	signature, err := base64.RawURLEncoding.DecodeString(p[2])
	require.NoError(t, err)
	return header, payload, []byte(p[0] + "." + p[1]), signature
}

func TestCertificateAssertion(t *testing.T) {
	s := serve(t, goodAnswer)
	for name, signer := range map[string]crypto.Signer{"key in memory": rsaKey(), "key elsewhere": vault{rsaKey()}} {
		t.Run(name, func(t *testing.T) {
			pair := validPair(t)
			pair.Signer = signer
			q := s.request()
			q.Credential = credential.FromCertificates(pair)
			_, err := s.endpoint().Token(t.Context(), q)
			require.NoError(t, err)
			form := s.last.Load().Form
			assert.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
			assert.False(t, form.Has("client_secret"))
			assert.Equal(t, clientID, form.Get("client_id"))

			header, payload, signed, signature := parts(t, form.Get("client_assertion"))
			thumbprint := sha256.Sum256(pair.Certificate.Raw)
			assert.Equal(t, map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(thumbprint[:])}, header)
			digest := sha256.Sum256(signed)
			// RFC 7518 section 3.5: the salt is as long as the hash.
			require.NoError(t, rsa.VerifyPSS(&rsaKey().PublicKey, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))

			assert.Equal(t, s.URL+"/"+tenant+"/oauth2/v2.0/token", payload["aud"])
			assert.Equal(t, clientID, payload["iss"])
			assert.Equal(t, clientID, payload["sub"])
			assert.EqualValues(t, start.Unix(), payload["nbf"], "the endpoint's clock")
			assert.LessOrEqual(t, payload["exp"].(float64)-payload["nbf"].(float64), float64(600))
			assert.Greater(t, payload["exp"], payload["nbf"])
			assert.GreaterOrEqual(t, len(payload["jti"].(string)), 22)

			_, err = s.endpoint().Token(t.Context(), q)
			require.NoError(t, err)
			_, again, _, _ := parts(t, s.last.Load().Form.Get("client_assertion"))
			assert.NotEqual(t, payload["jti"], again["jti"], "an assertion is used once")
		})
	}
}

func TestLegacyCertificateAssertion(t *testing.T) {
	pair := validPair(t)
	form := url.Values{}
	c := credential.FromCertificatesWith(credential.CertificateOptions{Legacy: true, Now: func() time.Time { return start }}, pair)
	require.NoError(t, c.Authenticate(t.Context(), "https://adfs.example/adfs/oauth2/token", clientID, form))
	header, payload, signed, signature := parts(t, form.Get("client_assertion"))
	thumbprint := sha1.Sum(pair.Certificate.Raw)
	assert.Equal(t, map[string]any{"alg": "RS256", "typ": "JWT", "x5t": base64.RawURLEncoding.EncodeToString(thumbprint[:])}, header)
	assert.Equal(t, "https://adfs.example/adfs/oauth2/token", payload["aud"])
	digest := sha256.Sum256(signed)
	require.NoError(t, rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, digest[:], signature))
}

// Rotation: the first certificate that is valid now signs.
func TestCertificateRotation(t *testing.T) {
	year := 365 * 24 * time.Hour
	old := credential.KeyPair{Signer: rsaKey(), Certificate: certify(t, rsaKey(), start.Add(-year), start.Add(time.Hour))}
	next := credential.KeyPair{Signer: rsaKey(), Certificate: certify(t, rsaKey(), start.Add(-time.Hour), start.Add(year))}
	future := credential.KeyPair{Signer: rsaKey(), Certificate: certify(t, rsaKey(), start.Add(2*year), start.Add(3*year))}
	for name, test := range map[string]struct {
		pairs []credential.KeyPair
		at    time.Time
		want  *x509.Certificate
	}{
		"first of two":      {[]credential.KeyPair{next, old}, start, next.Certificate},
		"the order decides": {[]credential.KeyPair{old, next}, start, old.Certificate},
		"old has expired":   {[]credential.KeyPair{old, next}, start.Add(2 * time.Hour), next.Certificate},
		"not valid yet":     {[]credential.KeyPair{future, old}, start, old.Certificate},
		"none is valid":     {[]credential.KeyPair{old, future}, start.Add(2 * time.Hour), nil},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{}
			c := credential.FromCertificatesWith(credential.CertificateOptions{Now: func() time.Time { return test.at }}, test.pairs...)
			err := c.Authenticate(t.Context(), "https://login.example/t", clientID, form)
			if test.want == nil {
				require.Error(t, err)
				assert.Empty(t, form)
				return
			}
			require.NoError(t, err)
			header, _, _, _ := parts(t, form.Get("client_assertion"))
			thumbprint := sha256.Sum256(test.want.Raw)
			assert.Equal(t, base64.RawURLEncoding.EncodeToString(thumbprint[:]), header["x5t#S256"])
		})
	}
}

type failing struct{ crypto.Signer }

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("vault is sealed")
}

func TestCertificatesThatAreRefused(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	good := validPair(t)
	for name, pairs := range map[string][]credential.KeyPair{
		"none":             nil,
		"no certificate":   {{Signer: rsaKey()}},
		"no key":           {{Certificate: good.Certificate}},
		"another's key":    {{Signer: other, Certificate: good.Certificate}},
		"an elliptic key":  {{Signer: ec, Certificate: certify(t, ec, start.Add(-time.Hour), start.Add(time.Hour))}},
		"signing fails":    {{Signer: failing{rsaKey()}, Certificate: good.Certificate}},
		"broken beside it": {{Signer: rsaKey()}, good},
	} {
		form := url.Values{}
		c := credential.FromCertificatesWith(credential.CertificateOptions{Now: func() time.Time { return start }}, pairs...)
		require.Error(t, c.Authenticate(t.Context(), "https://login.example/t", clientID, form), name)
		assert.Empty(t, form, name)
	}
}

func TestShortKeyIsRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	c := credential.FromCertificatesWith(credential.CertificateOptions{Now: func() time.Time { return start }},
		credential.KeyPair{Signer: short, Certificate: certify(t, short, start.Add(-time.Hour), start.Add(time.Hour))})
	require.ErrorContains(t, c.Authenticate(t.Context(), "https://login.example/t", clientID, url.Values{}), "2048")
}

func TestFederatedAssertion(t *testing.T) {
	s := serve(t, goodAnswer)
	q := s.request()
	n := 0
	q.Credential = credential.FromAssertion(func(context.Context) (string, error) {
		n++
		return fmt.Sprintf(" \n aaa.bbb.c%d\r\n", n), nil
	})
	for i := 1; i <= 2; i++ {
		_, err := s.endpoint().Token(t.Context(), q)
		require.NoError(t, err)
		form := s.last.Load().Form
		assert.Equal(t, fmt.Sprintf("aaa.bbb.c%d", i), form.Get("client_assertion"), "read afresh, trimmed")
		assert.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
		assert.False(t, form.Has("client_secret"))
	}
	sent := s.requests.Load()
	for _, bad := range []string{"", " ", "aaa.bbb", "a.b.c d", "a.b\n.c", "{}", strings.Repeat("a", 70000) + ".b.c"} {
		q.Credential = credential.FromAssertion(func(context.Context) (string, error) { return bad, nil })
		_, err := s.endpoint().Token(t.Context(), q)
		require.Error(t, err)
		if bad = strings.TrimSpace(bad); len(bad) > 3 {
			assert.NotContains(t, err.Error(), bad)
		}
	}
	sealed := errors.New("vault is sealed")
	q.Credential = credential.FromAssertion(func(context.Context) (string, error) { return "", sealed })
	_, err := s.endpoint().Token(t.Context(), q)
	require.ErrorIs(t, err, sealed)
	assert.Equal(t, sent, s.requests.Load())
}

func TestFederatedAssertionFile(t *testing.T) {
	s := serve(t, goodAnswer)
	path := filepath.Join(t.TempDir(), "token")
	q := s.request()
	q.Credential = credential.FromAssertionFile(path)
	_, err := s.endpoint().Token(t.Context(), q)
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, content := range []string{"aaa.bbb.ccc\n", "ddd.eee.fff"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := s.endpoint().Token(t.Context(), q)
		require.NoError(t, err)
		assert.Equal(t, strings.TrimSpace(content), s.last.Load().Form.Get("client_assertion"))
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("a", 1<<20)+".b.c"), 0o600))
	_, err = s.endpoint().Token(t.Context(), q)
	require.Error(t, err)
}

func ExampleFromCertificates() {
	key, _ := rsa.GenerateKey(rand.Reader, 2048) // a crypto.Signer: in memory, in a key vault, in an HSM
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, _ := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	certificate, _ := x509.ParseCertificate(der)

	form := url.Values{}
	c := credential.FromCertificates(credential.KeyPair{Signer: key, Certificate: certificate})
	err := c.Authenticate(context.Background(), "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token", "9a0c2b84-7c3e-4f14-8a3b-0f5c6f7d8e90", form)
	fmt.Println(err, form.Get("client_assertion_type"))
	// Output: <nil> urn:ietf:params:oauth:client-assertion-type:jwt-bearer
}
