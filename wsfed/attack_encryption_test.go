package wsfed_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

const (
	nsEnc     = "http://www.w3.org/2001/04/xmlenc#"
	nsEnc11   = "http://www.w3.org/2009/xmlenc11#"
	aes128CBC = nsEnc + "aes128-cbc"
	aes256CBC = nsEnc + "aes256-cbc"
	aes128GCM = nsEnc11 + "aes128-gcm"
	aes256GCM = nsEnc11 + "aes256-gcm"
	oaepMGF1P = nsEnc + "rsa-oaep-mgf1p"
	oaep11    = nsEnc11 + "rsa-oaep"
	rsa15     = nsEnc + "rsa-1_5"
)

// encryption says how to encrypt; the zero value is AES-256-GCM under RSA-OAEP with SHA-1, to the relying party's key.
type encryption struct {
	to        keyPair
	data, key string // methods
	digest    string // of OAEP; "-": the element is left out
	mask      string // of OAEP 1.1
	claim     string // the data method that is written down, in place of the one that was used
	detached  bool   // the key beside the data
	inKeyInfo string // before the encrypted key
	hint      string // inside the encrypted key
	bend      func(ciphertext []byte) []byte
	bendKey   func(wrapped []byte) []byte
	padding   func(plain []byte) []byte // CBC
}

// element is the EncryptedData over plain, in canonical form, and the key where that stands beside it.
func (e encryption) element(plain string) string {
	data, key := defaultTo(e.data, aes256GCM), defaultTo(e.key, oaepMGF1P)
	to := e.to
	if to.key == nil {
		to = keys().encryption
	}
	size := 32
	if strings.Contains(data, "128") {
		size = 16
	} else if strings.Contains(data, "192") {
		size = 24
	}
	session := make([]byte, size)
	_, _ = rand.Read(session)

	sealed := e.seal(data, session, []byte(plain))
	wrapped := e.wrap(key, to, session)
	if e.bend != nil {
		sealed = e.bend(sealed)
	}
	if e.bendKey != nil {
		wrapped = e.bendKey(wrapped)
	}
	parameters := ""
	if e.digest != "-" {
		parameters = `<ds:DigestMethod xmlns:ds="` + nsSig + `" Algorithm="` + defaultTo(e.digest, digSHA1) + `"></ds:DigestMethod>`
	}
	if e.mask != "" {
		parameters += `<m:MGF xmlns:m="` + nsEnc11 + `" Algorithm="` + e.mask + `"></m:MGF>`
	}
	declare := ""
	if e.detached {
		declare = ` xmlns:e="` + nsEnc + `"`
	}
	encryptedKey := `<e:EncryptedKey` + declare + `><e:EncryptionMethod Algorithm="` + key + `">` + parameters + `</e:EncryptionMethod>` +
		e.hint + cipherData(wrapped) + `</e:EncryptedKey>`
	inside := `<KeyInfo xmlns="` + nsSig + `">` + e.inKeyInfo + encryptedKey + `</KeyInfo>`
	after := ""
	if e.detached {
		inside, after = "", encryptedKey
	}
	return `<e:EncryptedData xmlns:e="` + nsEnc + `" Type="` + nsEnc + `Element"><e:EncryptionMethod Algorithm="` + defaultTo(e.claim, data) + `"></e:EncryptionMethod>` +
		inside + cipherData(sealed) + `</e:EncryptedData>` + after
}

func (e encryption) assertion(plain string) string {
	return `<EncryptedAssertion xmlns="` + nsSAML20 + `">` + e.element(plain) + `</EncryptedAssertion>`
}

func cipherData(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	return "<e:CipherData><e:CipherValue>\n" + s[:len(s)/2] + "\n\t " + s[len(s)/2:] + "\n</e:CipherValue></e:CipherData>"
}

func (e encryption) seal(method string, key, plain []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	if strings.HasSuffix(method, "gcm") {
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			panic(err)
		}
		return gcm.Seal(nil, nil, plain, nil) //nolint:gosec // G407: this one makes its own nonce
	}
	pad := e.padding
	if pad == nil { // https://www.w3.org/TR/xmlenc-core1/#sec-Padding
		pad = func(p []byte) []byte {
			n := 16 - len(p)%16
			return append(append(p, bytes.Repeat([]byte{0xA5}, n-1)...), byte(n))
		}
	}
	padded := pad(plain)
	out := make([]byte, 16+len(padded))
	_, _ = rand.Read(out[:16])
	cipher.NewCBCEncrypter(block, out[:16]).CryptBlocks(out[16:], padded) //nolint:gosec // G407: random, from the line above
	return out
}

func (e encryption) wrap(method string, to keyPair, session []byte) []byte {
	public := &to.key.PublicKey
	var out []byte
	var err error
	switch {
	case method == rsa15:
		out, err = rsa.EncryptPKCS1v15(rand.Reader, public, session) //nolint:staticcheck // the attack
	case strings.HasSuffix(e.digest, "sha256"):
		mask := crypto.SHA1
		if strings.HasSuffix(e.mask, "sha256") {
			mask = crypto.SHA256
		}
		out, err = rsa.EncryptOAEPWithOptions(rand.Reader, public, session, &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: mask})
	default:
		out, err = rsa.EncryptOAEPWithOptions(rand.Reader, public, session, &rsa.OAEPOptions{Hash: crypto.SHA1})
	}
	if err != nil {
		panic(err)
	}
	return out
}

// pair is what a host configures it.
func (k keyPair) pair() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{k.certificate.Raw}, PrivateKey: k.key}
}

// decrypting gives the relying party these keys; none is the one of the corpus.
func decrypting(pairs ...keyPair) func(*wsfed.Config) {
	if len(pairs) == 0 {
		pairs = []keyPair{keys().encryption}
	}
	return func(c *wsfed.Config) {
		c.DecryptionKeys = nil
		for _, k := range pairs {
			c.DecryptionKeys = append(c.DecryptionKeys, k.pair())
		}
	}
}

func TestEncryptedTokensAreRead(t *testing.T) {
	older := keys().foreign
	for name, c := range map[string]struct {
		token  token
		e      encryption
		config func(*wsfed.Config)
	}{
		"AES-256-GCM":                     {token20(), encryption{}, nil},
		"AES-128-GCM":                     {token20(), encryption{data: aes128GCM}, nil},
		"AES-256-CBC":                     {token20(), encryption{data: aes256CBC}, nil},
		"AES-128-CBC":                     {token20(), encryption{data: aes128CBC}, nil},
		"SAML 1.1":                        {token11(), encryption{data: aes256CBC}, nil},
		"OAEP, digest not said":           {token20(), encryption{digest: "-"}, nil},
		"OAEP 1.1, SHA-1":                 {token20(), encryption{key: oaep11, mask: nsEnc11 + "mgf1sha1"}, nil},
		"OAEP 1.1, SHA-256":               {token20(), encryption{key: oaep11, digest: digSHA256, mask: nsEnc11 + "mgf1sha256"}, nil},
		"key beside the data":             {token20(), encryption{detached: true}, nil},
		"a hint of the key":               {token20(), encryption{hint: x509KeyInfo(keys().encryption)}, nil},
		"a hint of another key":           {token20(), encryption{hint: x509KeyInfo(older), inKeyInfo: element("KeyName", "k")}, nil},
		"rotation: the provider is late":  {token20(), encryption{to: older}, decrypting(keys().encryption, older)},
		"rotation: the provider is ahead": {token20(), encryption{data: aes256CBC}, decrypting(older, keys().encryption)},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.config
			if change == nil {
				change = decrypting()
			}
			if !c.e.detached {
				require.Equal(t, mallory, accept(t, response(c.e.element(c.token.signed())), change).ObjectID, "bare")
			}
			if !c.token.v11 {
				require.Equal(t, mallory, accept(t, response(c.e.assertion(c.token.signed())), change).ObjectID)
				require.Equal(t, mallory, accept(t, collection(c.e.assertion(c.token.signed())), change).ObjectID)
			}
			if !c.e.detached {
				id, err := newDoor(t, change).VerifyToken(t.Context(), []byte(c.e.element(c.token.signed())))
				require.NoError(t, err)
				require.Equal(t, mallory, id.ObjectID)
			}
		})
	}
	accept(t, response(token20().signed()), decrypting())
}

// TestEncryptedAttacks: whatever is wrong with an encrypted token until its signature holds, the refusal is one and the same, letter by letter.
func TestEncryptedAttacks(t *testing.T) {
	good := token20().signed()
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			b = bytes.Clone(b)
			b[(at+len(b))%len(b)] ^= 1
			return b
		}
	}
	pad := func(with func(n int) []byte) func([]byte) []byte {
		return func(p []byte) []byte { return append(p, with(16-len(p)%16)...) }
	}
	change := func(s, old, replacement string) string {
		out := strings.Replace(s, old, replacement, 1)
		require.NotEqual(t, s, out, old)
		return response(out)
	}
	sealed := encryption{}.assertion(good)
	for name, wresult := range map[string]string{
		"wrong key":                     response(encryption{to: keys().foreign}.assertion(good)),
		"RSA 1.5":                       response(encryption{key: rsa15, digest: "-"}.assertion(good)),
		"RSA 1.5 with OAEP's digest":    response(encryption{key: rsa15}.assertion(good)),
		"RSA 1.5 written as OAEP":       change(encryption{key: rsa15}.assertion(good), rsa15, oaepMGF1P),
		"OAEP, flipped":                 response(encryption{bendKey: flip(17)}.assertion(good)),
		"OAEP, cut":                     response(encryption{bendKey: func(b []byte) []byte { return b[:100] }}.assertion(good)),
		"OAEP, empty":                   response(encryption{bendKey: func([]byte) []byte { return nil }}.assertion(good)),
		"OAEP, another digest":          response(encryption{digest: digSHA256}.assertion(good)),
		"OAEP, unknown digest":          change(sealed, digSHA1, digMD5),
		"OAEP, the library's own name":  change(encryption{key: oaep11, digest: digSHA256, mask: nsEnc11 + "mgf1sha256"}.assertion(good), digSHA256, nsSig+"sha256"),
		"OAEP 1.1, mask not said":       change(encryption{key: oaep11, digest: digSHA256, mask: nsEnc11 + "mgf1sha256"}.assertion(good), `<m:MGF xmlns:m="`+nsEnc11+`" Algorithm="`+nsEnc11+`mgf1sha256"></m:MGF>`, ""),
		"OAEP, SHA-256 and its mask":    response(encryption{digest: digSHA256, mask: nsEnc11 + "mgf1sha256"}.assertion(good)),
		"OAEP, parameters":              change(sealed, `<ds:DigestMethod`, `<e:OAEPparams>AAAA</e:OAEPparams><ds:DigestMethod`),
		"OAEP, two digests":             change(sealed, `<ds:DigestMethod`, `<ds:DigestMethod xmlns:ds="`+nsSig+`" Algorithm="`+digSHA256+`"/><ds:DigestMethod`),
		"OAEP, two masks":               change(encryption{key: oaep11, mask: nsEnc11 + "mgf1sha1"}.assertion(good), `<m:MGF`, `<m:MGF xmlns:m="`+nsEnc11+`" Algorithm="`+nsEnc11+`mgf1sha256"/><m:MGF`),
		"no algorithm of the key":       change(sealed, ` Algorithm="`+oaepMGF1P+`"`, ``),
		"GCM, tag flipped":              response(encryption{bend: flip(-1)}.assertion(good)),
		"GCM, nonce flipped":            response(encryption{bend: flip(0)}.assertion(good)),
		"GCM, data flipped":             response(encryption{bend: flip(500)}.assertion(good)),
		"GCM, shorter than its nonce":   response(encryption{bend: func(b []byte) []byte { return b[:7] }}.assertion(good)),
		"GCM, empty":                    response(encryption{bend: func([]byte) []byte { return nil }}.assertion(good)),
		"GCM, cut":                      response(encryption{bend: func(b []byte) []byte { return b[:len(b)-3] }}.assertion(good)),
		"GCM read as CBC":               response(encryption{claim: aes256CBC}.assertion(good)),
		"CBC read as GCM":               response(encryption{data: aes256CBC, claim: aes256GCM}.assertion(good)),
		"CBC, padding of zero":          response(encryption{data: aes256CBC, padding: pad(func(n int) []byte { return make([]byte, n) })}.assertion(good)),
		"CBC, padding too long":         response(encryption{data: aes256CBC, padding: pad(func(n int) []byte { return append(make([]byte, n-1), 17) })}.assertion(good)),
		"CBC, padding of 255":           response(encryption{data: aes256CBC, padding: pad(func(n int) []byte { return append(make([]byte, n-1), 255) })}.assertion(good)),
		"CBC, all zero":                 response(encryption{data: aes256CBC, padding: func([]byte) []byte { return make([]byte, 64) }}.assertion(good)),
		"CBC, not whole blocks":         response(encryption{data: aes256CBC, bend: func(b []byte) []byte { return b[:len(b)-5] }}.assertion(good)),
		"CBC, initial vector alone":     response(encryption{data: aes256CBC, bend: func(b []byte) []byte { return b[:16] }}.assertion(good)),
		"CBC, last block flipped":       response(encryption{data: aes256CBC, bend: flip(-17)}.assertion(good)),
		"CBC, first letter flipped":     response(encryption{data: aes256CBC, bend: flip(0)}.assertion(good)),
		"CBC, a letter of the name":     response(encryption{data: aes256CBC, bend: flip(3)}.assertion(good)),
		"CBC, text altered":             response(encryption{data: aes128CBC, bend: flip(-300)}.assertion(good)),
		"triple DES":                    response(encryption{data: aes256CBC, claim: nsEnc + "tripledes-cbc"}.assertion(good)), // the library reads AES under this name
		"AES-256 named AES-128, GCM":    response(encryption{claim: aes128GCM}.assertion(good)),
		"AES-128 named AES-256, GCM":    response(encryption{data: aes128GCM, claim: aes256GCM}.assertion(good)),
		"AES-256 named AES-128, CBC":    response(encryption{data: aes256CBC, claim: aes128CBC}.assertion(good)),
		"AES-128 named AES-256, CBC":    response(encryption{data: aes128CBC, claim: aes256CBC}.assertion(good)),
		"AES-192 named AES-256":         response(encryption{data: nsEnc11 + "aes192-gcm", claim: aes256GCM}.assertion(good)),
		"AES-192":                       response(encryption{data: nsEnc11 + "aes192-gcm"}.assertion(good)),
		"no algorithm":                  change(sealed, ` Algorithm="`+aes256GCM+`"`, ``),
		"key size":                      change(sealed, ` Algorithm="`+aes256GCM+`"></e:EncryptionMethod>`, ` Algorithm="`+aes256GCM+`"><e:KeySize>256</e:KeySize></e:EncryptionMethod>`),
		"content, not an element":       change(sealed, nsEnc+"Element", nsEnc+"Content"),
		"ciphertext by address":         change(sealed, `<e:CipherData><e:CipherValue>`, `<e:CipherData><e:CipherReference URI="https://evil.example/"/><e:CipherValue>`),
		"key by address":                response(encryption{inKeyInfo: `<RetrievalMethod URI="https://evil.example/"/>`, to: keys().foreign}.assertion(good)),
		"no key":                        response(`<EncryptedAssertion xmlns="` + nsSAML20 + `"><e:EncryptedData xmlns:e="` + nsEnc + `"><e:EncryptionMethod Algorithm="` + aes256GCM + `"/>` + cipherData([]byte("0123456789abcdef0123456789abcdef")) + `</e:EncryptedData></EncryptedAssertion>`),
		"no ciphertext":                 response(`<EncryptedAssertion xmlns="` + nsSAML20 + `"></EncryptedAssertion>`),
		"text between":                  change(sealed, `</e:EncryptedData>`, `</e:EncryptedData>text`),
		"two of them in one":            response(`<EncryptedAssertion xmlns="` + nsSAML20 + `">` + encryption{}.element(good) + encryption{}.element(good) + `</EncryptedAssertion>`),
		"two keys":                      response(`<EncryptedAssertion xmlns="` + nsSAML20 + `">` + encryption{}.element(good) + strings.SplitAfterN(encryption{detached: true}.element(good), `</e:EncryptedData>`, 2)[1] + `</EncryptedAssertion>`),
		"an assertion beside it":        change(sealed, `<EncryptedAssertion xmlns="`+nsSAML20+`">`, `<EncryptedAssertion xmlns="`+nsSAML20+`">`+good),
		"an assertion in its key info":  response(encryption{inKeyInfo: good}.assertion(good)),
		"an assertion in the envelope":  rstr(requested(sealed) + good),
		"one more in the envelope":      rstr(requested(sealed) + encryption{}.element(good)),
		"encrypted twice":               response(encryption{}.assertion(encryption{}.assertion(good))),
		"encrypted twice, bare":         response(encryption{}.element(encryption{}.element(good))),
		"encrypted inside, signed":      response(encryption{}.assertion(signedWith(func(k *token) { k.advice = element("Advice", encryption{}.element(good)) }))),
		"no inner signature":            response(encryption{}.assertion(token20().unsigned())),
		"inner signature of a stranger": response(encryption{}.assertion(token20().sign(signature{key: keys().foreign.key}))),
		"inner signature, altered":      response(encryption{}.assertion(strings.Replace(good, mallory, victim, 1))),
		"inner signature, SHA-1":        response(encryption{}.assertion(token20().sign(signature{method: rsaSHA1, digest: digSHA1}))),
		"signed outside, not inside":    response(strings.Replace(encryption{}.assertion(token20().unsigned()), "</EncryptedAssertion>", signature{}.over(token20())+"</EncryptedAssertion>", 1)),
		"a response inside":             response(encryption{}.assertion(response(good))),
		"two assertions inside":         response(encryption{}.assertion(good + good)),
		"a wrapped one inside":          response(encryption{}.assertion(signedWith(func(k *token) { k.advice = element("Advice", token20().as(victim).withID("_evil").unsigned()) }))),
		"a document type inside":        response(encryption{}.assertion(`<!DOCTYPE a [<!ENTITY x "y">]>` + good)),
		"a comment inside":              response(encryption{}.assertion(strings.Replace(good, mallory, mallory+"<!-- -->", 1))),
		"not XML inside":                response(encryption{}.assertion("no XML")),
		"nothing inside":                response(encryption{}.assertion("")),
		"too many elements inside":      response(encryption{}.assertion("<a>" + strings.Repeat("<a/>", 10_001) + "</a>")),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, decrypting())
			id, err := d.Verify(t.Context(), []byte(wresult))
			requireRefused(t, d, id, err, []wsfed.Check{wsfed.CheckEncrypted})
			require.ErrorIs(t, err, wsfed.ErrEncrypted)
			require.EqualError(t, err, "wsfed: token refused (encrypted): wsfed: the encrypted token cannot be opened")
		})
	}
}

// signedWith is a token of mallory's, bent before it was signed.
func signedWith(change func(*token)) string {
	k := token20()
	change(&k)
	return k.signed()
}

// TestEncryptedChecks: once the signature holds, every other check says by name what it refuses.
func TestEncryptedChecks(t *testing.T) {
	for name, c := range map[string]struct {
		bend  func(*token)
		check wsfed.Check
	}{
		"audience": {func(k *token) { k.conditions = conditions20(-5e9, 5e9, audiences("spn:other")) }, wsfed.CheckAudience},
		"expired":  {func(k *token) { k.conditions = conditions20(-7200e9, -3600e9, audiences(realm)) }, wsfed.CheckExpired},
		"issuer":   {func(k *token) { k.issuer = element("Issuer", "https://sts.windows.net/"+tenant+"/") }, wsfed.CheckIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, decrypting())
			id, err := d.Verify(t.Context(), []byte(response(encryption{}.assertion(signedWith(c.bend)))))
			requireRefused(t, d, id, err, []wsfed.Check{c.check})
		})
	}
	d := newDoor(t, decrypting())
	for _, sealed := range []string{encryption{}.assertion(token20().signed()), encryption{data: aes256CBC}.assertion(token20().signed()), token20().signed()} {
		_, err := d.Verify(t.Context(), []byte(response(sealed)))
		if d.replay.calls == 1 {
			require.NoError(t, err)
			continue
		}
		var refused *wsfed.VerificationError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, wsfed.CheckReplay, refused.Check, "encrypted anew, it is still the same assertion")
	}
}

func TestEncryptedWithoutKeys(t *testing.T) {
	d := newDoor(t)
	id, err := d.Verify(t.Context(), []byte(response(encryption{}.assertion(token20().signed()))))
	requireRefused(t, d, id, err, []wsfed.Check{wsfed.CheckEncrypted})
	require.ErrorIs(t, err, wsfed.ErrEncrypted)
	require.ErrorContains(t, err, "no decryption key is configured")
}

// TestEncryptedWithoutMetadata: that the metadata cannot be had is said before anything is decrypted, for a good token and for a bad one.
func TestEncryptedWithoutMetadata(t *testing.T) {
	for _, to := range []keyPair{keys().encryption, keys().foreign} {
		d := newDoor(t, decrypting(), func(c *wsfed.Config) { c.Metadata, c.MetadataURL = nil, metadataURL+"x" })
		_, err := d.Verify(t.Context(), []byte(response(encryption{to: to}.assertion(token20().signed()))))
		require.ErrorIs(t, err, wsfed.ErrUnavailable)
		require.NotErrorIs(t, err, wsfed.ErrEncrypted)

		d = newDoor(t, decrypting(), func(c *wsfed.Config) { c.MetadataSigners = []*x509.Certificate{keys().foreign.certificate} })
		_, err = d.Verify(t.Context(), []byte(response(encryption{to: to}.assertion(token20().signed()))))
		require.ErrorIs(t, err, wsfed.ErrMetadata, "that may not speak for the provider")
		require.NotErrorIs(t, err, wsfed.ErrEncrypted)
	}
}

// TestEncryptedInterrupted: who hangs up has not been refused.
func TestEncryptedInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := newDoor(t, decrypting(), func(c *wsfed.Config) { c.MetadataURL, c.Provider = "", staticProvider(issuer) })
	_, err := d.Verify(ctx, []byte(response(encryption{to: keys().foreign}.assertion(token20().signed()))))
	require.ErrorIs(t, err, wsfed.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
}

func TestDecryptionKeys(t *testing.T) {
	good := keys().encryption.pair()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: keys().foreign.certificate.SerialNumber}
	der, err := x509.CreateCertificate(rand.Reader, template, template, small.Public(), small)
	require.NoError(t, err)
	for name, list := range map[string][]tls.Certificate{
		"no private key":             {good, {Certificate: good.Certificate}},
		"no certificate":             {{PrivateKey: good.PrivateKey}},
		"certificate of another key": {{Certificate: good.Certificate, PrivateKey: keys().foreign.key}},
		"not RSA":                    {{Certificate: good.Certificate, PrivateKey: curve}},
		"too short":                  {{Certificate: [][]byte{der}, PrivateKey: small}},
		"not a certificate":          {{Certificate: [][]byte{[]byte("x")}, PrivateKey: good.PrivateKey}},
		"too many":                   {good, good, good, good, good, good, good, good, good},
	} {
		_, err := wsfed.New(wsfed.Config{Realm: realm, Reply: reply, Tenant: tenant, Cloud: testCloud, Replay: new(replaySpy), DecryptionKeys: list})
		require.ErrorIs(t, err, wsfed.ErrInvalid, name)
		assert.ErrorContains(t, err, "DecryptionKeys", name)
	}
}
