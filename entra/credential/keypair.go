package credential

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxKeyPair bounds a certificate with its chain and key, in bytes.
const maxKeyPair = 256 << 10

// KeyPairFromPEM reads a certificate and its private key from PEM, in one piece or in several, in any order: blocks CERTIFICATE, and PRIVATE KEY (PKCS #8)
// or RSA PRIVATE KEY (PKCS #1). Of several certificates it takes the one that belongs to the key. An encrypted key is refused: decrypt it, or keep it
// in a vault that signs (KeyPair.Signer).
//
// No error holds anything of the key.
func KeyPairFromPEM(data ...[]byte) (KeyPair, error) {
	var found material
	for _, rest := range data {
		if len(rest) > maxKeyPair {
			return KeyPair{}, errors.New("credential: the PEM is too large")
		}
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if err := found.add(block); err != nil {
				return KeyPair{}, err
			}
		}
	}
	return found.pair()
}

// material is what was found in a file.
type material struct {
	certificates []*x509.Certificate
	keys         []*rsa.PrivateKey
}

func (m *material) add(block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE":
		return m.addCertificate(block.Bytes)
	case "PRIVATE KEY":
		return m.addKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return errEncryptedKey
		}
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return errUnreadableKey
		}
		m.keys = append(m.keys, key)
	case "ENCRYPTED PRIVATE KEY":
		return errEncryptedKey
	case "EC PRIVATE KEY":
		return errKeyType
	}
	return nil // parameters, requests and the like
}

var (
	errEncryptedKey  = errors.New("credential: the private key is encrypted")
	errUnreadableKey = errors.New("credential: the private key cannot be read")
	errKeyType       = errors.New("credential: the private key is not RSA")
)

func (m *material) addCertificate(der []byte) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("credential: the certificate cannot be read: %w", err)
	}
	m.certificates = append(m.certificates, c)
	return nil
}

// addKey reads PKCS #8.
func (m *material) addKey(der []byte) error {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return errUnreadableKey
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return errKeyType
	}
	m.keys = append(m.keys, private)
	return nil
}

// pair brings the one key together with its certificate.
func (m *material) pair() (KeyPair, error) {
	if len(m.keys) != 1 {
		return KeyPair{}, fmt.Errorf("credential: found %d private keys, want one", len(m.keys))
	}
	var signer crypto.Signer = m.keys[0]
	for _, c := range m.certificates {
		if m.keys[0].PublicKey.Equal(c.PublicKey) {
			p := KeyPair{Signer: signer, Certificate: c}
			if err := checkPair(p); err != nil {
				return KeyPair{}, fmt.Errorf("credential: %w", err)
			}
			return p, nil
		}
	}
	return KeyPair{}, fmt.Errorf("credential: none of %d certificates belongs to the private key", len(m.certificates))
}
