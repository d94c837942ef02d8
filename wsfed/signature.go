package wsfed

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// signature is what the form of a Signature element says, once it has been found to be the only form that is accepted.
type signature struct {
	element int
	digest  digest
	hint    []byte // DER of the certificate in KeyInfo, nil when there is not exactly one
}

type digest struct {
	algorithm string
	value     []byte
}

// The algorithms (https://www.w3.org/TR/xmldsig-core1/#sec-AlgID). The value says whether it is SHA-1.
var (
	signatureMethods = map[string]bool{
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": false,
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": false,
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": false,
		"http://www.w3.org/2000/09/xmldsig#rsa-sha1":        true,
	}
	digestMethods = map[string]bool{
		"http://www.w3.org/2001/04/xmlenc#sha256":       false,
		"http://www.w3.org/2001/04/xmldsig-more#sha384": false,
		"http://www.w3.org/2001/04/xmlenc#sha512":       false,
		"http://www.w3.org/2000/09/xmldsig#sha1":        true,
	}
)

// checkSignature looks at the form of the signature over element signed, before any cryptography: the general machinery of XML
// signatures is cut down to the one shape that providers send (SAML 2.0 core, section 5.4; SAML 1.1 core, section 5.4).
func checkSignature(d *document, signed int, idName string, allowSHA1 bool) (*signature, error) {
	s := &signature{element: -1}
	for i := range d.nodes {
		if d.name(i) != "Signature" {
			continue
		}
		if s.element >= 0 {
			return nil, errors.New("more than one signature")
		}
		s.element = i
	}
	switch {
	case s.element < 0:
		return nil, errors.New("no signature")
	case !d.is(s.element, xmldsigNS, "Signature") || d.nodes[s.element].parent != signed:
		return nil, errors.New("the signature is not a child of what it should sign")
	}
	id, err := checkID(d, signed, idName)
	if err != nil {
		return nil, err
	}
	parts, err := sequence(d, s.element, "SignedInfo", "SignatureValue", "KeyInfo?")
	if err != nil {
		return nil, err
	}
	if s.digest, err = checkSignedInfo(d, parts[0], id, allowSHA1); err != nil {
		return nil, err
	}
	if value, err := d.text(parts[1]); err != nil || strings.TrimSpace(value) == "" {
		return nil, errors.New("the signature has no value")
	}
	if len(parts) == 3 {
		s.hint = keyHint(d, parts[2])
	}
	return s, nil
}

// checkID returns the id of element signed, which no other element may carry, under whatever name an id can have.
func checkID(d *document, signed int, idName string) (string, error) {
	id, _ := d.attr(signed, idName)
	if !isID(id) {
		return "", errors.New("what is signed has no valid " + idName)
	}
	for i := range d.nodes {
		for _, a := range d.attributes(i) {
			if a.declares {
				continue
			}
			name := string(d.bytes(a.local))
			if !strings.EqualFold(name, "ID") && !strings.EqualFold(name, "AssertionID") {
				continue
			}
			// A second name for the id would let two verifiers disagree about what the reference means.
			if i == signed && (name != idName || a.prefix != (span{})) {
				return "", errors.New("what is signed has a second id")
			}
			if i != signed && unescape(d.bytes(a.value)) == id {
				return "", errors.New("an id is used twice")
			}
		}
	}
	return id, nil
}

// isID accepts the part of xs:NCName that lies in ASCII.
func isID(s string) bool {
	for i := range len(s) {
		want := byte(isName)
		if i == 0 {
			want = isNameStart
		}
		if class[s[i]]&want == 0 {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

func checkSignedInfo(d *document, info int, id string, allowSHA1 bool) (digest, error) {
	for i := info; i < d.nodes[info].next; i++ {
		for _, a := range d.attributes(i) {
			// Go's XML libraries find x:URI and x:Algorithm when asked for URI and Algorithm.
			if !a.declares && a.prefix != (span{}) {
				return digest{}, errors.New("SignedInfo holds an attribute that is not allowed there")
			}
		}
	}
	parts, err := sequence(d, info, "CanonicalizationMethod", "SignatureMethod", "Reference")
	if err != nil {
		return digest{}, err
	}
	if err := algorithm(d, parts[0], excC14N); err != nil {
		return digest{}, err
	}
	if _, err := oneOf(d, parts[1], signatureMethods, allowSHA1); err != nil {
		return digest{}, err
	}
	reference := parts[2]
	if uri, _ := d.attr(reference, "URI"); uri != "#"+id {
		return digest{}, errors.New("the signature refers to something else")
	}
	if parts, err = sequence(d, reference, "Transforms", "DigestMethod", "DigestValue"); err != nil {
		return digest{}, err
	}
	if err := checkTransforms(d, parts[0]); err != nil {
		return digest{}, err
	}
	var sum digest
	if sum.algorithm, err = oneOf(d, parts[1], digestMethods, allowSHA1); err != nil {
		return digest{}, err
	}
	text, err := d.text(parts[2])
	if err != nil {
		return digest{}, err
	}
	if sum.value, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err != nil {
		return digest{}, errors.New("the digest is not base64")
	}
	return sum, nil
}

// checkTransforms wants enveloped-signature and then exclusive canonicalization without comments; no filter can leave out a part of the assertion.
func checkTransforms(d *document, transforms int) error {
	parts, err := sequence(d, transforms, "Transform", "Transform")
	if err != nil {
		return err
	}
	if err := algorithm(d, parts[0], enveloped); err != nil {
		return err
	}
	if name, _ := d.attr(parts[1], "Algorithm"); name != excC14N {
		return errors.New("the second transform is not exclusive canonicalization")
	}
	for c := range d.children(parts[1]) {
		if !d.is(c, excC14N, "InclusiveNamespaces") || d.nodes[parts[1]].next != c+1 {
			return errors.New("unknown parameter of a transform")
		}
	}
	return nil
}

// sequence returns the children of element i, which must be exactly these, in the namespace of XML signatures; a last name with "?" may be missing.
func sequence(d *document, i int, names ...string) ([]int, error) {
	var found []int
	for c := range d.children(i) {
		if len(found) == len(names) || !d.is(c, xmldsigNS, strings.TrimSuffix(names[len(found)], "?")) {
			return nil, fmt.Errorf("%s holds an element that is not allowed there", d.name(i))
		}
		found = append(found, c)
	}
	if missing := names[len(found):]; len(missing) > 0 && !strings.HasSuffix(missing[0], "?") {
		return nil, fmt.Errorf("%s lacks its %s", d.name(i), missing[0])
	}
	if !d.blank(i) {
		return nil, fmt.Errorf("%s holds text", d.name(i))
	}
	return found, nil
}

// algorithm wants this algorithm, without parameters.
func algorithm(d *document, i int, want string) error {
	if name, _ := d.attr(i, "Algorithm"); name != want || d.nodes[i].next != i+1 {
		return fmt.Errorf("%s is not one that is accepted", d.name(i))
	}
	return nil
}

// oneOf wants one of these algorithms, without parameters (HMACOutputLength was one once: CVE-2009-0217).
func oneOf(d *document, i int, known map[string]bool, allowSHA1 bool) (string, error) {
	name, _ := d.attr(i, "Algorithm")
	sha1, ok := known[name]
	switch {
	case !ok || d.nodes[i].next != i+1:
		return "", fmt.Errorf("%s is not one that is accepted", d.name(i))
	case sha1 && !allowSHA1:
		return "", fmt.Errorf("%s uses SHA-1", d.name(i))
	}
	return name, nil
}

// keyHint is the certificate that KeyInfo shows. It is not signed and proves nothing: it only says which trusted key to try first.
func keyHint(d *document, keyInfo int) []byte {
	var hint []byte
	for i := keyInfo; i < d.nodes[keyInfo].next; i++ {
		if !d.is(i, xmldsigNS, "X509Certificate") {
			continue
		}
		text, err := d.text(i)
		if err != nil || hint != nil {
			return nil
		}
		if hint, err = decodeBase64(text); err != nil {
			return nil
		}
	}
	return hint
}

// decodeBase64 ignores white space, as xs:base64Binary allows it.
func decodeBase64(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(withoutSpace(s))
}

func withoutSpace(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Join(strings.Fields(s), "")
}

// errUnknownKey says that none of the trusted keys made the signature. After a rollover the right one may be in newer metadata.
var errUnknownKey = errors.New("no trusted key made this signature")

// verifySignature returns the canonical bytes of element signed, which one of the trusted keys has signed. Claims are read from these
// bytes and from nothing else.
func verifySignature(d *document, signed int, idName string, s *signature, trusted []*x509.Certificate, carriageReturns bool) ([]byte, error) {
	keys := slices.Clone(trusted)
	known := false
	for i, key := range keys {
		if s.hint != nil && bytes.Equal(key.Raw, s.hint) {
			keys[0], keys[i], known = keys[i], keys[0], true
			break
		}
	}
	token := d.detach(signed)
	verified, err := verifyEnveloped(token, idName, s.digest, keys)
	if err != nil && carriageReturns {
		if repaired := escapeCarriageReturns(token); repaired != nil {
			verified, err = verifyEnveloped(repaired, idName, s.digest, keys)
		}
	}
	if err != nil && errors.Is(err, errUnknownKey) && known {
		// The hinted key is here, so newer metadata would not help.
		return nil, errors.New("the signature does not hold under the key that it names")
	}
	return verified, err
}

// escapeCarriageReturns writes each CR LF inside a value as &#xD; LF. AD FS signs a value that holds CR LF in this form but sends it raw, and a
// raw CR LF is a line end that every parser reads as LF (XML 1.0, 2.11). Nil when there is none.
func escapeCarriageReturns(token []byte) []byte {
	d, err := parse(token, tokenLimits)
	if err != nil {
		return nil
	}
	var out []byte
	done := 0
	for i := 0; i < len(d.nodes); i++ {
		n := &d.nodes[i]
		if d.is(i, xmldsigNS, "Signature") {
			i = n.next - 1
			continue
		}
		value := d.src[n.open:n.shut]
		if n.next != i+1 || !bytes.Contains(value, []byte("\r\n")) {
			continue
		}
		out = append(out, d.src[done:n.open]...)
		out = append(out, bytes.ReplaceAll(value, []byte("\r\n"), []byte("&#xD;\n"))...)
		done = n.shut
	}
	if out == nil {
		return nil
	}
	return append(out, d.src[done:]...)
}
