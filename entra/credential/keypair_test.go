package credential_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
)

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pemOf("PRIVATE KEY", der)
}

// strangersPair has a key of its own.
func strangersPair(t *testing.T) credential.KeyPair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return credential.KeyPair{Signer: key, Certificate: certify(t, key, start.Add(-time.Hour), start.Add(time.Hour))}
}

func TestKeyPairFromPEM(t *testing.T) {
	own, other := validPair(t), strangersPair(t)
	key := own.Signer.(*rsa.PrivateKey)
	certificate, stranger := pemOf("CERTIFICATE", own.Certificate.Raw), pemOf("CERTIFICATE", other.Certificate.Raw)
	private := pkcs8(t, key)
	for name, data := range map[string][][]byte{
		"two pieces":             {certificate, private},
		"the key first":          {private, certificate},
		"in one piece":           {append(bytes.Clone(private), certificate...)},
		"with a chain":           {private, append(bytes.Clone(stranger), certificate...)},
		"PKCS #1":                {certificate, pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))},
		"text around the blocks": {[]byte("Bag Attributes\n  friendlyName: x\n"), append([]byte("key:\n"), private...), certificate},
		"a block of another use": {pemOf("DH PARAMETERS", []byte{1}), certificate, private},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := credential.KeyPairFromPEM(data...)
			require.NoError(t, err)
			require.True(t, pair.Certificate.Equal(own.Certificate))
			form := url.Values{}
			require.NoError(t, credential.FromCertificatesWith(credential.CertificateOptions{Now: func() time.Time { return start }}, pair).Authenticate(t.Context(), "https://login.test/token", clientID, form))
			require.NotEmpty(t, form.Get("client_assertion"))
		})
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	shortCertificate := certify(t, short, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte{1}})
	for name, tt := range map[string]struct {
		data [][]byte
		says string
	}{
		"nothing":               {nil, "0 private keys"},
		"no key":                {[][]byte{certificate}, "0 private keys"},
		"no certificate":        {[][]byte{private}, "none of 0 certificates"},
		"another's certificate": {[][]byte{private, stranger}, "none of 1 certificates"},
		"two keys":              {[][]byte{private, certificate, pkcs8(t, other.Signer)}, "2 private keys"},
		"an encrypted key":      {[][]byte{certificate, pemOf("ENCRYPTED PRIVATE KEY", []byte{1})}, "encrypted"},
		"an encrypted old key":  {[][]byte{certificate, encrypted}, "encrypted"},
		"a key of a curve":      {[][]byte{certificate, pkcs8(t, curve)}, "not RSA"},
		"a key of a curve, old": {[][]byte{certificate, pemOf("EC PRIVATE KEY", []byte{1})}, "not RSA"},
		"a short key":           {[][]byte{pemOf("CERTIFICATE", shortCertificate.Raw), pkcs8(t, short)}, "shorter than 2048"},
		"a broken key":          {[][]byte{certificate, pemOf("PRIVATE KEY", []byte("not-to-be-seen"))}, "cannot be read"},
		"a broken old key":      {[][]byte{certificate, pemOf("RSA PRIVATE KEY", []byte("not-to-be-seen"))}, "cannot be read"},
		"a broken certificate":  {[][]byte{pemOf("CERTIFICATE", []byte{1}), private}, "certificate cannot be read"},
		"too large":             {[][]byte{bytes.Repeat([]byte("x"), 300<<10)}, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := credential.KeyPairFromPEM(tt.data...)
			require.ErrorContains(t, err, tt.says)
			require.Zero(t, pair)
			require.NotContains(t, err.Error(), "not-to-be-seen")
		})
	}
}

// openssl writes PFX files: the reader is held against one that is not ours.
func openssl(t *testing.T, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.pfx")
	cmd := exec.Command("openssl", append(append([]string{"pkcs12", "-export"}, args...), "-out", out)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("openssl cannot write this kind of file: %v: %s", err, text)
	}
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	return data
}

func needOpenSSL(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
}

// files writes key and certificate, and another certificate, for openssl.
func files(t *testing.T) (pair credential.KeyPair, args []string) {
	t.Helper()
	pair = validPair(t)
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"key.pem": pkcs8(t, pair.Signer), "cert.pem": pemOf("CERTIFICATE", pair.Certificate.Raw), "chain.pem": pemOf("CERTIFICATE", strangersPair(t).Certificate.Raw),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return pair, []string{"-inkey", filepath.Join(dir, "key.pem"), "-in", filepath.Join(dir, "cert.pem"), "-certfile", filepath.Join(dir, "chain.pem")}
}

func TestKeyPairFromPFX(t *testing.T) {
	needOpenSSL(t)
	pair, base := files(t)
	for name, tt := range map[string]struct {
		args     []string
		password string
	}{
		"as it comes":            {nil, "a password"},
		"as Windows writes it":   {[]string{"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"}, "a password"},
		"AES-128":                {[]string{"-certpbe", "AES-128-CBC", "-keypbe", "AES-192-CBC"}, "a password"},
		"a MAC of SHA-512":       {[]string{"-macalg", "sha512"}, "a password"},
		"not encrypted":          {[]string{"-certpbe", "NONE", "-keypbe", "NONE"}, "a password"},
		"an empty password":      {nil, ""},
		"3DES, empty password":   {[]string{"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"}, ""},
		"a password of umlauts":  {[]string{"-certpbe", "PBE-SHA1-3DES", "-keypbe", "AES-256-CBC"}, "pässwörd"},
		"a password of 40 bytes": {[]string{"-certpbe", "PBE-SHA1-3DES"}, strings.Repeat("0123456789", 4)},
	} {
		t.Run(name, func(t *testing.T) {
			data := openssl(t, append(append(append([]string{}, base...), tt.args...), "-passout", "pass:"+tt.password)...)
			got, err := credential.KeyPairFromPFX(data, credential.NewSecret(tt.password))
			require.NoError(t, err)
			require.True(t, got.Certificate.Equal(pair.Certificate))
			require.True(t, pair.Signer.(*rsa.PrivateKey).Equal(got.Signer))

			_, err = credential.KeyPairFromPFX(data, credential.NewSecret(tt.password+"x"))
			require.ErrorContains(t, err, "another password")
			require.NotContains(t, err.Error(), tt.password+"x")
			data[len(data)/2] ^= 1
			got, err = credential.KeyPairFromPFX(data, credential.NewSecret(tt.password))
			require.Error(t, err)
			require.Zero(t, got)
		})
	}
}

func TestPFXThatIsRefused(t *testing.T) {
	needOpenSSL(t)
	_, base := files(t)
	for name, tt := range map[string]struct {
		args []string
		says string
	}{
		"no MAC":       {[]string{"-nomac"}, "cannot be read"},
		"a MAC of MD5": {[]string{"-macalg", "md5"}, "cannot be read"},
		"RC4":          {[]string{"-legacy", "-keypbe", "PBE-SHA1-RC4-128"}, "cannot be read"},
		"no key":       {[]string{"-nokeys"}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			data := openssl(t, append(append(append([]string{}, base...), tt.args...), "-passout", "pass:x")...)
			_, err := credential.KeyPairFromPFX(data, credential.NewSecret("x"))
			require.ErrorContains(t, err, tt.says)
		})
	}
	good := openssl(t, append(base, "-passout", "pass:x")...)
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("-----BEGIN"), "cut": good[:len(good)-1], "with more": append(bytes.Clone(good), 0),
	} {
		_, err := credential.KeyPairFromPFX(data, credential.NewSecret("x"))
		require.Error(t, err, name)
	}
	_, err := credential.KeyPairFromPFX(good, credential.NewSecret("\U0001F512"))
	require.Error(t, err)
	_, err = credential.KeyPairFromPFX(make([]byte, 300<<10), credential.NewSecret("x"))
	require.ErrorContains(t, err, "too large")
}

func TestPFXOfAnEllipticKeyIsRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	data, err := pkcs12.Modern.Encode(key, certify(t, key, start.Add(-time.Hour), start.Add(time.Hour)), nil, "x")
	require.NoError(t, err)
	_, err = credential.KeyPairFromPFX(data, credential.NewSecret("x"))
	require.ErrorContains(t, err, "not RSA")
}

// A certificate in place of a secret. The files come from wherever the host keeps its keys.
func ExampleKeyPairFromPEM() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})

	pair, err := credential.KeyPairFromPEM(certificate, private)
	if err != nil {
		panic(err)
	}
	form := url.Values{}
	proof := credential.FromCertificates(pair)
	err = proof.Authenticate(context.Background(), "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token", "c0a70500-0000-4000-8000-0000000000a1", form)
	fmt.Println(err, form.Get("client_assertion_type"))
	// Output: <nil> urn:ietf:params:oauth:client-assertion-type:jwt-bearer
}

// A managed identity stands in for a secret: the machine asks its own token endpoint for an assertion that the app registration trusts (a federated
// credential). The address is the instance metadata service's, http://169.254.169.254/metadata/identity/oauth2/token; here something stands in for it.
// The default HTTP client would not reach it, and need not: the host makes this call.
func ExampleFromAssertion() {
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata") != "true" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.URL.Query().Get("resource") == "api://AzureADTokenExchange" {
			fmt.Fprint(w, `{"access_token":"signed.by.theMachine"}`)
		}
	}))
	defer metadata.Close()

	managedIdentity := func(ctx context.Context) (string, error) {
		query := url.Values{"api-version": {"2018-02-01"}, "resource": {cloud.Public().FederationAudience}}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, metadata.URL+"/metadata/identity/oauth2/token?"+query.Encode(), nil)
		if err != nil {
			return "", err
		}
		r.Header.Set("Metadata", "true")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		var answer struct {
			Token string `json:"access_token"`
		}
		err = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&answer)
		return answer.Token, err
	}

	form := url.Values{}
	proof := credential.FromAssertion(managedIdentity)
	err := proof.Authenticate(context.Background(), "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token", "c0a70500-0000-4000-8000-0000000000a1", form)
	fmt.Println(err, form.Get("client_assertion"))
	// Output: <nil> signed.by.theMachine
}
