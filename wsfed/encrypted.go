package wsfed

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// Encrypted tokens (SAML 2.0 core, 2.3.4; XML encryption, https://www.w3.org/TR/xmlenc-core1/). What encryption gives is that nobody on the way
// reads the token. It says nothing about who wrote it: everybody has our public key. So whatever comes out is a stranger's
// token, and goes the whole way of one: the gate, the one assertion, the signature.
//
// AES-CBC can be altered without the key, and whoever learns what an altered token became can read the original bit by bit
// (Jager and Somorovsky, "How to Break XML Encryption", 2011). So everything that is refused from the first look at the algorithms
// until the signature holds is refused in the same words, whatever it was.

// maxDecryptionKeys bounds the RSA operations that one token can cause.
const maxDecryptionKeys = 8

// encrypted is an encrypted token whose form has been found to be one that is accepted.
type encrypted struct {
	data encryption // of the token, by a key made for it
	key  encryption // of that key, by ours
}

type encryption struct {
	algorithm string
	digest    string // OAEP's hash as the library calls it, "" is SHA-1
	value     string // base64 without white space
}

const (
	xmlenc11NS   = "http://www.w3.org/2009/xmlenc11#"
	encElement   = xmlencNS + "Element"
	oaepMGF1P    = xmlencNS + "rsa-oaep-mgf1p"
	oaep         = xmlenc11NS + "rsa-oaep"
	digestSHA1   = xmldsigNS + "sha1"
	digestSHA256 = xmlencNS + "sha256"
)

// dataMethods encrypt the token, by a key of so many bytes. Triple DES is not among them: its blocks are too short.
var dataMethods = map[string]int{
	xmlencNS + "aes128-cbc":   16,
	xmlencNS + "aes256-cbc":   32,
	xmlenc11NS + "aes128-gcm": 16,
	xmlenc11NS + "aes256-gcm": 32,
}

// keyMethods encrypt its key: RSA-OAEP. RSA 1.5 is not among them, for every refusal of it is an oracle (Bleichenbacher, 1998). The
// library that decrypts uses one hash for the label and for the mask, so only those combinations are accepted in which the standard does too. The value is
// what the library calls the hash; "" is SHA-1.
var keyMethods = map[keyMethod]string{
	{oaepMGF1P, "", ""}:                             "",
	{oaepMGF1P, digestSHA1, ""}:                     "",
	{oaep, "", ""}:                                  "",
	{oaep, digestSHA1, ""}:                          "",
	{oaep, digestSHA1, xmlenc11NS + "mgf1sha1"}:     "",
	{oaep, digestSHA256, xmlenc11NS + "mgf1sha256"}: librarySHA256,
}

type keyMethod struct{ algorithm, digest, mask string }

// isEncrypted reports whether element token is an encrypted one.
func isEncrypted(d *document, token int) bool {
	return d.is(token, saml20NS, "EncryptedAssertion") || d.is(token, xmlencNS, "EncryptedData")
}

// openEncrypted decrypts a token and goes on with what comes out as with any other. Whatever is refused on the way, the error is the same.
func (p *RelyingParty) openEncrypted(ctx context.Context, d *document, token int) (*opened, error) {
	if len(p.c.DecryptionKeys) == 0 {
		return nil, refuse(CheckEncrypted, "%w: no decryption key is configured", ErrEncrypted)
	}
	// The metadata comes first, so that nobody learns from its failing that the decryption had not.
	provider, err := p.provider(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := p.rule(provider); err != nil {
		return nil, err
	}
	o, err := p.openDecrypted(ctx, d, token)
	switch {
	case err == nil:
		return o, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	return nil, &VerificationError{CheckEncrypted, ErrEncrypted}
}

func (p *RelyingParty) openDecrypted(ctx context.Context, d *document, token int) (*opened, error) {
	e, err := readEncrypted(d, token)
	if err != nil {
		return nil, err
	}
	plain, err := decrypt(e, p.c.DecryptionKeys)
	if err != nil {
		return nil, err
	}
	inner, err := parse(plain, tokenLimits)
	if err != nil {
		return nil, err
	}
	return p.openSigned(ctx, &inner, 0)
}

// readEncrypted looks at the form, before any cryptography: the general machinery of XML encryption is cut down to what providers send. Its other
// parts refer to keys and ciphertext by address, and addresses from messages are never fetched.
func readEncrypted(d *document, token int) (*encrypted, error) {
	for i := range d.nodes {
		switch d.name(i) {
		case "Assertion":
			return nil, errors.New("an assertion beside the encrypted one")
		case "EncryptedData", "EncryptedAssertion":
			if i != token && d.nodes[i].parent != token {
				return nil, errors.New("more than one encrypted token")
			}
		}
	}
	data, detached := token, -1
	if d.is(token, saml20NS, "EncryptedAssertion") {
		parts, err := partsOf(d, token, part{xmlencNS, "EncryptedData", false}, part{xmlencNS, "EncryptedKey", true})
		if err != nil {
			return nil, err
		}
		if data = parts[0]; len(parts) == 2 {
			detached = parts[1]
		}
	}
	if kind, ok := d.attr(data, "Type"); ok && kind != encElement {
		return nil, errors.New("what is encrypted is not an element")
	}
	parts, err := partsOf(d, data, part{xmlencNS, "EncryptionMethod", false}, part{xmldsigNS, "KeyInfo", true}, part{xmlencNS, "CipherData", false})
	if err != nil {
		return nil, err
	}
	var e encrypted
	if e.data.algorithm, _ = d.attr(parts[0], "Algorithm"); dataMethods[e.data.algorithm] == 0 || d.nodes[parts[0]].next != parts[0]+1 {
		return nil, errors.New("an encryption method that is not accepted")
	}
	if e.data.value, err = cipherValue(d, parts[len(parts)-1]); err != nil {
		return nil, err
	}
	key := detached
	if len(parts) == 3 {
		if key, err = encryptedKey(d, parts[1], detached); err != nil {
			return nil, err
		}
	}
	if key < 0 {
		return nil, errors.New("no encrypted key")
	}
	return &e, e.readKey(d, key)
}

// encryptedKey finds the one encrypted key: in KeyInfo, or beside the data. What else KeyInfo says is a hint, and needless.
func encryptedKey(d *document, keyInfo, detached int) (int, error) {
	inside, err := d.child(keyInfo, xmlencNS, "EncryptedKey")
	switch {
	case err != nil:
		return -1, err
	case inside >= 0 && detached >= 0:
		return -1, errors.New("more than one encrypted key")
	case inside >= 0:
		return inside, nil
	}
	return detached, nil
}

func (e *encrypted) readKey(d *document, key int) error {
	parts, err := partsOf(d, key, part{xmlencNS, "EncryptionMethod", false}, part{xmldsigNS, "KeyInfo", true}, part{xmlencNS, "CipherData", false},
		part{xmlencNS, "ReferenceList", true}, part{xmlencNS, "CarriedKeyName", true})
	if err != nil {
		return err
	}
	var method keyMethod
	method.algorithm, _ = d.attr(parts[0], "Algorithm")
	for c := range d.children(parts[0]) {
		name, _ := d.attr(c, "Algorithm")
		switch {
		case d.is(c, xmldsigNS, "DigestMethod") && method.digest == "" && name != "":
			method.digest = name
		case d.is(c, xmlenc11NS, "MGF") && method.mask == "" && name != "":
			method.mask = name
		default:
			return errors.New("an unknown parameter of a key's encryption")
		}
	}
	digest, ok := keyMethods[method]
	if !ok {
		return errors.New("a key's encryption method that is not accepted")
	}
	e.key = encryption{algorithm: method.algorithm, digest: digest}
	for _, part := range parts {
		if d.is(part, xmlencNS, "CipherData") {
			e.key.value, err = cipherValue(d, part)
		}
	}
	return err
}

// cipherValue reads CipherData, which holds its bytes and not their address.
func cipherValue(d *document, data int) (string, error) {
	parts, err := partsOf(d, data, part{xmlencNS, "CipherValue", false})
	if err != nil {
		return "", err
	}
	text, err := d.text(parts[0])
	return withoutSpace(text), err
}

// part is a child that an element must have, or may have.
type part struct {
	space, local string
	optional     bool
}

// partsOf returns the children of element i, which must be exactly these, in this order.
func partsOf(d *document, i int, names ...part) ([]int, error) {
	var found []int
	next := 0
	for c := range d.children(i) {
		for next < len(names) && names[next].optional && !d.is(c, names[next].space, names[next].local) {
			next++
		}
		if next == len(names) || !d.is(c, names[next].space, names[next].local) {
			return nil, errors.New("an element that is not allowed there")
		}
		found = append(found, c)
		next++
	}
	for _, name := range names[next:] {
		if !name.optional {
			return nil, errors.New("an element is missing")
		}
	}
	if !d.blank(i) {
		return nil, errors.New("text where elements were expected")
	}
	return found, nil
}

// checkDecryptionKeys reports what keeps the keys from being used.
func checkDecryptionKeys(keys []tls.Certificate) error {
	if len(keys) > maxDecryptionKeys {
		return fmt.Errorf("there are more than %d", maxDecryptionKeys)
	}
	for i, k := range keys {
		private, ok := k.PrivateKey.(*rsa.PrivateKey)
		if !ok || private.N.BitLen() < minRSABits {
			return fmt.Errorf("number %d is not an RSA key of %d bits or more", i+1, minRSABits)
		}
		certificate, err := leaf(k)
		if err != nil {
			return fmt.Errorf("number %d has no certificate that can be read", i+1)
		}
		if !private.PublicKey.Equal(certificate.PublicKey) {
			return fmt.Errorf("number %d has the certificate of another key", i+1)
		}
	}
	return nil
}

func leaf(k tls.Certificate) (*x509.Certificate, error) {
	if len(k.Certificate) == 0 {
		return nil, errors.New("no certificate")
	}
	return x509.ParseCertificate(k.Certificate[0])
}
