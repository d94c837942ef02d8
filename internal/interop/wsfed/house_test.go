package wsfed_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// Our side of the flows: what the peers have registered for us.
const (
	baseURL = "http://localhost:8080/sso"
	reply   = baseURL + "/callback/wsfed"
	realm   = "urn:interop:tenantdoor"
)

// pair is a key with its certificate, both in PEM.
type pair struct {
	key, certificate, public string
	parsed                   *x509.Certificate
}

// newPair makes a key of the kind that providers sign with.
func newPair(t *testing.T) pair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "interop"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	armour := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return pair{armour("PRIVATE KEY", private), armour("CERTIFICATE", der), armour("PUBLIC KEY", public), parsed}
}

// newRelyingParty is ours, for a provider that is not Entra.
func newRelyingParty(t *testing.T, metadata, issuer string, change ...func(*wsfed.Config)) *wsfed.RelyingParty {
	t.Helper()
	c := wsfed.Config{
		Realm: realm, Reply: reply, MetadataURL: metadata, Issuer: issuer, SubjectClaim: wsfed.NameIdentifierClaim,
		Replay: memory.NewReplay(), HTTPClient: newBrowser(t).client,
	}
	for _, f := range change {
		f(&c)
	}
	p, err := wsfed.New(c)
	require.NoError(t, err)
	return p
}

// begin is a request of ours, with the state that must come back.
func begin(t *testing.T, p *wsfed.RelyingParty, wctx string, params url.Values) (address string, pending *wsfed.Pending) {
	t.Helper()
	address, pending, err := p.SignIn(t.Context(), wsfed.SignInRequest{Context: wctx, Params: params})
	require.NoError(t, err)
	return address, pending
}

// requireAnswer: the page is a provider's answer, on its way to us.
func requireAnswer(t *testing.T, p page) url.Values {
	t.Helper()
	require.Equal(t, http.StatusOK, p.status, p.body)
	require.NotNil(t, p.form, p.body)
	require.Equal(t, reply, p.form.action)
	require.Equal(t, wsfed.ActionSignIn, p.form.fields.Get("wa"))
	return p.form.fields
}

// requireRefused: the answer was refused, by this check.
func requireRefused(t *testing.T, err error, check wsfed.Check) {
	t.Helper()
	var refused *wsfed.VerificationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, check, refused.Check, "%v", err)
}
