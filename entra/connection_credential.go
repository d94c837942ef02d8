package entra

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/entra/credential"
)

// errCertificate says that a connection's certificate cannot be used; it holds nothing of the key.
var errCertificate = errors.New("cannot be used")

// Credential is what the connection itself proves its application with: its federated credential, else its certificates, else its secrets; never a secret
// beside an assertion. nil where it has none of them.
//
// Of two certificates the first that is valid now signs; of two secrets the second counts where Entra refuses the first.
func (c *Connection) Credential() (credential.Credential, error) {
	if c.FederatedTokenFile != "" {
		return credential.FromAssertionFile(c.FederatedTokenFile), nil
	}
	pairs, err := c.keyPairs()
	switch {
	case err != nil:
		return nil, err
	case len(pairs) > 0:
		return credential.FromCertificates(pairs...), nil
	case c.ClientSecret.IsZero() && c.NextClientSecret.IsZero():
		return nil, nil // WS-Federation needs none; oauth2 refuses to open
	}
	return credential.FromSecrets(c.ClientSecret, c.NextClientSecret), nil
}

// certificateSlot is a place for a certificate.
type certificateSlot struct {
	field, what string
	pem         credential.Secret
}

// certificateSlots are the places that are not empty, in their order.
func (c *Connection) certificateSlots() []certificateSlot {
	return slices.DeleteFunc([]certificateSlot{
		{"client_certificate", "the client certificate", c.ClientCertificate},
		{"next_client_certificate", "the next client certificate", c.NextClientCertificate},
	}, func(s certificateSlot) bool { return s.pem.IsZero() })
}

func (s certificateSlot) read() (credential.KeyPair, error) {
	pair, err := credential.KeyPairFromPEM([]byte(s.pem.Reveal()))
	if err != nil {
		return pair, fmt.Errorf("%s %w: %s", s.field, errCertificate, strings.TrimPrefix(err.Error(), "credential: "))
	}
	return pair, nil
}

// keyPairs reads the certificates, in the order of their slots.
func (c *Connection) keyPairs() ([]credential.KeyPair, error) {
	var pairs []credential.KeyPair
	for _, slot := range c.certificateSlots() {
		pair, err := slot.read()
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

// credentialError: what the connection holds is for its admin to mend, what the host's vault answers passes by.
func credentialError(c *Connection, err error) error {
	kind := KindUnavailable
	if errors.Is(err, errCertificate) {
		kind = KindConfiguration
	}
	return NewError(kind, fmt.Errorf("connection %s: credential: %w", c.ID, err))
}

// hasCredential reports whether the connection proves its application by itself.
func (c *Connection) hasCredential() bool {
	return c.FederatedTokenFile != "" || len(c.certificateSlots()) > 0 || !c.ClientSecret.IsZero() || !c.NextClientSecret.IsZero()
}

// credentials checks the form of what proves the application. Whether Entra accepts it is for Diagnose to find.
func (k *checker) credentials() {
	c := k.c
	k.secret("client_secret", c.ClientSecret)
	k.secret("next_client_secret", c.NextClientSecret)
	for _, slot := range c.certificateSlots() {
		if _, err := slot.read(); err != nil {
			k.fault(slot.field, strings.TrimPrefix(err.Error(), slot.field+" "), "paste the certificate and its private key (RSA, 2048 bits or more, not encrypted) as PEM, one after the other")
		}
	}
	if c.FederatedTokenFile != "" && (!filepath.IsAbs(c.FederatedTokenFile) || len(c.FederatedTokenFile) > maxURI || strings.ContainsRune(c.FederatedTokenFile, 0)) {
		k.fault("federated_token_file", "is not an absolute path", "enter the path under which the platform keeps the token, as AZURE_FEDERATED_TOKEN_FILE has it")
	}
	certified := len(c.certificateSlots()) > 0
	secret := !c.ClientSecret.IsZero() || !c.NextClientSecret.IsZero()
	switch {
	case c.FederatedTokenFile != "" && (certified || secret):
		k.warn("federated_token_file", "is used in place of the secrets and certificates beside it", "clear them, or remove the path")
	case certified && secret:
		k.warn("client_certificate", "is used in place of the secret beside it", "clear the secret once sign-in works with the certificate")
	}
	if c.hasCredential() {
		return
	}
	switch {
	case c.Strategy == OAuth2:
		k.warn("client_secret", "is missing", "enter the secret's value, unless the host brings a certificate or a federated credential")
	case c.Strategy == WSFed && !c.ADFS() && (c.ExtendedProfile || c.UserGroups):
		k.warn("client_secret", "is missing, so Graph cannot be asked for groups past the token's limit nor for the extended profile", "enter the secret's value, unless the host brings another credential")
	}
}

func (k *checker) secret(field string, s credential.Secret) {
	if s.LooksLikeID() {
		k.warn(field, "looks like a secret's id", "copy the secret's Value, which is shown only once, not its Secret ID") // AADSTS7000215
	}
	if v := s.Reveal(); strings.TrimSpace(v) != v {
		k.fault(field, "has white space around it", "paste the value alone")
	}
}

// ending is something of a connection that ends at a known time.
type ending struct {
	field string
	what  string // as a sentence's subject
	fix   string
	at    time.Time
}

// endings are the ends of the credentials that the connection holds itself.
func (c *Connection) endings() []ending {
	var list []ending
	add := func(field, what, fix string, at time.Time) {
		if !at.IsZero() {
			list = append(list, ending{field, what, fix, at})
		}
	}
	const newSecret = "create another secret in the app registration and enter it as the next one, then let it take the first one's place"
	if !c.ClientSecret.IsZero() {
		add("client_secret", "the client secret", newSecret, c.ClientSecretExpires)
	}
	if !c.NextClientSecret.IsZero() {
		add("next_client_secret", "the next client secret", newSecret, c.NextClientSecretExpires)
	}
	for _, slot := range c.certificateSlots() {
		if pair, err := slot.read(); err == nil {
			add(slot.field, slot.what, "upload another certificate to the app registration and enter it as the next one, then let it take the first one's place", pair.Certificate.NotAfter)
		}
	}
	return list
}
