package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/tenantdoor/tenantdoor/entra/entratest"
)

// pfxPassword protects the PFX files that the tests make.
const pfxPassword = "test-pfx-password"

// newPair makes a certificate with its key, as PEM and as PFX.
func newPair(t *testing.T, name string, ends time.Time) (text string, pfx, der []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: ends}
	der, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	pfx, err = pkcs12.Modern.Encode(key, certificate, nil, pfxPassword)
	require.NoError(t, err)
	return certificatePEM(der) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), pfx, der
}

func certificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// onlyCertificate makes Contoso's app at the fake Entra take nothing but these certificates.
func (h *host) onlyCertificate(t *testing.T, der ...[]byte) {
	t.Helper()
	require.NoError(t, h.source.fake.Edit(func(tenants []entratest.Tenant) []entratest.Tenant {
		tenants[0].Applications[0].Secrets, tenants[0].Applications[0].Certificates = nil, der
		return tenants
	}))
}

// upload sends a form with a file, as a browser does.
func (v *visitor) upload(path string, form url.Values, field string, file []byte) (*http.Response, string) {
	v.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range form {
		require.NoError(v.t, w.WriteField(name, values[0]))
	}
	part, err := w.CreateFormFile(field, "file")
	require.NoError(v.t, err)
	_, err = part.Write(file)
	require.NoError(v.t, err)
	require.NoError(v.t, w.Close())
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.h.base+path, &body)
	require.NoError(v.t, err)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return v.answer(r)
}

// A certificate takes the secret's place, pasted or as a file of either kind, and no page shows its key again.
func TestCertificate(t *testing.T) {
	text, pfx, der := newPair(t, "portal", time.Now().Add(20*24*time.Hour))
	for name, give := range map[string]func(v *visitor, form url.Values) (*http.Response, string){
		"pasted": func(v *visitor, form url.Values) (*http.Response, string) {
			form.Set("client_certificate", strings.ReplaceAll(text, "\n", "\r\n"))
			return v.send(http.MethodPost, "/connections/contoso", form, nil)
		},
		"PEM": func(v *visitor, form url.Values) (*http.Response, string) {
			return v.upload("/connections/contoso", form, "client_certificate_file", []byte(text))
		},
		"PFX": func(v *visitor, form url.Values) (*http.Response, string) {
			form.Set("client_certificate_password", pfxPassword)
			return v.upload("/connections/contoso", form, "client_certificate_file", pfx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := startHost(t)
			h.onlyCertificate(t, der)
			v := newVisitor(t, h)
			res, body := give(v, changed(h.stored(t, "contoso"), nil))
			require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
			assert.Contains(t, newVisitor(t, h).signIn(entratest.Ann), "Ann Archer")

			_, body = v.send(http.MethodGet, "/connections/contoso", nil, nil)
			assert.Contains(t, body, "is used in place of the secret beside it")
			assert.Contains(t, body, "CN=portal, valid until")
			assert.NotContains(t, body, "PRIVATE KEY")
			assert.NotContains(t, body, strings.Split(text, "\n")[1])
			res, body = v.send(http.MethodPost, "/connections/contoso", changed(h.stored(t, "contoso"), nil), nil)
			require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
			assert.False(t, h.stored(t, "contoso").ClientCertificate.IsZero(), "left empty it stays as it was")
		})
	}
}

// What cannot be a certificate with its key is said beside the field; nothing is saved, and nothing secret comes back.
func TestBrokenCertificates(t *testing.T) {
	text, pfx, der := newPair(t, "portal", time.Now().Add(time.Hour))
	certificate := certificatePEM(der)
	key := strings.TrimPrefix(text, certificate)
	other, _, otherDER := newPair(t, "other", time.Now().Add(time.Hour))
	otherKey := strings.TrimPrefix(other, certificatePEM(otherDER))
	h := startHost(t)
	for name, test := range map[string]struct {
		as       string
		file     []byte
		password string
		want     string
	}{
		"no key":                            {file: []byte(certificate), want: "found 0 private keys"},
		"another's key":                     {file: []byte(certificate + otherKey), want: "none of 1 certificates belongs to the private key"},
		"a key alone":                       {file: []byte(key), want: "none of 0 certificates"},
		"a PFX without its password":        {file: pfx, want: "The PFX has another password"},
		"a PFX with another":                {file: pfx, password: "test-wrong", want: "The PFX has another password"},
		"no PFX":                            {file: []byte("MZ\x90"), want: "The PFX cannot be read"},
		"an administrator's PFX":            {as: "adatum", file: pfx, password: pfxPassword, want: "The file holds no PEM"},
		"an administrator's with a bad key": {as: "adatum", file: []byte(certificate), want: "found 0 private keys"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVisitor(t, h)
			v.send(http.MethodPost, "/connections/as", url.Values{"as": {test.as}}, nil)
			res, body := v.upload("/connections/new", url.Values{
				"name": {"ours"}, "strategy": {"oauth2:azure_ad"}, "entra_id_domain": {"contoso.com"}, "client_id": {entratest.ContosoApp},
				"client_certificate_password": {test.password},
			}, "client_certificate_file", test.file)
			require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
			_, beside, found := strings.Cut(body, `id="client_certificate-error"`)
			require.True(t, found)
			assert.Contains(t, beside, test.want)
			assert.Contains(t, body, "Secrets and files are not sent back")
			for _, secret := range []string{"PRIVATE KEY", pfxPassword, "test-wrong"} {
				assert.NotContains(t, body, secret)
			}
		})
	}
}

// Certificates that stand one after the other are taken apart; what is none is left for the library to name.
func TestMetadataSigners(t *testing.T) {
	_, _, der := newPair(t, "first", time.Now().Add(time.Hour))
	first := strings.TrimSpace(certificatePEM(der))
	h := startHost(t)
	v := newVisitor(t, h)
	res, body := v.send(http.MethodPost, "/connections/fabrikam", changed(h.stored(t, "fabrikam"), url.Values{"metadata_signers": {first + "\r\n" + first + "\r\n\r\n"}}), nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	assert.Equal(t, []string{first, first}, h.stored(t, "fabrikam").MetadataSigners)
	res, body = v.send(http.MethodPost, "/connections/fabrikam", changed(h.stored(t, "fabrikam"), url.Values{"metadata_signers": {first + "\nand more"}}), nil)
	assert.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
	assert.Contains(t, body, "number 2 is not a certificate in PEM")
}

// A fault elsewhere in the form sends no secret back either, and says that it has to be entered once more.
func TestSecretsAreNotSentBack(t *testing.T) {
	text, _, _ := newPair(t, "portal", time.Now().Add(time.Hour))
	h := startHost(t)
	v := newVisitor(t, h)
	form := url.Values{"name": {"ours"}, "strategy": {"oauth2:azure_ad"}, "entra_id_domain": {"contoso.com"}, "client_id": {"no GUID"}}
	for name, send := range map[string]func() (*http.Response, string){
		"a secret": func() (*http.Response, string) {
			return v.send(http.MethodPost, "/connections/new", url.Values{"client_secret": {"test-typed-secret"}, "client_id": {"no GUID"}}, nil)
		},
		"a file": func() (*http.Response, string) {
			return v.upload("/connections/new", form, "client_certificate_file", []byte(text))
		},
	} {
		_, body := send()
		assert.Contains(t, body, "Secrets and files are not sent back", name)
		assert.NotContains(t, body, "test-typed-secret", name)
		assert.NotContains(t, body, "PRIVATE KEY", name)
	}
	_, body := v.send(http.MethodPost, "/connections/new", form, nil)
	assert.NotContains(t, body, "Secrets and files are not sent back")
}

// Two certificates, and then the second takes the first one's place.
func TestCertificates(t *testing.T) {
	first, _, firstDER := newPair(t, "first", time.Now().Add(time.Hour))
	_, second, secondDER := newPair(t, "second", time.Now().Add(365*24*time.Hour))
	h := startHost(t)
	v := newVisitor(t, h)
	form := changed(h.stored(t, "contoso"), url.Values{"client_certificate": {first}})
	res, body := v.send(http.MethodPost, "/connections/contoso", form, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	h.onlyCertificate(t, firstDER, secondDER)

	version := func() url.Values {
		return url.Values{"version": {h.stored(t, "contoso").Version}, "name": {"client_certificate"}}
	}
	add := version()
	add.Set("do", "add")
	res, body = v.send(http.MethodPost, "/connections/contoso/secret", add, nil)
	assert.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
	assert.Contains(t, body, "Next client certificate is missing.")
	add.Set("next_client_certificate_password", pfxPassword)
	res, body = v.upload("/connections/contoso/secret", add, "next_client_certificate_file", second)
	require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	promote := version()
	promote.Set("do", "promote")
	res, body = v.send(http.MethodPost, "/connections/contoso/secret", promote, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode, body)
	h.onlyCertificate(t, secondDER)
	assert.Contains(t, newVisitor(t, h).signIn(entratest.Ann), "Ann Archer")

	res, _ = v.send(http.MethodPost, "/connections/contoso/secret", version(), nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	assert.True(t, h.stored(t, "contoso").ClientCertificate.IsZero())
}

// What a browser sends is bounded, and whoever sends more is told so.
func TestTooMuchAtOnce(t *testing.T) {
	h := startHost(t)
	v := newVisitor(t, h)
	before := h.stored(t, "contoso")
	for name, path := range map[string]string{"the form": "/connections/contoso", "an exchange": "/connections/contoso/secret"} {
		res, body := v.upload(path, changed(before, url.Values{"name": {"client_secret"}}), "client_certificate_file", make([]byte, maxSent))
		assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, name)
		assert.Contains(t, body, "Nothing was saved.", name)
	}
	res, body := v.upload("/connections/import", nil, "file", make([]byte, maxSent))
	assert.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
	assert.Contains(t, body, "longer than 4 MB")
	assert.Equal(t, before, h.stored(t, "contoso"))
}
