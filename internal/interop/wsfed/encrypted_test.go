package wsfed_test

import (
	"crypto/tls"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/wsfed"
)

// decryptWith configures keys to open encrypted tokens with.
func decryptWith(t *testing.T, pairs ...pair) func(*wsfed.Config) {
	t.Helper()
	var keys []tls.Certificate
	for _, p := range pairs {
		key, err := tls.X509KeyPair([]byte(p.certificate), []byte(p.key))
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return func(c *wsfed.Config) { c.DecryptionKeys = keys }
}

// The algorithms that npm's xml-encryption knows.
const (
	xmlenc   = "http://www.w3.org/2001/04/xmlenc#"
	xmlenc11 = "http://www.w3.org/2009/xmlenc11#"
)

// encryptedFor are options of an endpoint that encrypts its tokens for us.
func encryptedFor(ours pair, token, algorithm string, more options) options {
	o := options{
		"token": token, "lifetime": 240, "encryptionCert": ours.certificate, "encryptionPublicKey": ours.public, "encryptionAlgorithm": algorithm,
		"disallowEncryptionWithInsecureAlgorithm": false, "warnOnInsecureEncryptionAlgorithm": false, // CBC, which providers send
	}
	maps.Copy(o, more)
	return o
}

// TestNPMProviderEncrypted: tokens encrypted by npm's xml-encryption, bare and as EncryptedAssertion.
func TestNPMProviderEncrypted(t *testing.T) {
	ours, before, stranger := newPair(t), newPair(t), newPair(t)
	elements := map[string]string{
		"own-cbc256": "EncryptedData", "saml11-cbc128": "EncryptedData", "saml11-gcm256": "EncryptedData",
		"saml20-cbc128": "EncryptedAssertion", "saml20-cbc256": "EncryptedAssertion", "saml20-gcm128": "EncryptedAssertion", "saml20-gcm256": "EncryptedAssertion",
	}
	provider := startNPMProvider(t, map[string]options{
		"own-cbc256":    encryptedFor(ours, "own", xmlenc+"aes256-cbc", nil),
		"saml11-cbc128": encryptedFor(ours, "1.1", xmlenc+"aes128-cbc", nil),
		"saml11-gcm256": encryptedFor(ours, "1.1", xmlenc11+"aes256-gcm", nil),
		"saml20-cbc128": encryptedFor(ours, "2.0", xmlenc+"aes128-cbc", nil),
		"saml20-cbc256": encryptedFor(ours, "2.0", xmlenc+"aes256-cbc", nil),
		"saml20-gcm128": encryptedFor(ours, "2.0", xmlenc11+"aes128-gcm", nil),
		"saml20-gcm256": encryptedFor(ours, "2.0", xmlenc11+"aes256-gcm", nil),
	})
	for endpoint, element := range elements {
		t.Run(endpoint, func(t *testing.T) {
			party := newRelyingParty(t, provider.metadata(endpoint), npmIssuer, decryptWith(t, before, ours))
			form, pending := provider.answer(t, party, "state")
			require.Contains(t, form.Get("wresult"), element)
			require.NotContains(t, form.Get("wresult"), "ann@example.com")

			for name, keys := range map[string][]pair{"no key": nil, "other keys": {before, stranger}} {
				closed := newRelyingParty(t, provider.metadata(endpoint), npmIssuer, decryptWith(t, keys...))
				_, err := closed.VerifyForm(t.Context(), form, pending)
				requireRefused(t, err, wsfed.CheckEncrypted)
				require.ErrorIs(t, err, wsfed.ErrEncrypted, name)
			}
			id, err := party.VerifyForm(t.Context(), form, pending)
			require.NoError(t, err)
			assert.Equal(t, "ann-1", id.Subject)
			assert.Equal(t, `O'Neil & "Söhne"`, id.FamilyName)
			_, err = party.VerifyForm(t.Context(), form, pending)
			requireRefused(t, err, wsfed.CheckReplay)
		})
	}
}

// TestNPMProviderEncryptedRefused: encryption proves nothing about who wrote what is inside.
func TestNPMProviderEncryptedRefused(t *testing.T) {
	ours, stranger := newPair(t), newPair(t)
	const gcm = xmlenc11 + "aes256-gcm"
	byStranger := options{"cert": stranger.certificate, "key": stranger.key}
	cases := map[string]struct {
		options options
		check   wsfed.Check
	}{
		"unsigned-20":         {encryptedFor(ours, "2.0", gcm, options{"unsigned": true}), wsfed.CheckEncrypted},
		"unsigned-11":         {encryptedFor(ours, "1.1", gcm, options{"unsigned": true}), wsfed.CheckEncrypted},
		"stranger-20":         {encryptedFor(ours, "2.0", gcm, byStranger), wsfed.CheckEncrypted},
		"stranger-11":         {encryptedFor(ours, "own", gcm, byStranger), wsfed.CheckEncrypted},
		"for-somebody-else":   {encryptedFor(stranger, "2.0", gcm, nil), wsfed.CheckEncrypted},
		"triple-des":          {encryptedFor(ours, "2.0", xmlenc+"tripledes-cbc", nil), wsfed.CheckEncrypted},
		"rsa-1_5":             {encryptedFor(ours, "2.0", gcm, options{"keyEncryptionAlgorithm": xmlenc + "rsa-1_5"}), wsfed.CheckEncrypted},
		"foreign-audience-20": {encryptedFor(ours, "2.0", gcm, options{"audience": "urn:interop:other"}), wsfed.CheckAudience},
		"foreign-audience-11": {encryptedFor(ours, "own", gcm, options{"audience": "urn:interop:other"}), wsfed.CheckAudience},
	}
	endpoints := map[string]options{"good": encryptedFor(ours, "2.0", xmlenc+"aes256-cbc", nil)}
	for name, c := range cases {
		endpoints[name] = c.options
	}
	provider := startNPMProvider(t, endpoints)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			party := newRelyingParty(t, provider.metadata(name), npmIssuer, decryptWith(t, ours))
			form, pending := provider.answer(t, party, "state")
			require.Contains(t, form.Get("wresult"), "Encrypted")
			id, err := party.VerifyForm(t.Context(), form, pending)
			requireRefused(t, err, c.check)
			require.Nil(t, id)
		})
	}

	t.Run("altered, always with the same words", func(t *testing.T) {
		party := newRelyingParty(t, provider.metadata("good"), npmIssuer, decryptWith(t, ours))
		form, pending := provider.answer(t, party, "state")
		good := form.Get("wresult")
		ciphers := regexp.MustCompile(`CipherValue>([^<]+)<`).FindAllStringSubmatchIndex(good, -1)
		require.Len(t, ciphers, 2, "of the key and of the token")
		said := map[string]bool{}
		for _, at := range ciphers {
			for _, place := range []int{at[2], (at[2] + at[3]) / 2, at[3] - 30} {
				altered := []byte(good)
				altered[place] = map[bool]byte{true: 'B', false: 'A'}[altered[place] == 'A']
				form.Set("wresult", string(altered))
				_, err := party.VerifyForm(t.Context(), form, pending)
				requireRefused(t, err, wsfed.CheckEncrypted)
				said[err.Error()] = true
			}
		}
		form.Set("wresult", strings.ReplaceAll(good, xmlenc+"aes256-cbc", xmlenc11+"aes256-gcm"))
		_, err := party.VerifyForm(t.Context(), form, pending)
		requireRefused(t, err, wsfed.CheckEncrypted)
		said[err.Error()] = true
		require.Len(t, said, 1)

		form.Set("wresult", good)
		_, err = party.VerifyForm(t.Context(), form, pending)
		require.NoError(t, err)
	})
}
