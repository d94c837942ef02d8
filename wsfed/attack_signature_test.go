package wsfed_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/tenantdoor/tenantdoor/wsfed"
)

// TestSignatureKeys: only the keys of the metadata, of the right role and use, count; whatever the message shows.
func TestSignatureKeys(t *testing.T) {
	k := keys()
	foreign := k.foreign.key
	cert := func(pairs ...keyPair) string { return x509KeyInfo(pairs...) }
	keyValue := keyInfo(`<KeyValue><RSAKeyValue><Modulus>` + base64.StdEncoding.EncodeToString(foreign.N.Bytes()) +
		`</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>`)
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			evil := good.as(victim)
			by := func(s signature) string { return response(evil.sign(s)) }
			refuseAll(t, true, []attack{
				{"no signature", response(evil.unsigned()), bySignature},
				{"foreign key, shown", by(signature{key: foreign, keyInfo: cert(k.foreign)}), bySignature},
				{"foreign key, our certificate shown", by(signature{key: foreign}), bySignature},
				{"foreign key, nothing shown", by(signature{key: foreign, keyInfo: "-"}), bySignature},
				{"CVE-2019-1006: foreign key in KeyValue", by(signature{key: foreign, keyInfo: keyValue}), bySignature},
				{"CVE-2019-1006: foreign key in KeyValue before our certificate", by(signature{
					key:     foreign,
					keyInfo: strings.Replace(keyValue, "</KeyInfo>", "<X509Data>"+element("X509Certificate", k.trusted.base64())+"</X509Data></KeyInfo>", 1),
				}), bySignature},
				{"CVE-2019-1006: our certificate before a foreign KeyValue", by(signature{
					key:     foreign,
					keyInfo: strings.Replace(keyValue, "<KeyValue>", "<X509Data>"+element("X509Certificate", k.trusted.base64())+"</X509Data><KeyValue>", 1),
				}), bySignature},
				{"foreign key, both certificates, foreign first", by(signature{key: foreign, keyInfo: cert(k.foreign, k.trusted)}), bySignature},
				{"foreign key, both certificates, ours first", by(signature{key: foreign, keyInfo: cert(k.trusted, k.foreign)}), bySignature},
				{"foreign key, two X509Data", by(signature{key: foreign, keyInfo: keyInfo(
					element("X509Data", element("X509Certificate", k.trusted.base64())) + element("X509Data", element("X509Certificate", k.foreign.base64())))}), bySignature},
				{"foreign key, two KeyInfo", by(signature{key: foreign, keyInfo: cert(k.trusted) + cert(k.foreign)}), bySignature},
				{"CVE-2019-1006: RetrievalMethod", by(signature{
					key:     foreign,
					keyInfo: keyInfo(`<RetrievalMethod Type="` + nsSig + `X509Data" URI="https://evil.example/key.pem"></RetrievalMethod>`),
				}), bySignature},
				{"the certificate's address as key", by(signature{key: foreign, keyInfo: keyInfo(`<KeyName>https://evil.example/key.pem</KeyName>`)}), bySignature},
				{"a key of the metadata that is for encryption", by(signature{key: k.encryption.key, keyInfo: cert(k.encryption)}), bySignature},
				{"a key of another role of the metadata", by(signature{key: k.otherRole.key, keyInfo: cert(k.otherRole)}), bySignature},
			})
		})
	}
}

// TestHMACWithPublicKey is the algorithm confusion of CVE-2016-5431 and its like: what is public becomes the secret.
func TestHMACWithPublicKey(t *testing.T) {
	der := keys().trusted.certificate.Raw
	spki, _ := x509.MarshalPKIXPublicKey(&keys().trusted.key.PublicKey)
	pkcs1 := x509.MarshalPKCS1PublicKey(&keys().trusted.key.PublicKey)
	secrets := map[string][]byte{
		"nothing":            nil,
		"certificate DER":    der,
		"certificate PEM":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"certificate base64": []byte(base64.StdEncoding.EncodeToString(der)),
		"SPKI DER":           spki,
		"SPKI PEM":           pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}),
		"PKCS #1 DER":        pkcs1,
		"PKCS #1 PEM":        pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}),
		"modulus":            keys().trusted.key.N.Bytes(),
		"subject public key": keys().trusted.certificate.RawSubjectPublicKeyInfo,
	}
	var list []attack
	for name, secret := range secrets {
		for _, method := range []string{hmacSHA1, hmacSHA256} {
			list = append(list, attack{
				method + " " + name,
				response(token20().as(victim).sign(signature{mac: secret, method: method})), bySignature,
			})
		}
	}
	refuseAll(t, true, list)
}

// TestSignatureTampered: anything changed after signing.
func TestSignatureTampered(t *testing.T) {
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			signed := response(good.signed())
			change := func(old, with string) string { return strings.Replace(signed, old, with, 1) }
			value := between(signed, "<SignatureValue>", "</SignatureValue>")
			digest := between(signed, "<DigestValue>", "</DigestValue>")
			other := signature{}.over(good.as(victim))
			refuseAll(t, true, []attack{
				{"object id", strings.ReplaceAll(signed, mallory, victim), bySignature},
				{"audience", change("Audience>"+realm, "Audience>"+realm+"x"), bySignature},
				{"lifetime", change(stamp(55*time.Minute), stamp(155*time.Minute)), bySignature},
				{"a space in a value", change(">Mallory<", ">Mallory <"), bySignature},
				{"white space between elements", change(good.attributes, "\n"+good.attributes), bySignature},
				{"an attribute more", change(` IssueInstant=`, ` Evil="1" IssueInstant=`), nil},
				{"signature value, one bit", change(value, flip(value)), bySignature},
				{"signature value empty", change(value, ""), bySignature},
				{"signature value white space", change(value, " "), bySignature},
				{"signature value cut", change(value, value[:340]), bySignature},
				{"signature value not base64", change(value, "!"+value[1:]), bySignature},
				{"signature value twice the length", change(value, value+value), bySignature},
				{"signature value of another token", change(value, between(other, "<SignatureValue>", "</SignatureValue>")), bySignature},
				{"no signature value", change("<SignatureValue>"+value+"</SignatureValue>", ""), bySignature},
				{"digest of the changed token", strings.ReplaceAll(change(digest, between(other, "<DigestValue>", "</DigestValue>")), mallory, victim), bySignature},
				{"digest, one bit", change(digest, flip(digest)), bySignature},
				{"digest empty", change(digest, ""), bySignature},
				{"digest cut", change(digest, digest[:20]), bySignature},
				{"no digest", change("<DigestValue>"+digest+"</DigestValue>", ""), bySignature},
				{"no SignedInfo", change("<SignedInfo>"+between(signed, "<SignedInfo>", "</SignedInfo>")+"</SignedInfo>", ""), bySignature},
				{"an empty Signature", response(good.with(`<Signature xmlns="` + nsSig + `"></Signature>`)), bySignature},
				{"Signature in another namespace", strings.ReplaceAll(signed, nsSig+`">`, `urn:evil">`), nil},
			})
		})
	}
}

// TestSignatureAlgorithms: exactly the algorithms and transforms of the facts, nothing older and nothing cleverer.
func TestSignatureAlgorithms(t *testing.T) {
	const withComments = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			by := func(s signature) string { return response(good.sign(s)) }
			transforms := func(list ...string) string { return by(signature{transforms: list}) }
			reference := func(uri string) string { return by(signature{reference: ` URI="` + uri + `"`}) }
			list := []attack{
				{"SHA-1 signature", by(signature{method: rsaSHA1}), bySignature},
				{"SHA-1 digest", by(signature{digest: digSHA1}), bySignature},
				{"SHA-1 both", by(signature{method: rsaSHA1, digest: digSHA1}), bySignature},
				{"MD5 signature", by(signature{method: rsaMD5}), bySignature},
				{"MD5 digest", by(signature{digest: digMD5}), bySignature},
				{"PSS", by(signature{method: rsaPSS256}), bySignature},
				{"unknown method", by(signature{method: "urn:none"}), bySignature},
				{"no method", by(signature{method: " "}), bySignature},
				{"method in another case", by(signature{method: strings.ToUpper(rsaSHA256)}), bySignature},

				{"URI empty", by(signature{reference: ` URI=""`}), bySignature},
				{"no URI", by(signature{reference: "-"}), bySignature},
				{"URI of another element", reference("#_other"), bySignature},
				{"URI without the number sign", reference(good.id), bySignature},
				{"URI of the number sign alone", reference("#"), bySignature},
				{"URI XPointer of the root", reference("#xpointer(/)"), bySignature},
				{"URI XPointer of the id", reference("#xpointer(id('" + good.id + "'))"), bySignature},
				{"URI percent-encoded", reference("#%5f" + good.id[1:]), bySignature},
				{"URI with a trailing space", reference("#" + good.id + " "), bySignature},
				{"URI outside", reference("https://evil.example/a.xml"), bySignature},
				{"URI outside with the id", reference("https://evil.example/a.xml#" + good.id), bySignature},
				{"URI of a file", reference("file:///etc/passwd"), bySignature},

				{"inclusive canonicalization of SignedInfo", by(signature{c14n: inclusive}), bySignature},
				{"canonicalization of SignedInfo with comments", by(signature{c14n: withComments}), bySignature},
				{"canonicalization of SignedInfo 1.1", by(signature{c14n: "http://www.w3.org/2006/12/xml-c14n11"}), bySignature},
				{"no canonicalization of SignedInfo", by(signature{c14n: "urn:none"}), bySignature},
				{"inclusive transform", transforms(enveloped, inclusive), bySignature},
				{"transform with comments", transforms(enveloped, withComments), bySignature},
				{"XSLT", transforms(enveloped, exclusive, "http://www.w3.org/TR/1999/REC-xslt-19991116"), bySignature},
				{"XPath", transforms(enveloped, exclusive, "http://www.w3.org/TR/1999/REC-xpath-19991116"), bySignature},
				{"XPath filter 2", transforms(enveloped, "http://www.w3.org/2002/06/xmldsig-filter2", exclusive), bySignature},
				{"base64", transforms(enveloped, exclusive, nsSig+"base64"), bySignature},
				{"decryption transform", transforms(enveloped, exclusive, "http://www.w3.org/2002/07/decrypt#XML"), bySignature},
				{"no enveloped transform", transforms(exclusive), bySignature},
				{"no canonicalization transform", transforms(enveloped), bySignature},
				{"no transforms", by(signature{transforms: []string{}}), bySignature},
				{"transforms the wrong way round", transforms(exclusive, enveloped), bySignature},
				{"enveloped twice", transforms(enveloped, enveloped, exclusive), bySignature},
				{"exclusive twice", transforms(enveloped, exclusive, exclusive), bySignature},
				{"an unknown transform", transforms(enveloped, exclusive, "urn:x"), bySignature},
			}
			refuseAll(t, true, list)
		})
	}
}

// TestSignatureStructure: one Signature, one SignedInfo, one Reference, plain text in the values.
func TestSignatureStructure(t *testing.T) {
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			evil := good.as(victim)
			signed := response(good.signed())
			goodSignature := signature{}.over(good)
			evilSignature := signature{key: keys().foreign.key, keyInfo: x509KeyInfo(keys().foreign)}.over(evil)
			goodInfo := element("SignedInfo", between(goodSignature, "<SignedInfo>", "</SignedInfo>"))
			evilInfo := element("SignedInfo", between(evilSignature, "<SignedInfo>", "</SignedInfo>"))
			goodDigest := between(goodSignature, "<DigestValue>", "</DigestValue>")
			evilDigest := between(evilSignature, "<DigestValue>", "</DigestValue>")
			// infos puts other SignedInfos over the victim's assertion, in place of the one that is signed.
			infos := func(list ...string) string {
				return response(evil.with(strings.Replace(goodSignature, goodInfo, strings.Join(list, ""), 1)))
			}
			digest := func(inner string) string {
				return response(evil.with(strings.Replace(goodSignature, ">"+goodDigest+"<", ">"+inner+"<", 1)))
			}
			second := `<Reference URI="#` + good.id + `"><Transforms><Transform Algorithm="` + enveloped + `"></Transform><Transform Algorithm="` + exclusive +
				`"></Transform></Transforms><DigestMethod Algorithm="` + digSHA256 + `"></DigestMethod><DigestValue>` + goodDigest + `</DigestValue></Reference>`
			refuseAll(t, true, []attack{
				{"CVE-2025-29774: two SignedInfo, evil first", infos(evilInfo, goodInfo), bySignature},
				{"CVE-2025-29774: two SignedInfo, evil last", infos(goodInfo, evilInfo), bySignature},
				{"CVE-2025-29774: SignedInfo in SignedInfo", infos(strings.Replace(evilInfo, "</SignedInfo>", goodInfo+"</SignedInfo>", 1)), bySignature},
				{"CVE-2025-29774: good SignedInfo in Object", strings.Replace(infos(evilInfo), "</Signature>", element("Object", goodInfo)+"</Signature>", 1), bySignature},
				{"CVE-2025-29774: two equal SignedInfo", response(good.with(strings.Replace(goodSignature, goodInfo, goodInfo+goodInfo, 1))), bySignature},
				{"CVE-2025-29775: comment in DigestValue, evil inside", digest("<!--" + evilDigest + "-->" + goodDigest), byForm},
				{"CVE-2025-29775: comment in DigestValue, good inside", digest(evilDigest + "<!--" + goodDigest + "-->"), byForm},
				{"CVE-2025-29775: comment in DigestValue of a good token", strings.Replace(signed, goodDigest, "<!---->"+goodDigest, 1), byForm},
				{"element in DigestValue", digest("<x></x>" + evilDigest), bySignature},
				{"two DigestValue", digest(evilDigest + "</DigestValue><DigestValue>" + goodDigest), bySignature},
				{"comment in SignatureValue", strings.Replace(signed, "<SignatureValue>", "<SignatureValue><!--x-->", 1), byForm},
				{"comment in the Signature", strings.Replace(signed, "<SignatureValue>", "<!--x--><SignatureValue>", 1), byForm},
				{"text in the Signature", strings.Replace(signed, "<SignatureValue>", "evil<SignatureValue>", 1), bySignature},
				{"two SignatureValue", strings.Replace(signed, "<SignatureValue>", "<SignatureValue>AAAA</SignatureValue><SignatureValue>", 1), bySignature},
				{"two signatures, evil first", response(evil.with(evilSignature + goodSignature)), bySignature},
				{"two signatures, evil last", response(evil.with(goodSignature + evilSignature)), bySignature},
				{"two signatures, both good", response(good.with(goodSignature + goodSignature)), bySignature},
				{"goxmldsig CVE-2026-33487: two references, signed", response(good.sign(signature{more: second})), bySignature},
				{"goxmldsig CVE-2026-33487: two references, good one first", response(evil.sign(signature{
					digestValue: goodDigest,
					more:        strings.Replace(second, goodDigest, evilDigest, 1),
				})), bySignature},
				{"goxmldsig CVE-2026-33487: two references, good one last", response(evil.sign(signature{digestValue: evilDigest, more: second})), bySignature},
				{"a second reference to elsewhere", response(good.sign(signature{more: strings.Replace(second, good.id, "_elsewhere", 1)})), bySignature},
				{"a manifest", response(good.sign(signature{object: `<Object><Manifest>` + second + `</Manifest></Object>`})), bySignature},
				{"HMACOutputLength", response(good.sign(signature{more: `<HMACOutputLength>0</HMACOutputLength>`})), bySignature},
				{"no reference at all", response(evil.with(signedNothing())), bySignature},
			})
		})
	}
}

// signedNothing is a signature of the trusted key over a SignedInfo without any reference.
func signedNothing() string {
	s := signature{}
	info := `<SignedInfo><CanonicalizationMethod Algorithm="` + exclusive + `"></CanonicalizationMethod><SignatureMethod Algorithm="` + rsaSHA256 +
		`"></SignatureMethod></SignedInfo>`
	value := s.value(strings.Replace(info, "<SignedInfo>", `<SignedInfo xmlns="`+nsSig+`">`, 1))
	return `<Signature xmlns="` + nsSig + `">` + info + element("SignatureValue", value) + x509KeyInfo(keys().trusted) + `</Signature>`
}

// TestInsecureSHA1 holds the switch for old AD FS: it opens SHA-1, and nothing else.
func TestInsecureSHA1(t *testing.T) {
	sha1 := func(c *wsfed.Config) { c.InsecureSHA1 = true }
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			accept(t, response(good.sign(signature{method: rsaSHA1, digest: digSHA1})), sha1)
			refuseAll(t, true, []attack{
				{"MD5", response(good.sign(signature{method: rsaMD5, digest: digMD5})), bySignature},
				{"foreign key", response(good.sign(signature{method: rsaSHA1, digest: digSHA1, key: keys().foreign.key})), bySignature},
				{"HMAC", response(good.sign(signature{method: hmacSHA1, mac: keys().trusted.certificate.Raw})), bySignature},
			}, sha1)
		})
	}
}

// goodTokens are one of each version of SAML.
func goodTokens() map[string]token { return map[string]token{"2.0": token20(), "1.1": token11()} }

func between(s, start, end string) string {
	_, rest, _ := strings.Cut(s, start)
	inner, _, found := strings.Cut(rest, end)
	if !found {
		panic("the forger does not find " + end)
	}
	return inner
}

// flip changes one bit of a base64 value and keeps it base64.
func flip(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	b[len(b)/2] ^= 1
	return base64.StdEncoding.EncodeToString(b)
}
