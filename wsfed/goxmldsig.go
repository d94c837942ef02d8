package wsfed

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // in signatures only with Config.InsecureSHA1; OAEP does not depend on it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// verifyEnveloped is the seam to the library that verifies XML signatures: from the bytes of one element with an enveloped
// signature, whose form checkSignature has accepted, and the keys to try in this order, to the bytes that the signature covers.
// errUnknownKey when no key fits.
//
// Where goxmldsig and the facts of the field differ, the difference is made up for on a copy of the Signature element. That element is
// not covered by itself: the enveloped-signature transform takes it out.
//
//   - KeyInfo is dropped: goxmldsig reads a certificate from it, and refuses key names, thumbprints and chains. With a single
//     root and no KeyInfo it verifies under that root.
//   - SignatureValue may hold white space.
//   - The Signature becomes the first child: goxmldsig gives up its search for one after a thousand elements.
//   - The clock stands inside the certificate's validity: metadata says which keys are trusted, not the date.
func verifyEnveloped(token []byte, idName string, want digest, keys []*x509.Certificate) ([]byte, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(token); err != nil {
		return nil, fmt.Errorf("the XML library refuses what the gate accepted: %w", err)
	}
	if err := prepare(doc.Root()); err != nil {
		return nil, err
	}
	for _, key := range keys {
		root, err := (&dsig.ValidationContext{
			CertificateStore: &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{key}},
			IdAttribute:      idName,
			Clock:            dsig.NewFakeClockAt(key.NotBefore),
		}).Validate(doc.Root())
		switch {
		case err == nil:
			return canonical(root, want)
		case !errors.Is(err, rsa.ErrVerification):
			return nil, fmt.Errorf("the signature does not hold: %w", err)
		}
	}
	return nil, errUnknownKey
}

// prepare makes up for the differences on the Signature element, as verifyEnveloped says.
func prepare(root *etree.Element) error {
	var sig *etree.Element
	for _, child := range root.ChildElements() {
		if child.Tag == dsig.SignatureTag {
			sig = child
		}
	}
	if sig == nil {
		return errors.New("no signature")
	}
	for _, part := range sig.ChildElements() {
		switch part.Tag {
		case dsig.KeyInfoTag:
			sig.RemoveChild(part)
		case dsig.SignatureValueTag:
			part.SetText(withoutSpace(part.Text()))
		}
	}
	root.InsertChildAt(0, sig)
	return nil
}

// canonical writes what goxmldsig verified as bytes again, and holds them against the signed digest: they are the very bytes that it covers.
func canonical(root *etree.Element, want digest) ([]byte, error) {
	doc := etree.NewDocumentWithRoot(root)
	doc.WriteSettings = etree.WriteSettings{CanonicalAttrVal: true, CanonicalEndTags: true, CanonicalText: true}
	verified, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("the signature does not hold: %w", err)
	}
	hash, ok := digestHashes[want.algorithm]
	if !ok {
		return nil, errors.New("unknown digest algorithm")
	}
	h := hash.New()
	h.Write(verified)
	if subtle.ConstantTimeCompare(h.Sum(nil), want.value) != 1 {
		return nil, errors.New("the signature does not hold: what it covers is not what was read")
	}
	return verified, nil
}

var digestHashes = map[string]crypto.Hash{
	"http://www.w3.org/2000/09/xmldsig#sha1":        crypto.SHA1,
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}
