package entra

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const maxMetadataSigners = 8

// WTRealm returns what the provider knows us by over WS-Federation: wtrealm, and the audience of its tokens. It is Realm, else spn: and
// the client id, as Entra names applications; "" where both are missing.
func (c *Connection) WTRealm() string {
	if c.Realm == "" && c.ClientID != "" {
		return "spn:" + c.ClientID
	}
	return c.Realm
}

// MetadataCertificates reads MetadataSigners. An error says which one is not exactly one certificate in PEM.
func (c *Connection) MetadataCertificates() ([]*x509.Certificate, error) {
	if len(c.MetadataSigners) > maxMetadataSigners {
		return nil, fmt.Errorf("there are more than %d", maxMetadataSigners)
	}
	var list []*x509.Certificate
	for i, text := range c.MetadataSigners {
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("number %d is not a certificate in PEM", i+1)
		}
		if next, _ := pem.Decode(rest); next != nil {
			return nil, fmt.Errorf("number %d holds more than one certificate", i+1)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate cannot be read")
		}
		list = append(list, certificate)
	}
	return list, nil
}

// wsfed checks what only WS-Federation has. Each switch that weakens a check is named, so that nobody leaves one on unawares.
func (k *checker) wsfed() {
	c := k.c
	for _, f := range []struct {
		field        string
		on           bool
		problem, fix string // none: it weakens nothing
	}{
		{"is_insecure_sha1", c.InsecureSHA1, "accepts signatures over SHA-1, which whoever has the provider sign what they choose can forge", "set the provider's secure hash algorithm to SHA-256, then switch this off"},
		{"is_missing_confirmation_allowed", c.AllowMissingConfirmation, "accepts tokens that do not say how the person is confirmed", "switch it off unless the provider is SimpleSAMLphp"},
		{"is_carriage_return_allowed", c.AllowCarriageReturns, "reads a token once more when its digest fails", "take the line breaks out of the attribute at the provider, then switch this off"},
		{"is_provider_initiated_allowed", c.AllowProviderInitiated, "", ""},
		{"metadata_signers", len(c.MetadataSigners) > 0, "", ""},
	} {
		switch {
		case !f.on:
		case c.Strategy != WSFed:
			k.warn(f.field, "has no effect with this strategy", "remove it")
		case f.problem != "":
			k.warn(f.field, f.problem, f.fix)
		}
	}
	if _, err := c.MetadataCertificates(); err != nil {
		k.fault("metadata_signers", "cannot be read: "+err.Error(), "paste each certificate as PEM, beginning with -----BEGIN CERTIFICATE-----")
	}
}
