package entra_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// keyPair makes a certificate with its key, as PEM and as DER.
func keyPair(t *testing.T, from, to time.Time) (pair string, der []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tenantdoor test"}, NotBefore: from, NotAfter: to}
	der, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return string(append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)), der
}

// onlyCertificates makes the fake's application take nothing but these certificates.
func onlyCertificates(t *testing.T, fake *entratest.Server, der ...[]byte) {
	t.Helper()
	require.NoError(t, fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].Secrets, tenants[0].Applications[0].Certificates = nil, der
		return tenants
	}))
}

// A certificate that the connection holds proves the application in a secret's place, over both protocols, through a rotation, and is nowhere to be read.
func TestCertificateAsData(t *testing.T) {
	h := newHouse(t)
	old, oldDER := keyPair(t, h.clock.Now().Add(-time.Hour), h.clock.Now().Add(24*time.Hour))
	next, nextDER := keyPair(t, h.clock.Now().Add(-time.Hour), h.clock.Now().Add(365*24*time.Hour))
	onlyCertificates(t, h.fake, oldDER, nextDER)
	for _, id := range []string{contosoOAuth2, contosoWSFed} {
		h.edit(t, id, func(c *entra.Connection) { c.ClientCertificate, c.NextClientCertificate = secret(old), secret(next) })
		require.Len(t, groupIDs(t, h.mustSignIn(t, id, entratest.Maya)), 1000, "by Graph, with the application's token or the person's")
	}
	h.clock.advance(48 * time.Hour) // the first has ended, and nobody changed anything
	h.mustSignIn(t, contosoOAuth2, entratest.Ann)

	stored, err := h.connections.Connection(t.Context(), contosoOAuth2)
	require.NoError(t, err)
	require.NotContains(t, toJSON(t, stored)+h.log.String(), "PRIVATE KEY")
	sealed, err := entra.EncodeConnection(t.Context(), stored, newKeyring(t))
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "PRIVATE KEY")

	stored, err = h.registrar.PromoteSecret(t.Context(), environment, contosoOAuth2, stored.Version, "client_certificate")
	require.NoError(t, err)
	require.Equal(t, next, stored.ClientCertificate.Reveal())
	require.True(t, stored.NextClientCertificate.IsZero())
	h.mustSignIn(t, contosoOAuth2, entratest.Ann)
}

// A federated credential lies in a file that the environment names, and is read afresh.
func TestFederatedTokenFile(t *testing.T) {
	h := newHouse(t)
	pair, der := keyPair(t, h.clock.Now().Add(-time.Hour), h.clock.Now().Add(time.Hour))
	onlyCertificates(t, h.fake, der)
	signer, err := credential.KeyPairFromPEM([]byte(pair))
	require.NoError(t, err)
	form := url.Values{}
	require.NoError(t, credential.FromCertificates(signer).Authenticate(t.Context(), h.fake.URL+"/"+entratest.ContosoID+"/oauth2/v2.0/token", entratest.ContosoApp, form))
	file := filepath.Join(t.TempDir(), "token")
	h.edit(t, contosoOAuth2, func(c *entra.Connection) { c.FederatedTokenFile = file })

	_, err = h.signIn(t, contosoOAuth2, entratest.Ann)
	require.Error(t, err, "there is no file yet")
	require.NotContains(t, h.log.String(), form.Get("client_assertion"))
	require.NoError(t, os.WriteFile(file, []byte(form.Get("client_assertion")+"\n"), 0o600))
	h.mustSignIn(t, contosoOAuth2, entratest.Ann)

	o := newOffice(t)
	mine := draft("org_contoso", "contoso.com")
	mine.FederatedTokenFile = "/etc/passwd"
	_, _, err = o.Save(t.Context(), entra.Administrator("org_contoso", "mallory"), mine)
	require.ErrorIs(t, err, entra.ErrNotAllowed, "an organization's admin chooses no file of the host's")
}

// What a form leaves out stays; only an explicit call clears a secret or ends a rotation.
func TestSecretsChangeByExplicitCall(t *testing.T) {
	o := newOffice(t)
	by := entra.Administrator("org_contoso", "ann")
	c := draft("org_contoso", "contoso.com")
	c.ClientSecretExpires = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	c, _, err := o.Save(t.Context(), by, c)
	require.NoError(t, err)

	form := c.Clone()
	form.ClientSecret, form.NextClientSecret, form.NextClientSecretExpires = secret(""), secret("the next one"), time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	c, _, err = o.Save(t.Context(), by, form)
	require.NoError(t, err)
	require.Equal(t, entratest.ContosoSecret, c.ClientSecret.Reveal())
	require.Equal(t, 2027, c.ClientSecretExpires.Year())

	_, err = o.PromoteSecret(t.Context(), by, c.ID, "stale", "client_secret")
	require.ErrorIs(t, err, entra.ErrConflict)
	_, err = o.PromoteSecret(t.Context(), entra.Administrator("org_other", "x"), c.ID, "", "client_secret")
	require.ErrorIs(t, err, entra.ErrNotFound)
	for _, none := range []string{"client_certificate", "next_client_secret", "name", ""} {
		_, err = o.PromoteSecret(t.Context(), by, c.ID, "", none)
		require.Error(t, err, none)
	}
	c, err = o.PromoteSecret(t.Context(), by, c.ID, c.Version, "client_secret")
	require.NoError(t, err)
	require.Equal(t, "the next one", c.ClientSecret.Reveal())
	require.Equal(t, 2029, c.ClientSecretExpires.Year())
	require.True(t, c.NextClientSecret.IsZero() && c.NextClientSecretExpires.IsZero())
	require.True(t, o.changes[len(o.changes)-1].SecretChanged)

	form = c.Clone()
	form.DisplayName = "Contoso" // a form that sends everything back
	c, _, err = o.Save(t.Context(), by, form)
	require.NoError(t, err)
	require.Equal(t, 2029, c.ClientSecretExpires.Year())

	form = c.Clone()
	form.ClientSecret = secret("exchanged")
	c, _, err = o.Save(t.Context(), by, form)
	require.NoError(t, err)
	require.True(t, c.ClientSecretExpires.IsZero(), "the old one's date says nothing of the new one")

	_, err = o.ClearSecret(t.Context(), by, c.ID, "", "name")
	require.Error(t, err)
	c, err = o.ClearSecret(t.Context(), by, c.ID, c.Version, "client_secret")
	require.NoError(t, err)
	require.True(t, c.ClientSecret.IsZero())
}

func TestCheckOfCredentials(t *testing.T) {
	pair, _ := keyPair(t, time.Now(), time.Now().Add(time.Hour))
	certificate, key, _ := strings.Cut(pair, "-----END CERTIFICATE-----\n")
	other, _ := keyPair(t, time.Now(), time.Now().Add(time.Hour))
	_, otherKey, _ := strings.Cut(other, "-----END CERTIFICATE-----\n")
	certificate += "-----END CERTIFICATE-----\n"
	for name, test := range map[string]struct {
		change func(*entra.Connection)
		want   []string
	}{
		"a certificate": {func(c *entra.Connection) { c.ClientSecret, c.ClientCertificate = secret(""), secret(pair) }, nil},
		"the next one alone": {func(c *entra.Connection) {
			c.ClientSecret, c.NextClientCertificate = secret(""), secret(key+certificate)
		}, nil},
		"beside a secret": {func(c *entra.Connection) { c.ClientCertificate = secret(pair) }, []string{"warning client_certificate"}},
		"no key":          {func(c *entra.Connection) { c.ClientSecret, c.ClientCertificate = secret(""), secret(certificate) }, []string{"error client_certificate"}},
		"another's key": {func(c *entra.Connection) {
			c.ClientSecret, c.NextClientCertificate = secret(""), secret(certificate+otherKey)
		}, []string{"error next_client_certificate"}},
		"no PEM":            {func(c *entra.Connection) { c.ClientSecret, c.ClientCertificate = secret(""), secret("x") }, []string{"error client_certificate"}},
		"a file":            {func(c *entra.Connection) { c.ClientSecret, c.FederatedTokenFile = secret(""), "/var/run/token" }, nil},
		"a file and more":   {func(c *entra.Connection) { c.FederatedTokenFile = "/var/run/token" }, []string{"warning federated_token_file"}},
		"a relative path":   {func(c *entra.Connection) { c.ClientSecret, c.FederatedTokenFile = secret(""), "../token" }, []string{"error federated_token_file"}},
		"nothing":           {func(c *entra.Connection) { c.ClientSecret = secret("") }, []string{"warning client_secret"}},
		"only the next one": {func(c *entra.Connection) { c.ClientSecret, c.NextClientSecret = secret(""), secret("n3xt") }, nil},
	} {
		var got []string
		for _, f := range sound(test.change).Check() {
			got = append(got, f.Severity.String()+" "+f.Field)
			require.NotContains(t, f.String(), "BEGIN PRIVATE")
		}
		require.Equal(t, test.want, got, name)
	}
	broken := sound(func(c *entra.Connection) { c.ClientCertificate = secret("x") })
	_, err := broken.Credential()
	require.ErrorContains(t, err, "client_certificate")
}
