package wsfed

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signedForm is the form of a signed assertion, without the cryptography.
const signedForm = `<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a"><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>` +
	`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>` +
	`<ds:Reference URI="#_a"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>` +
	`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference></ds:SignedInfo>` +
	`<ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo/></ds:Signature><Subject/></Assertion>`

// Each rule of the form by itself: behind it stands goxmldsig, which would refuse some of these too, and accept others.
func TestSignatureForm(t *testing.T) {
	check := func(doc string, allowSHA1 bool) error {
		t.Helper()
		d, err := parse([]byte(doc), tokenLimits)
		require.NoError(t, err)
		_, err = checkSignature(&d, 0, "ID", allowSHA1)
		return err
	}
	change := func(old, with string) string {
		require.Contains(t, signedForm, old)
		return strings.Replace(signedForm, old, with, 1)
	}
	signature := "<ds:Signature" + between(signedForm, "<ds:Signature", "</ds:Signature>") + "</ds:Signature>"
	const exclusive = `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`
	const parameter = `<e:InclusiveNamespaces xmlns:e="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="xs"/>`
	withParameter := func(p string) string {
		return change(exclusive, strings.Replace(exclusive, "/>", ">"+p+"</ds:Transform>", 1))
	}

	require.NoError(t, check(signedForm, false))
	require.NoError(t, check(change("<ds:KeyInfo/>", ""), false))
	require.NoError(t, check(withParameter(parameter), false))
	sha1 := change("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1")
	require.NoError(t, check(sha1, true))
	for name, doc := range map[string]string{
		"none":                         change(signature, ""),
		"two":                          change(signature, signature+signature),
		"a second one elsewhere":       change("<Subject/>", "<Subject>"+signature+"</Subject>"),
		"a second one, other language": change("<Subject/>", `<x:Signature xmlns:x="urn:x"/>`),
		"deeper":                       change(signature, "<Advice>"+signature+"</Advice>"),
		"another language":             strings.Replace(signedForm, "2000/09/xmldsig#\"><ds:SignedInfo", "2000/09/xmldsig\"><ds:SignedInfo", 1),
		"SHA-1":                        sha1,
		"SHA-1 digest":                 change("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1"),
		"HMAC":                         change("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#hmac-sha1"),
		"parameter of the method":      change(`rsa-sha256"/>`, `rsa-sha256"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>`),
		"parameter of the digest":      change(`xmlenc#sha256"/>`, `xmlenc#sha256"><x xmlns="urn:x"/></ds:DigestMethod>`),
		"no algorithm":                 change(` Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"`, ""),
		"other first transform":        change("2000/09/xmldsig#enveloped-signature", "2001/10/xml-exc-c14n#"),
		"transforms swapped":           change(exclusive+"</ds:Transforms>", "</ds:Transforms>"),
		"XPath":                        withParameter(`<ds:XPath>true()</ds:XPath>`),
		"two parameters":               withParameter(parameter + parameter),
		"URI empty":                    change(`URI="#_a"`, `URI=""`),
		"no URI":                       change(` URI="#_a"`, ""),
		"URI of another":               change(`URI="#_a"`, `URI="#_b"`),
		"XPointer":                     change(`URI="#_a"`, `URI="#xpointer(/)"`),
		"attribute of a namespace":     change(`<ds:Reference `, `<ds:Reference xmlns:x="urn:x" x:URI="" `),
		"algorithm of a namespace":     change(`<ds:DigestMethod `, `<ds:DigestMethod xmlns:x="urn:x" x:Algorithm="y" `),
		"Object":                       change("<ds:KeyInfo/>", "<ds:KeyInfo/><ds:Object/>"),
		"Object in place of KeyInfo":   change("<ds:KeyInfo/>", "<ds:Object/>"),
		"two SignedInfo":               change("<ds:SignatureValue>", "<ds:SignedInfo/><ds:SignatureValue>"),
		"no value":                     change("<ds:SignatureValue>AAAA</ds:SignatureValue>", ""),
		"empty value":                  change("<ds:SignatureValue>AAAA", "<ds:SignatureValue> "),
		"markup in the value":          change("<ds:SignatureValue>AAAA", "<ds:SignatureValue>A<x/>A"),
		"markup in the digest":         change("<ds:DigestValue>AAAA", "<ds:DigestValue>A<x/>A"),
		"digest not base64":            change("<ds:DigestValue>AAAA", "<ds:DigestValue>!"),
		"text beside":                  change("<ds:KeyInfo/>", "text<ds:KeyInfo/>"),
		"no id":                        change(` ID="_a"`, ""),
		"id of a namespace":            change(` ID="_a"`, ` ID="_a" xmlns:x="urn:x" x:ID="_b"`),
		"id in another case":           change(` ID="_a"`, ` ID="_a" Id="_b"`),
		"both ids":                     change(` ID="_a"`, ` ID="_a" AssertionID="_a"`),
		"id twice":                     change("<Subject/>", `<Subject ID="_a"/>`),
		"id twice, xml:id":             change("<Subject/>", `<Subject xml:id="_a"/>`),
		"id is no name":                strings.ReplaceAll(signedForm, "_a", "1a"),
		"id with a slash":              strings.ReplaceAll(signedForm, "_a", "a/b"),
	} {
		assert.Error(t, check(doc, false), name)
	}
}

// What was verified must be what the signed digest says, whatever the library returned.
func TestVerifiedBytesHaveTheSignedDigest(t *testing.T) {
	k := idpKeys()[0]
	d, err := parse([]byte(k.answer(t, idpToken{})), tokenLimits)
	require.NoError(t, err)
	token, err := openEnvelope(&d)
	require.NoError(t, err)
	s, err := checkSignature(&d, token, "ID", false)
	require.NoError(t, err)
	keys := []*x509.Certificate{k.Certificate}
	verified, err := verifyEnveloped(d.detach(token), "ID", s.digest, keys)
	require.NoError(t, err)
	assert.NotContains(t, string(verified), "Signature")

	other := s.digest
	other.value = append([]byte{other.value[0] ^ 1}, other.value[1:]...)
	_, err = verifyEnveloped(d.detach(token), "ID", other, keys)
	require.Error(t, err)
	other = s.digest
	other.algorithm = "urn:x"
	_, err = verifyEnveloped(d.detach(token), "ID", other, keys)
	require.Error(t, err)
}

func TestWhiteSpaceInSignatureValue(t *testing.T) {
	w := newWorld(t)
	answer := idpKeys()[0].answer(t, idpToken{})
	value := between(answer, "<ds:SignatureValue>", "</ds:SignatureValue>")
	_, err := w.Verify(t.Context(), []byte(strings.Replace(answer, value, " \t"+value[:76]+" \r\n  "+value[76:]+"\n", 1)))
	require.NoError(t, err)
}

// A token that shows a key we have, and was not made with it, says nothing of a rollover.
func TestKnownKeyCausesNoFetch(t *testing.T) {
	w := newWorld(t)
	shown := idpKeys()[2]
	shown.Certificate = idpKeys()[0].Certificate
	requireCheck(t, w.signIn(t, shown), CheckSignature)
	assert.Equal(t, 1, w.net.count())
	requireCheck(t, w.signIn(t, idpKeys()[2]), CheckSignature)
	assert.Equal(t, 2, w.net.count())
}
