package wsfed

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/internal/outbound"
)

// Provider is what is known of an identity provider: read by ParseMetadata, or written down by hand.
type Provider struct {
	Issuer    string // entityID; of Entra's common endpoint a template with {tenantid}
	SignInURL string // passive endpoint, for sign-in and sign-out
	// Certificates are those of the keys that sign tokens: RSA, 2048 to 8192 bits, at most 16. Their dates do not count:
	// trust comes from being listed here.
	Certificates []*x509.Certificate

	unlabelled []*x509.Certificate // of key descriptors that do not say what they are for
	signer     *x509.Certificate   // whose key signed the document, nil when nobody did
	validUntil time.Time
}

const (
	maxKeys    = 16
	minRSABits = 2048
	maxRSABits = 8192 // what a signature costs to verify grows with the square
)

// signingKeys are the keys to verify with. Keys that metadata gives without a use may sign by the standard (SAML 2.0 metadata, 2.4.1.1); Entra labels all of its own.
func (p *Provider) signingKeys(unlabelled bool) []*x509.Certificate {
	if !unlabelled || len(p.unlabelled) == 0 {
		return p.Certificates
	}
	return slices.Concat(p.Certificates, p.unlabelled)
}

func (p *Provider) signedBy(signers []*x509.Certificate) bool {
	return p.signer != nil && slices.ContainsFunc(signers, p.signer.Equal)
}

// checkProvider reports what keeps a provider from being used.
func checkProvider(p *Provider) error {
	keys := p.signingKeys(true)
	switch {
	case p.Issuer == "":
		return errors.New("no issuer")
	case len(keys) == 0:
		return errors.New("no certificate of a key that signs tokens")
	case len(keys) > maxKeys:
		return errors.New("too many certificates")
	}
	for _, c := range keys {
		if c == nil {
			return errors.New("a certificate is nil")
		}
		if !usableKey(c) {
			return errors.New("a key that signs tokens is not RSA of 2048 to 8192 bits")
		}
	}
	if p.SignInURL != "" {
		if _, err := outbound.CheckURL(p.SignInURL); err != nil {
			return fmt.Errorf("passive endpoint: %w", err)
		}
	}
	return nil
}

func usableKey(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() >= minRSABits && key.N.BitLen() <= maxRSABits
}

// ParseMetadata reads a federation metadata document: what Entra and AD FS publish at
// /FederationMetadata/2007-06/FederationMetadata.xml. It may begin with a byte order mark, and hold at most 1 MB.
//
// Keys and endpoint come from the role of a security token service, and from no other. Where the document is signed, the signature must hold
// under the key that it shows. That proves the document whole, not where it is from: the caller got it from a place that it trusts.
//
// It is for hosts that fetch nothing: the result goes into Config.Provider or Protocol.Provider. Past its validUntil it is used no more.
func ParseMetadata(doc []byte) (*Provider, error) {
	p, err := parseMetadata(doc)
	if err != nil {
		return nil, fmt.Errorf("wsfed: federation metadata: %w", err)
	}
	return p, nil
}

func parseMetadata(doc []byte) (*Provider, error) {
	d, err := parse(doc, metadataLimits)
	if err != nil {
		return nil, err
	}
	if !d.is(0, metadataNS, "EntityDescriptor") {
		return nil, errors.New("the document is not an EntityDescriptor")
	}
	signer, err := verifyMetadata(&d)
	if err != nil {
		return nil, err
	}
	p := &Provider{signer: signer}
	p.Issuer, _ = d.attr(0, "entityID")
	if p.validUntil, err = optionalInstant(&d, 0, "validUntil"); err != nil {
		return nil, err
	}
	for role := range d.children(0) {
		if !d.is(role, metadataNS, "RoleDescriptor") || !isSecurityTokenService(&d, role) {
			continue
		}
		if err := p.readRole(&d, role); err != nil {
			return nil, err
		}
	}
	if p.SignInURL == "" {
		return nil, errors.New("no passive endpoint of a security token service")
	}
	return p, checkProvider(p)
}

// isSecurityTokenService resolves xsi:type, a qualified name, in the scope of the element (WS-Federation 1.2, section 3.1.2.1).
func isSecurityTokenService(d *document, role int) bool {
	for _, a := range d.attributes(role) {
		if a.declares || string(d.bytes(a.space)) != xsiNS || string(d.bytes(a.local)) != "type" {
			continue
		}
		prefix, local, found := strings.Cut(strings.TrimSpace(unescape(d.bytes(a.value))), ":")
		if !found {
			prefix, local = "", prefix
		}
		return local == "SecurityTokenServiceType" && d.namespace(role, prefix) == fedNS
	}
	return false
}

func (p *Provider) readRole(d *document, role int) error {
	for c := range d.children(role) {
		switch {
		case d.is(c, metadataNS, "KeyDescriptor"):
			if err := p.readKey(d, c); err != nil {
				return err
			}
		case d.is(c, fedNS, "PassiveRequestorEndpoint") && p.SignInURL == "":
			reference, err := d.need(c, wsaNS, "EndpointReference")
			if err != nil {
				return err
			}
			address, err := d.need(reference, wsaNS, "Address")
			if err != nil {
				return err
			}
			text, err := d.text(address)
			if err != nil {
				return err
			}
			p.SignInURL = strings.TrimSpace(text)
		}
	}
	return nil
}

// readKey reads the one certificate of a key descriptor. A descriptor is for one key: with several certificates the others are a chain, and
// those who issue certificates do not sign tokens.
func (p *Provider) readKey(d *document, descriptor int) error {
	use, labelled := d.attr(descriptor, "use")
	if labelled && use != "signing" {
		return nil
	}
	info, err := d.need(descriptor, xmldsigNS, "KeyInfo")
	if err != nil {
		return err
	}
	der := keyHint(d, info)
	if der == nil {
		return errors.New("a key descriptor does not hold exactly one certificate")
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return errors.New("a certificate cannot be read")
	}
	list := &p.Certificates
	if !labelled {
		list = &p.unlabelled
	}
	if !slices.ContainsFunc(*list, certificate.Equal) {
		*list = append(*list, certificate)
	}
	return nil
}

// verifyMetadata returns the certificate of the key that signed the document: the one that its KeyInfo shows, which is nil when there is no signature.
//
// Unlike a token, the document is then read as it came, not from the canonical bytes: exclusive canonicalization leaves out a prefix that is
// used only inside a value, as AD FS uses fed in xsi:type="fed:SecurityTokenServiceType" (https://www.w3.org/TR/xml-exc-c14n/#sec-Limitations).
func verifyMetadata(d *document) (*x509.Certificate, error) {
	if !slices.ContainsFunc(slices.Collect(d.children(0)), func(c int) bool { return d.name(c) == "Signature" }) {
		return nil, nil
	}
	s, err := checkSignature(d, 0, "ID", false)
	if err != nil {
		return nil, err
	}
	signer, err := x509.ParseCertificate(s.hint)
	if err != nil {
		return nil, errors.New("the signature does not show the key that made it")
	}
	if !usableKey(signer) { // before it costs anything
		return nil, errors.New("the key that made the signature is not RSA of 2048 to 8192 bits")
	}
	if _, err := verifySignature(d, 0, "ID", s, []*x509.Certificate{signer}, false); err != nil {
		return nil, err
	}
	return signer, nil
}
