package oidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// callback is the redirect URI of every application here. Nothing listens there: the tests read the address.
const callback = "https://app.example/callback"

// fakeEntra is the fake Entra behind TLS, as Microsoft's libraries demand. It listens on loopback, whatever name it goes by.
type fakeEntra struct {
	*entratest.Server
	address string // where it listens: host and port
	roots   string // file with the certificate to trust, in PEM
}

// newEntra starts one. login is the address that it goes by, such as https://login.microsoftonline.com, "" for the one where it
// listens. Its Client, and the clients made from it, reach it by any name, and reach nothing else.
func newEntra(t *testing.T, login string) *fakeEntra {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	certificate := newCertificate(t, "127.0.0.1", "login.microsoftonline.com", "login.unknown.example")
	if login == "" {
		login = "https://" + address
	}
	entra, err := entratest.New(&entratest.Options{Keys: suiteKeys()}, login, "https://graph.microsoft.com")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(entra.Handler())
	server.Listener.Close()
	server.Listener = listener
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(func() {
		entra.Close()
		server.Close()
	})

	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	entra.Client().Transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Leaf.Raw}), 0o600))
	for _, app := range []string{entratest.ContosoApp, entratest.MultiTenantApp} {
		require.NoError(t, entra.AddRedirectURI(app, callback))
	}
	return &fakeEntra{Server: entra, address: address, roots: file}
}

// registerCertificate makes a key and registers its certificate with Contoso's application.
func (e *fakeEntra) registerCertificate(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key := suiteKeys()[0] // who signs with it elsewhere does not matter here
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Contoso Portal"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	require.NoError(t, e.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range tenants[0].Applications {
			if app := &tenants[0].Applications[i]; app.ClientID == entratest.ContosoApp {
				app.Certificates = append(app.Certificates, der)
			}
		}
		return tenants
	}))
	return key, certificate
}

// suiteKeys are made once: generating them is most of the time that these tests take.
var suiteKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 4)
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048) // does not fail
	}
	return keys
})

// newCertificate makes a certificate for a server, which is its own authority.
func newCertificate(t *testing.T, address string, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tenantdoor interop"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, DNSNames: names, IPAddresses: []net.IP{net.ParseIP(address)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
