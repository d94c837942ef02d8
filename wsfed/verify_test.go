package wsfed

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// FuzzVerify: whatever is done to a signed answer, it is refused and gives nothing, or it says what was signed.
func FuzzVerify(f *testing.F) {
	k, key := fuzzKeys(f)
	answer := k.answer(f, idpToken{})
	f.Add([]byte(answer))
	token := between(answer, "<t:RequestedSecurityToken>", "</t:RequestedSecurityToken>")
	f.Add([]byte(token))
	f.Add([]byte(envelope(sealed(f, key, token))))
	p, err := New(Config{
		Realm: idpRealm, Reply: idpReply, Cloud: idpCloud, Tenant: idpTenant, Replay: forgetful{}, Now: (&idpClock{now: idpNow}).Now,
		Provider: &Provider{Issuer: sts, Certificates: []*x509.Certificate{k.Certificate}}, AllowCarriageReturns: true,
		DecryptionKeys: []tls.Certificate{key},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, verify := range []func() (string, error){
			func() (string, error) {
				id, err := p.Verify(t.Context(), doc)
				if id == nil {
					return "", err
				}
				return id.ObjectID, err
			},
			func() (string, error) {
				id, err := p.VerifyToken(t.Context(), doc)
				if id == nil {
					return "", err
				}
				return id.ObjectID, err
			},
		} {
			switch id, err := verify(); {
			case err == nil && id != idpObject:
				t.Fatalf("somebody else signed in: %q", id)
			case err != nil && id != "":
				t.Fatal("an identity beside an error")
			}
		}
	})
}

// fuzzKeys are the provider's key and our own for decryption. The process that fuzzes makes them and hands them to its workers in their environment: they
// must verify what it signed, or every answer would be refused for its signature alone.
func fuzzKeys(f *testing.F) (idpKey, tls.Certificate) {
	f.Helper()
	const name = "TENANTDOOR_FUZZ_KEYS"
	handed := strings.Fields(os.Getenv(name))
	if len(handed) == 0 {
		for _, made := range []tls.Certificate{decryptionKey(f, idpNow), decryptionKey(f, idpNow)} {
			private, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
			if err != nil {
				f.Fatal(err)
			}
			handed = append(handed, base64.StdEncoding.EncodeToString(private), base64.StdEncoding.EncodeToString(made.Certificate[0]))
		}
		f.Setenv(name, strings.Join(handed, " "))
	}
	read := func(at int) idpKey {
		private, err := base64.StdEncoding.DecodeString(handed[at])
		if err != nil {
			f.Fatal(err)
		}
		key, err := x509.ParsePKCS8PrivateKey(private)
		if err != nil {
			f.Fatal(err)
		}
		der, err := base64.StdEncoding.DecodeString(handed[at+1])
		if err != nil {
			f.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			f.Fatal(err)
		}
		return idpKey{key.(*rsa.PrivateKey), certificate}
	}
	provider, own := read(0), read(2)
	return provider, tls.Certificate{Certificate: [][]byte{own.Raw}, PrivateKey: own.private}
}

// sealed encrypts a token as AD FS does.
func sealed(t testing.TB, to tls.Certificate, token string) string {
	t.Helper()
	certificate := parsed(t, to)
	public, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		t.Fatal("not RSA")
	}
	session := make([]byte, 16)
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, session, nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(session)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	value := func(b []byte) string {
		return `<x:CipherData><x:CipherValue>` + base64.StdEncoding.EncodeToString(b) + `</x:CipherValue></x:CipherData>`
	}
	return `<x:EncryptedData xmlns:x="` + xmlencNS + `"><x:EncryptionMethod Algorithm="` + xmlenc11NS + `aes128-gcm"/><KeyInfo xmlns="` + xmldsigNS + `">` +
		`<x:EncryptedKey><x:EncryptionMethod Algorithm="` + oaepMGF1P + `"/>` + value(wrapped) + `</x:EncryptedKey></KeyInfo>` +
		value(gcm.Seal(nil, nil, []byte(token), nil)) + `</x:EncryptedData>` //nolint:gosec // G407: this one makes its own nonce
}

// answerOf is an answer of about size bytes.
func answerOf(b *testing.B, size int) []byte {
	b.Helper()
	attributes := `<Attribute Name="` + claimTenantID + `"><AttributeValue>` + idpTenant + `</AttributeValue></Attribute>` +
		`<Attribute Name="http://schemas.microsoft.com/identity/claims/objectidentifier"><AttributeValue>` + idpObject + `</AttributeValue></Attribute>` +
		`<Attribute Name="http://schemas.microsoft.com/ws/2008/06/identity/claims/groups">`
	const group = "<AttributeValue>cccccccc-0000-4000-8000-000000000001</AttributeValue>"
	empty := len(idpKeys()[0].answer(b, idpToken{attributes: attributes + "</Attribute>"}))
	groups := max(0, (size-empty)/len(group))
	return []byte(idpKeys()[0].answer(b, idpToken{attributes: attributes + strings.Repeat(group, groups) + "</Attribute>"}))
}

// BenchmarkVerify measures the whole verification beside goxmldsig alone (parsing included), and beside what no verifier can do without: RSA, and SHA-256 over
// the document.
func BenchmarkVerify(b *testing.B) {
	k := idpKeys()[0]
	for _, size := range []int{3 << 10, 8 << 10, 21 << 10} {
		answer := answerOf(b, size)
		b.Run(fmt.Sprintf("all/%dKB", size>>10), func(b *testing.B) {
			p, err := New(Config{
				Realm: idpRealm, Reply: idpReply, Cloud: idpCloud, Tenant: idpTenant, Replay: forgetful{}, Now: (&idpClock{now: idpNow}).Now,
				Provider: &Provider{Issuer: sts, Certificates: []*x509.Certificate{k.Certificate}},
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Verify(b.Context(), answer); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("goxmldsig/%dKB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				doc := etree.NewDocument()
				if err := doc.ReadFromBytes(answer); err != nil {
					b.Fatal(err)
				}
				token := doc.FindElement("//Assertion")
				_, err := (&dsig.ValidationContext{
					CertificateStore: &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{k.Certificate}},
					IdAttribute:      "ID", Clock: dsig.NewFakeClockAt(k.NotBefore),
				}).Validate(token)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("floor/%dKB", size>>10), func(b *testing.B) {
			sum := sha256.Sum256(answer)
			signature, err := rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, sum[:])
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				sum := sha256.Sum256(answer)
				if err := rsa.VerifyPKCS1v15(&k.private.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
