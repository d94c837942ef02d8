package wsfed_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// TestSignatureWrapping moves a good signature, and what it signs, around evil content. The taxonomy is that of Somorovsky et al.,
// "On Breaking SAML: Be Whoever You Want to Be" (USENIX Security 2012), XSW1 to XSW8, and its successors: ruby-saml
// CVE-2024-45409 and CVE-2025-25291/25292, xml-crypto CVE-2025-29774, samlify CVE-2025-47949, goxmldsig CVE-2020-7711.
func TestSignatureWrapping(t *testing.T) {
	for version, good := range goodTokens() {
		t.Run(version, func(t *testing.T) {
			require.NotNil(t, accept(t, response(good.signed())))
			refuseAll(t, true, wrappings(good))
		})
	}
}

func wrappings(good token) []attack {
	signed, stripped := good.signed(), good.unsigned()
	signature1 := signature{}.over(good)
	evil := good.as(victim).withID("_e0000000-0000-4000-8000-00000000000e")
	evilSameID := good.as(victim)
	end := "</t:RequestSecurityTokenResponse>"
	beside := func(s string) string { return strings.Replace(response(evil.with(signature1)), end, s+end, 1) }
	advice := func(k token, inner string) token {
		name := "Advice"
		if k.v11 {
			name = "saml:Advice"
		}
		k.advice = element(name, inner)
		return k
	}
	inValue := func(k token, inner string) token {
		k.attributes = strings.Replace(k.attributes, ">Mallory<", ">"+inner+"<", 1)
		return k
	}
	inSignature := func(object, keyInfo string) string {
		return good.sign(signature{object: object, keyInfo: keyInfo})
	}
	foreign := func(k token) string {
		return strings.NewReplacer(nsSAML20, "urn:evil", nsSAML11, "urn:evil").Replace(k.unsigned())
	}

	list := []attack{
		{"evil sibling before", response(evil.unsigned() + signed), byEnvelope},
		{"evil sibling after", response(signed + evil.unsigned()), byEnvelope},
		{"evil sibling with the same id before", response(evilSameID.unsigned() + signed), byEnvelope},
		{"evil sibling with the same id after", response(signed + evilSameID.unsigned()), byEnvelope},
		{"evil sibling with a copy of the signature before", response(evil.with(signature1) + signed), byEnvelope},
		{"two requested tokens, evil first", rstr(requested(evil.unsigned()) + requested(signed)), byEnvelope},
		{"two requested tokens, evil second", rstr(requested(signed) + requested(evil.unsigned())), byEnvelope},
		{"two good requested tokens", rstr(requested(signed) + requested(good.withID("_second").signed())), byEnvelope},
		{"two responses in a collection, evil first", collection(evil.unsigned(), signed), byEnvelope},
		{"two responses in a collection, evil second", collection(signed, evil.unsigned()), byEnvelope},
		{"a response in a requested token", response(response(signed)), byEnvelope},
		{"a response beside the requested token", strings.Replace(response(signed), end, response(evil.unsigned())+end, 1), byEnvelope},

		{"XSW: original in ds:Object", response(evil.sign(movedSignature(good, element("Object", stripped)))), byEnvelope},
		{"XSW: original in ds:Object, same id", response(evilSameID.sign(movedSignature(good, element("Object", stripped)))), byEnvelope},
		{"XSW: signed original in ds:Object", response(evil.sign(movedSignature(good, element("Object", signed)))), byEnvelope},
		{"XSW: original in KeyInfo", response(evil.with(strings.Replace(signature1, "<X509Data>", stripped+"<X509Data>", 1))), byEnvelope},
		{"XSW: original in Advice, signature outside", response(advice(evil, stripped).with(signature1)), byEnvelope},
		{"XSW: original in Advice with its signature", response(advice(evil, signed).unsigned()), byEnvelope},
		{"XSW: original in Advice with its signature, and a copy outside", response(advice(evil, signed).with(signature1)), byEnvelope},
		{"XSW: original in Advice, same id", response(advice(evilSameID, stripped).with(signature1)), byEnvelope},
		{"XSW: original before the requested token", strings.Replace(response(evil.with(signature1)), "<t:RequestedSecurityToken>", stripped+"<t:RequestedSecurityToken>", 1), byEnvelope},
		{"XSW: original after the requested token", beside(stripped), byEnvelope},
		{"XSW: signed original after the requested token", beside(signed), byEnvelope},
		{"XSW: original in a made-up element of the response", beside(`<x:Junk xmlns:x="urn:x">` + stripped + `</x:Junk>`), byEnvelope},
		{"XSW: original inside an attribute value of evil", response(inValue(evil, stripped).with(signature1)), byEnvelope},
		{"XSW: signed original inside an attribute value of evil", response(inValue(evil, signed).unsigned()), byEnvelope},
		{"XSW: original as root, evil as its child", response(strings.Replace(good.with(signature1), "</", evil.unsigned()+"</", 1)), byEnvelope},
		{"XSW: evil around the original", response(strings.Replace(evil.unsigned(), ">", ">"+signed, 1)), byEnvelope},
		{"evil assertion signed inside an attribute value", response(inValue(good, evil.unsigned()).signed()), byEnvelope},
		{"evil assertion signed inside Advice", response(advice(good, evil.unsigned()).signed()), byEnvelope},

		{"the digest still holds: evil assertion in ds:Object", response(inSignature(element("Object", evil.unsigned()), "")), byEnvelope},
		{"the digest still holds: evil assertion in KeyInfo", response(inSignature("", keyInfo(evil.unsigned()))), byEnvelope},
		{"the digest still holds: empty ds:Object", response(inSignature("<Object></Object>", "")), byEnvelope},
		{"the digest still holds: evil attributes in ds:Object", response(inSignature(element("Object", `<a xmlns="`+nsSAML20+`">`+evil.attributes+`</a>`), "")), nil},
		{"the digest still holds: evil assertion behind SignatureValue", response(strings.Replace(signed, "</SignatureValue>", "</SignatureValue>"+evil.unsigned(), 1)), byEnvelope},
		{"the digest still holds: evil assertion before SignedInfo", response(strings.Replace(signed, "<SignedInfo>", evil.unsigned()+"<SignedInfo>", 1)), byEnvelope},
		{"the digest still holds: a foreign element in the Signature", response(strings.Replace(signed, "</SignatureValue>", `</SignatureValue><x:y xmlns:x="urn:x"></x:y>`, 1)), byEnvelope},

		{"foreign-namespace assertion alone", response(foreign(good)), byForm},
		{"foreign-namespace assertion with the signature", response(strings.NewReplacer(nsSAML20, "urn:evil", nsSAML11, "urn:evil").Replace(signed)), byForm},
		{"foreign-namespace evil before", response(foreign(evil) + signed), byEnvelope},
		{"foreign-namespace evil after", response(signed + foreign(evil)), byEnvelope},
		{"namespace with a trailing space", response(strings.NewReplacer(nsSAML20, nsSAML20+" ", nsSAML11, nsSAML11+" ").Replace(signed)), byForm},
		{"an assertion of the other SAML version after", response(signed + otherVersion(good).as(victim).unsigned()), byEnvelope},
		{"foreign-namespace response", strings.Replace(response(signed), nsTrust, "urn:evil", 1), byForm},
		{"a requested token of another WS-Trust namespace", strings.NewReplacer("<t:RequestedSecurityToken>", `<o:RequestedSecurityToken xmlns:o="`+nsTrust13+`">`,
			"</t:RequestedSecurityToken>", "</o:RequestedSecurityToken>").Replace(response(signed)), byForm},

		{"duplicate id on the response", strings.Replace(response(signed), "<t:RequestSecurityTokenResponse ", `<t:RequestSecurityTokenResponse ID="`+good.id+`" `, 1), nil},
		{"duplicate id before the token", strings.Replace(response(signed), "<t:RequestedSecurityToken>", `<x ID="`+good.id+`"></x><t:RequestedSecurityToken>`, 1), nil},
		{"duplicate id in the token, signed", response(duplicateID(good).signed()), nil},
		{"the signature beside the assertion", response(stripped + signature1), byEnvelope},
		{"the signature before the assertion", response(signature1 + stripped), byEnvelope},
		{"the signature on the response", strings.Replace(response(stripped), "<t:RequestedSecurityToken>", signature1+"<t:RequestedSecurityToken>", 1), byEnvelope},
		{"the signature inside Advice", response(advice(good, "@").nested("@")), byEnvelope},
		{"the signature inside an attribute value", response(inValue(good, "@").nested("@")), byEnvelope},
		{"only a part of the assertion is signed", response(partSigned(evil)), bySignature},
		{"the response is signed, the assertion is not", responseSigned(stripped), byEnvelope},
		{"no token", rstr(""), byForm},
		{"an empty requested token", response(""), byForm},
		{"text as token", response("token"), byForm},
		{"a base64 token", response(`<wsse:BinarySecurityToken xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">PEFzc2VydGlvbi8+</wsse:BinarySecurityToken>`), byForm},
		{"text beside the assertion", response("evil" + signed), byForm},
	}
	for i, a := range list {
		if a.checks == nil {
			list[i].checks = byForm
		}
	}
	return list
}

// movedSignature is a signature for good that carries more behind its KeyInfo, to be put elsewhere.
func movedSignature(good token, object string) signature {
	return signature{digestOver: good.unsigned(), reference: ` URI="#` + good.id + `"`, object: object}
}

// nested returns the assertion with its signature in place of mark, deeper than where it belongs: the enveloped transform takes it
// out there too, so that the digest holds.
func (k token) nested(mark string) string {
	whole := k.unsigned()
	s := signature{digestOver: strings.Replace(whole, mark, "", 1)}.over(k)
	return strings.Replace(whole, mark, s, 1)
}

// partSigned signs one element of an evil assertion, with an id of its own.
func partSigned(evil token) string {
	part := `<Junk xmlns="` + nsSAML20 + `" ID="_part"></Junk>`
	evil.attributes = strings.Replace(evil.attributes, ">Mallory<", ">"+part+"<", 1)
	return evil.sign(signature{digestOver: part, reference: ` URI="#_part"`})
}

// responseSigned signs the response, as goxmldsig would find it, around an assertion without a signature.
func responseSigned(stripped string) string {
	inner := `<t:RequestedSecurityToken>` + stripped + `</t:RequestedSecurityToken></t:RequestSecurityTokenResponse>`
	head := `<t:RequestSecurityTokenResponse xmlns:t="` + nsTrust + `" ID="_rstr">`
	return head + signature{digestOver: head + inner}.element(head+inner, "_rstr") + inner
}

// duplicateID has an attribute value that holds an element with the assertion's own id.
func duplicateID(k token) token {
	name := "ID"
	if k.v11 {
		name = "AssertionID"
	}
	k.attributes = strings.Replace(k.attributes, ">Mallory<", `><x xmlns="" `+name+`="`+k.id+`"></x><`, 1)
	return k
}

func otherVersion(k token) token {
	if k.v11 {
		return token20()
	}
	return token11()
}

// TestUnsignedWrapperIsNotRead: what stands in the envelope is not signed; none of it reaches the identity.
func TestUnsignedWrapperIsNotRead(t *testing.T) {
	id := accept(t, strings.Replace(response(token20().signed()), "<wsa:Address>"+realm, "<wsa:Address>spn:evil", 1))
	require.Equal(t, mallory, id.ObjectID)
	evil := token20()
	evil.conditions = strings.Replace(evil.conditions, realm, "spn:other", 1)
	refuseAll(t, true, []attack{{"audience only in AppliesTo", response(evil.signed()), []wsfed.Check{wsfed.CheckAudience}}})
}
