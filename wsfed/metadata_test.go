package wsfed

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sts = "https://sts.idp.invalid/" + idpTenant + "/"

func (w *world) signIn(t testing.TB, k idpKey) error {
	t.Helper()
	_, err := w.Verify(t.Context(), []byte(k.answer(t, idpToken{})))
	return err
}

func TestMetadataIsFetchedOnceAnHour(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Skew = 100 * time.Hour })
	for range 3 {
		require.NoError(t, w.signIn(t, idpKeys()[0]))
	}
	require.Equal(t, 1, w.net.count())
	assert.Equal(t, tenantMetadataURL(idpTenant)+"?appid=7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910", w.net.fetched[0], "with the app's id, for its own keys")
	w.clock.add(59 * time.Minute)
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	require.Equal(t, 1, w.net.count())
	w.clock.add(2 * time.Minute)
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	require.Equal(t, 2, w.net.count())
}

func TestRemovedKeyStopsWorking(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Skew = 100 * time.Hour })
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	w.net.put(tenantMetadataURL(idpTenant), idpMetadata(sts, idpLogin+"/x/wsfed", idpKeys()[1]))
	w.clock.add(61 * time.Minute)
	requireCheck(t, w.signIn(t, idpKeys()[0]), CheckSignature)
}

func TestLastGoodMetadataServesForADay(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Skew = 100 * time.Hour })
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	w.net.setDown(true)
	w.clock.add(2 * time.Hour)
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	assert.Equal(t, 2, w.net.count(), "one attempt a minute")
	w.clock.add(2 * time.Minute)
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	assert.Equal(t, 3, w.net.count())
	w.clock.add(22 * time.Hour)
	require.ErrorIs(t, w.signIn(t, idpKeys()[0]), ErrUnavailable)

	w.net.setDown(false)
	require.ErrorIs(t, w.signIn(t, idpKeys()[0]), ErrUnavailable, "a failure is remembered for a moment, also once there is nothing good")
	w.clock.add(time.Minute)
	require.NoError(t, w.signIn(t, idpKeys()[0]))
}

func TestBrokenMetadataDoesNotReplaceGood(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Skew = 100 * time.Hour })
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	for name, page := range map[string]string{
		"no XML":     "<html>",
		"no key":     metadataWith(sts, roleDescriptor("SecurityTokenServiceType", passive("https://x.invalid/"))),
		"size bomb":  strings.Repeat(" ", metadataLimits.bytes+1),
		"empty page": "",
	} {
		w.net.put(tenantMetadataURL(idpTenant), page)
		w.clock.add(61 * time.Minute)
		require.NoError(t, w.signIn(t, idpKeys()[0]), name)
	}
}

func TestUnknownKeyCausesOneSharedFetch(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	require.Equal(t, 1, w.net.count())

	// The keys roll over.
	w.net.put(tenantMetadataURL(idpTenant), idpMetadata(sts, idpLogin+"/x/wsfed", idpKeys()[0], idpKeys()[1]))
	w.net.block = make(chan struct{})
	answers := make([]string, 20)
	for i := range answers {
		answers[i] = idpKeys()[1].answer(t, idpToken{})
	}
	var wg sync.WaitGroup
	failures := make([]error, len(answers))
	for i, answer := range answers {
		wg.Go(func() { _, failures[i] = w.Verify(t.Context(), []byte(answer)) })
	}
	require.Eventually(t, func() bool { return w.net.count() == 2 }, 10*time.Second, time.Millisecond)
	close(w.net.block)
	wg.Wait()
	for _, err := range failures {
		require.NoError(t, err)
	}
	assert.Equal(t, 2, w.net.count(), "one fetch for all")

	// A flood of keys that nobody knows.
	for range 10 {
		requireCheck(t, w.signIn(t, idpKeys()[2]), CheckSignature)
	}
	assert.Equal(t, 2, w.net.count(), "not before five minutes have passed")
	w.clock.add(5 * time.Minute)
	requireCheck(t, w.signIn(t, idpKeys()[2]), CheckSignature)
	requireCheck(t, w.signIn(t, idpKeys()[2]), CheckSignature)
	assert.Equal(t, 3, w.net.count())
}

func TestTamperedTokenCausesNoFetch(t *testing.T) {
	w := newWorld(t)
	answer := strings.Replace(idpKeys()[0].answer(t, idpToken{}), idpObject, strings.Replace(idpObject, "a", "b", 1), 1)
	_, err := w.Verify(t.Context(), []byte(answer))
	requireCheck(t, err, CheckSignature)
	assert.Equal(t, 1, w.net.count())
}

func TestColdCacheIsFilledOnce(t *testing.T) {
	w := newWorld(t)
	w.net.block = make(chan struct{})
	answers := make([]string, 20)
	for i := range answers {
		answers[i] = idpKeys()[0].answer(t, idpToken{})
	}
	// The first caller goes away; its fetch is not lost for the others.
	first, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := w.Verify(first, []byte(answers[0])); gone <- err }()
	require.Eventually(t, func() bool { return w.net.count() == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	err := <-gone
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, ErrUnavailable)

	var wg sync.WaitGroup
	failures := make([]error, len(answers))
	for i, answer := range answers {
		wg.Go(func() { _, failures[i] = w.Verify(t.Context(), []byte(answer)) })
	}
	close(w.net.block)
	wg.Wait()
	for _, err := range failures {
		require.NoError(t, err)
	}
	assert.Equal(t, 1, w.net.count())
}

func TestMetadataIsKeptByAddress(t *testing.T) {
	shared := new(Metadata)
	w := newWorld(t, func(c *Config) { c.Metadata = shared })
	require.NoError(t, w.signIn(t, idpKeys()[0]))

	// Another application of the same tenant, which may have keys of its own, has an entry of its own; the same application shares one.
	other := w.config
	other.AppID = "99999999-3b2a-4190-8f7e-6d5c4b3a2910"
	for range 2 {
		p, err := New(other)
		require.NoError(t, err)
		_, _, err = p.SignIn(t.Context(), SignInRequest{Context: "c"})
		require.NoError(t, err)
	}
	assert.Equal(t, 2, w.net.count())
	assert.Equal(t, 2, shared.cache.Len())

	w.clock.add(26 * time.Hour)
	_, _, err := w.SignIn(t.Context(), SignInRequest{Context: "c"})
	require.NoError(t, err)
	assert.Equal(t, 1, shared.cache.Len(), "what nobody asks for is forgotten")
}

func TestMetadataMayNotSpeakForOthers(t *testing.T) {
	other := strings.Replace(idpTenant, "1", "9", 1)
	for name, c := range map[string]struct {
		page   string
		change func(*Config)
	}{
		"another tenant's issuer":       {idpMetadata("https://sts.idp.invalid/"+other+"/", idpLogin+"/wsfed", idpKeys()[0]), nil},
		"another cloud's issuer":        {idpMetadata("https://sts.windows.net/"+idpTenant+"/", idpLogin+"/wsfed", idpKeys()[0]), nil},
		"issuer without the slash":      {idpMetadata("https://sts.idp.invalid/"+idpTenant, idpLogin+"/wsfed", idpKeys()[0]), nil},
		"issuer without a tenant":       {idpMetadata("https://sts.idp.invalid/", idpLogin+"/wsfed", idpKeys()[0]), nil},
		"key without a use, of Entra":   {metadataWith(sts, roleDescriptor("SecurityTokenServiceType", keyDescriptor("", idpKeys()[0])+passive(idpLogin+"/wsfed"))), nil},
		"AD FS with Entra's issuer":     {idpMetadata("https://sts.windows.net/"+idpTenant+"/", "https://adfs.idp.invalid/adfs/ls/", idpKeys()[0]), adfs},
		"AD FS with the cloud's issuer": {idpMetadata(sts, "https://adfs.idp.invalid/adfs/ls/", idpKeys()[0]), adfs},
		"AD FS with another issuer": {idpMetadata(adfsName+"/other", "https://adfs.idp.invalid/adfs/ls/", idpKeys()[0]), func(c *Config) {
			adfs(c)
			c.Issuer = adfsName
		}},
		"template for a domain": {idpMetadata("https://sts.idp.invalid/{tenantid}/", idpLogin+"/wsfed", idpKeys()[0]), func(c *Config) { c.Tenant = "contoso.example" }},
		"one tenant's, for several": {idpMetadata(sts, idpLogin+"/wsfed", idpKeys()[0]), func(c *Config) {
			c.Tenant, c.AllowedTenants = "", []string{idpTenant}
		}},
		"unsigned where signed was demanded": {idpMetadata(sts, idpLogin+"/wsfed", idpKeys()[0]), func(c *Config) {
			c.MetadataSigners = append(c.MetadataSigners, idpKeys()[0].Certificate)
		}},
		"signed by someone else": {idpKeys()[1].sign(t, idpMetadata(sts, idpLogin+"/wsfed", idpKeys()[0]), "ID"), func(c *Config) {
			c.MetadataSigners = append(c.MetadataSigners, idpKeys()[0].Certificate)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change == nil {
				c.change = func(*Config) {}
			}
			w := newWorld(t, c.change)
			for _, tenant := range []string{idpTenant, "contoso.example", "common"} {
				w.net.put(tenantMetadataURL(tenant), c.page)
			}
			w.net.put(adfsURL, c.page)
			err := w.signIn(t, idpKeys()[0])
			require.ErrorIs(t, err, ErrMetadata)
			_, _, err = w.SignIn(t.Context(), SignInRequest{Context: "c"})
			require.ErrorIs(t, err, ErrMetadata)
		})
	}
}

// What a signature costs to verify grows with the square of the key: a document could show a key that keeps a processor busy for minutes.
func TestHugeKeys(t *testing.T) {
	k := idpKeys()[0]
	modulus := new(big.Int).SetBit(big.NewInt(1), 16384, 1)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: idpNow, NotAfter: idpNow.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &rsa.PublicKey{N: modulus, E: 65537}, k.private)
	require.NoError(t, err)
	huge, err := x509.ParseCertificate(der)
	require.NoError(t, err)

	signed := k.sign(t, idpMetadata("http://sts.idp.invalid/adfs/services/trust", "https://sts.idp.invalid/wsfed", k), "ID")
	_, after, found := strings.Cut(signed, "<ds:KeyInfo>")
	require.True(t, found)
	shown := between(after, "<ds:X509Certificate>", "</ds:X509Certificate>")
	at := strings.LastIndex(signed, shown) // the signature's, wherever it stands
	for _, i := range []int{strings.Index(signed, "<ds:X509Certificate>") + len("<ds:X509Certificate>"), at} {
		_, err = ParseMetadata([]byte(signed[:i] + base64.StdEncoding.EncodeToString(der) + signed[i+len(shown):]))
		require.ErrorContains(t, err, "8192")
	}
	require.ErrorContains(t, checkProvider(&Provider{Issuer: "http://sts.idp.invalid", Certificates: []*x509.Certificate{huge}}), "8192")
}

func TestParseMetadataRefuses(t *testing.T) {
	k := idpKeys()[0]
	const endpoint = "https://sts.idp.invalid/wsfed"
	good := idpMetadata(sts, endpoint, k)
	signed := k.sign(t, good, "ID")
	weak := newIDPKey(1024)
	_, err := ParseMetadata([]byte("\ufeff" + `<?xml version="1.0" encoding="utf-8"?>` + good))
	require.NoError(t, err)
	p, err := ParseMetadata([]byte(signed))
	require.NoError(t, err)
	require.True(t, k.Equal(p.signer))

	token := func(inner string) string {
		return metadataWith(sts, roleDescriptor("SecurityTokenServiceType", inner))
	}
	key := keyDescriptor(` use="signing"`, k)
	for name, doc := range map[string]string{
		"empty":                         "",
		"HTML":                          "<html></html>",
		"several entities":              `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + good + `</EntitiesDescriptor>`,
		"no issuer":                     idpMetadata("", endpoint, k),
		"no role":                       metadataWith(sts, ""),
		"another role":                  metadataWith(sts, roleDescriptor("ApplicationServiceType", key+passive(endpoint))),
		"role of another namespace":     strings.Replace(good, "federation/200706", "federation/200707", 1),
		"key in another role":           metadataWith(sts, roleDescriptor("SecurityTokenServiceType", passive(endpoint))+roleDescriptor("ApplicationServiceType", key)),
		"encryption key only":           token(keyDescriptor(` use="encryption"`, k) + passive(endpoint)),
		"key of unknown use":            token(keyDescriptor(` use="Signing"`, k) + passive(endpoint)),
		"weak key":                      token(keyDescriptor(` use="signing"`, weak) + passive(endpoint)),
		"two certificates in one":       token(strings.Replace(key, "</X509Data>", "</X509Data>"+between(key, "<KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">", "</KeyInfo>"), 1) + passive(endpoint)),
		"no certificate":                token(strings.Replace(key, "X509Certificate", "KeyName", 2) + passive(endpoint)),
		"certificate of rubbish":        token(strings.Replace(key, "<X509Certificate>", "<X509Certificate>AAAA", 1) + passive(endpoint)),
		"too many keys":                 idpMetadata(sts, endpoint, manyKeys()...),
		"no endpoint":                   token(key),
		"endpoint without TLS":          idpMetadata(sts, "http://sts.idp.invalid/wsfed", k),
		"endpoint is no address":        idpMetadata(sts, "javascript:alert(1)", k),
		"signed, then altered":          strings.Replace(signed, endpoint, "https://evil.invalid/wsfed", 1),
		"signed, a key added":           strings.Replace(signed, "<fed:Passive", keyDescriptor(` use="signing"`, idpKeys()[1])+"<fed:Passive", 1),
		"signature of another document": strings.Replace(good, "><RoleDescriptor", ">"+"<ds:Signature"+between(signed, "<ds:Signature", "</ds:Signature>")+"</ds:Signature><RoleDescriptor", 1) + " ",
		"validUntil of rubbish":         strings.Replace(good, " entityID", ` validUntil="soon" entityID`, 1),
		"document type":                 `<!DOCTYPE x>` + good,
		"comment in the issuer":         strings.Replace(good, "<RoleDescriptor", "<!-- x --><RoleDescriptor", 1),
		"too long":                      strings.Replace(good, "<RoleDescriptor", strings.Repeat(" ", metadataLimits.bytes)+"<RoleDescriptor", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "signature of another document" {
				doc = strings.Replace(doc, endpoint, "https://evil.invalid/wsfed", 1)
			}
			p, err := ParseMetadata([]byte(doc))
			require.Error(t, err)
			assert.Nil(t, p)
			assert.Less(t, len(err.Error()), 200)
		})
	}
}

// manyKeys are more certificates than are accepted.
func manyKeys() []idpKey {
	var many []idpKey
	for range maxKeys + 1 {
		many = append(many, newIDPKey(1024))
	}
	return many
}

func between(s, after, before string) string {
	_, s, _ = strings.Cut(s, after)
	s, _, _ = strings.Cut(s, before)
	return s
}

func TestKeyWithoutUseIsForOthersThanEntra(t *testing.T) {
	w := newWorld(t, adfs)
	w.net.put(adfsURL, metadataWith(adfsName, roleDescriptor("SecurityTokenServiceType", keyDescriptor("", idpKeys()[0])+passive("https://adfs.idp.invalid/adfs/ls/"))))
	_, err := w.Verify(t.Context(), []byte(idpKeys()[0].answer(t, idpToken{issuer: adfsName})))
	require.NoError(t, err)
}

func TestMetadataPastItsOwnEndIsNotUsed(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Skew = 100 * time.Hour })
	page := strings.Replace(idpMetadata(sts, idpLogin+"/wsfed", idpKeys()[0]), " entityID", ` validUntil="`+idpNow.Add(30*time.Minute).Format(time.RFC3339)+`" entityID`, 1)
	w.net.put(tenantMetadataURL(idpTenant), page)
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	w.clock.add(31 * time.Minute)
	require.ErrorIs(t, w.signIn(t, idpKeys()[0]), ErrUnavailable)
}

func TestMetadataRedirectIsRefused(t *testing.T) {
	w := newWorld(t)
	w.config.HTTPClient = &http.Client{Transport: redirecting{}}
	p, err := New(w.config)
	require.NoError(t, err)
	_, _, err = p.SignIn(t.Context(), SignInRequest{Context: "c"})
	require.ErrorIs(t, err, ErrUnavailable)
}

type redirecting struct{}

func (redirecting) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"https://evil.invalid/"}}, Body: http.NoBody, Request: r}, nil
}

func TestHostileMetadataReplacingGoodIsRefusedAfterUnknownKey(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MetadataSigners = append(c.MetadataSigners, idpKeys()[0].Certificate) })
	w.net.put(tenantMetadataURL(idpTenant), idpKeys()[0].sign(t, idpMetadata(sts, idpLogin+"/wsfed", idpKeys()[0]), "ID"))
	require.NoError(t, w.signIn(t, idpKeys()[0]))
	w.net.put(tenantMetadataURL(idpTenant), idpMetadata(sts, idpLogin+"/wsfed", idpKeys()[1]))
	require.ErrorIs(t, w.signIn(t, idpKeys()[1]), ErrMetadata)
}

// FuzzMetadata: what is refused gives nothing, and what is accepted can be used.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(idpMetadata(sts, "https://sts.idp.invalid/wsfed", idpKeys()[0])))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := ParseMetadata(doc)
		if err != nil {
			if p != nil {
				t.Fatal("a provider beside an error")
			}
			return
		}
		if err := checkProvider(p); err != nil || p.SignInURL == "" {
			t.Fatal("accepted what cannot be used")
		}
	})
}
