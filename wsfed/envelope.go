package wsfed

import (
	"errors"
	"fmt"
	"strings"
)

// Namespaces of the envelopes.
const (
	soap11NS   = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12NS   = "http://www.w3.org/2003/05/soap-envelope"
	xmlencNS   = "http://www.w3.org/2001/04/xmlenc#"
	xmldsigNS  = "http://www.w3.org/2000/09/xmldsig#"
	saml11NS   = "urn:oasis:names:tc:SAML:1.0:assertion"
	saml20NS   = "urn:oasis:names:tc:SAML:2.0:assertion"
	excC14N    = "http://www.w3.org/2001/10/xml-exc-c14n#"
	enveloped  = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	xsiNS      = "http://www.w3.org/2001/XMLSchema-instance"
	fedNS      = "http://docs.oasis-open.org/wsfed/federation/200706"
	wsaNS      = "http://www.w3.org/2005/08/addressing"
	metadataNS = "urn:oasis:names:tc:SAML:2.0:metadata"
)

// trustNS are the versions of WS-Trust that answers are written in: February 2005 (Entra, AD FS), 1.3, and 1.4.
var trustNS = [...]string{
	"http://schemas.xmlsoap.org/ws/2005/02/trust",
	"http://docs.oasis-open.org/ws-sx/ws-trust/200512",
	"http://docs.oasis-open.org/ws-sx/ws-trust/200802",
}

// openEnvelope finds the one token in an answer (WS-Trust 1.3, sections 3.2 and 4.3; WS-Federation 1.2, section 13.2.1).
// The envelope is not signed: nothing else in it is read.
func openEnvelope(d *document) (token int, err error) {
	response, trust, err := findResponse(d)
	if err != nil {
		return -1, err
	}
	requested, err := d.need(response, trust, "RequestedSecurityToken")
	if err != nil {
		return -1, &VerificationError{CheckEnvelope, err}
	}
	token, err = onlyChild(d, requested)
	if err != nil {
		return -1, &VerificationError{CheckEnvelope, err}
	}
	return token, nil
}

func findResponse(d *document) (response int, trust string, err error) {
	for _, ns := range trustNS {
		switch {
		case d.is(0, ns, "RequestSecurityTokenResponse"):
			return 0, ns, nil
		case d.is(0, ns, "RequestSecurityTokenResponseCollection"):
			response, err := onlyChild(d, 0)
			if err == nil && !d.is(response, ns, "RequestSecurityTokenResponse") {
				err = errors.New("the collection holds something else than a response")
			}
			if err != nil {
				return -1, "", &VerificationError{CheckEnvelope, err}
			}
			return response, ns, nil
		}
	}
	for _, ns := range [...]string{soap11NS, soap12NS} {
		if d.is(0, ns, "Envelope") {
			return -1, "", &VerificationError{CheckEnvelope, readFault(d, ns)}
		}
	}
	return -1, "", refuse(CheckEnvelope, "no RequestSecurityTokenResponse")
}

// realmHint reads for whom an answer says it was made, from bytes that nobody has verified: the one audience, or for an encrypted token AppliesTo. "" where
// it does not say so plainly.
func realmHint(wresult []byte) string {
	d, err := parse(wresult, tokenLimits)
	if err != nil {
		return ""
	}
	token, err := openEnvelope(&d)
	if err != nil {
		return ""
	}
	named := "Audience"
	if isEncrypted(&d, token) {
		named = "Address"
	}
	realm := ""
	for i := range d.nodes {
		if d.name(i) != named {
			continue
		}
		text, err := d.text(i)
		if err != nil || realm != "" && realm != text {
			return ""
		}
		realm = text
	}
	const most = 1024
	if len(realm) > most {
		return ""
	}
	return realm
}

// onlyChild returns the one element in element i, which holds nothing else but white space.
func onlyChild(d *document, i int) (int, error) {
	only := -1
	for c := range d.children(i) {
		if only >= 0 {
			return -1, fmt.Errorf("more than one element in %s", d.name(i))
		}
		only = c
	}
	if only < 0 || !d.blank(i) {
		return -1, fmt.Errorf("%s does not hold exactly one element", d.name(i))
	}
	return only, nil
}

// checkToken makes sure that element token is an assertion, and the only one in the whole document: not beside it, not above
// it, not in its Advice, not under another namespace. Signature wrapping needs a second one.
func checkToken(d *document, token int) (*version, error) {
	encrypted, assertions := 0, 0
	for i := range d.nodes {
		switch d.name(i) {
		case "EncryptedAssertion", "EncryptedData":
			encrypted++
		case "Assertion":
			assertions++
		}
	}
	switch {
	case encrypted > 0: // also what was encrypted once more, inside
		return nil, refuse(CheckEnvelope, "the document holds something encrypted beside the assertion")
	case assertions != 1:
		return nil, refuse(CheckEnvelope, "the document holds %d assertions", assertions)
	}
	for _, v := range versions {
		if d.is(token, v.namespace, "Assertion") {
			return v, nil
		}
	}
	return nil, refuse(CheckEnvelope, "the requested token is not a SAML assertion")
}

// readFault reads a SOAP 1.1 or 1.2 fault (https://www.w3.org/TR/soap12-part1/#soapfault).
func readFault(d *document, ns string) error {
	body, err := d.need(0, ns, "Body")
	if err != nil {
		return err
	}
	fault, err := d.need(body, ns, "Fault")
	if err != nil {
		return err
	}
	if ns == soap11NS {
		return &FaultError{Code: faultCode(faultText(d, fault, "", "faultcode")), Reason: cut(faultText(d, fault, "", "faultstring"))}
	}
	return &FaultError{Code: faultCode(faultText(d, fault, ns, "Code", "Value")), Reason: cut(faultText(d, fault, ns, "Reason", "Text"))}
}

// faultText walks down to an element and returns its text, "" where the way ends.
func faultText(d *document, i int, ns string, path ...string) string {
	for _, name := range path {
		next := -1
		for c := range d.children(i) {
			if d.is(c, ns, name) {
				next = c
				break
			}
		}
		if next < 0 {
			return ""
		}
		i = next
	}
	s, _ := d.text(i)
	return strings.TrimSpace(s)
}

// faultCode is the name without its prefix, if that is all that it is: letters, digits, dots, at most 64 bytes.
func faultCode(s string) string {
	_, after, found := strings.Cut(s, ":")
	if found {
		s = after
	}
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool {
		return !(r == '.' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z')
	}) {
		return ""
	}
	return s
}

func cut(s string) string {
	const most = 512
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
