package credential

import (
	"crypto/rsa"
	"errors"

	"software.sslmate.com/src/go-pkcs12"
)

// KeyPairFromPFX reads a certificate and its private key from a PFX file (PKCS #12, RFC 7292) as Windows, Azure Key Vault and OpenSSL write
// it, with the password that protects it; "" is a password too. Of several certificates it takes the one that belongs to the key. The file is the
// host's own: how much work its password costs is for the file to say.
//
// No error holds anything of the key or of the password.
func KeyPairFromPFX(data []byte, password Secret) (KeyPair, error) {
	if len(data) > maxKeyPair {
		return KeyPair{}, errors.New("credential: the PFX is too large")
	}
	key, certificate, chain, err := pkcs12.DecodeChain(data, password.Reveal())
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return KeyPair{}, errors.New("credential: the PFX has another password, or is damaged")
	case err != nil:
		return KeyPair{}, errors.New("credential: the PFX cannot be read: write it anew with a current tool, or convert it to PEM")
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return KeyPair{}, errKeyType
	}
	found := material{certificates: append(chain, certificate), keys: []*rsa.PrivateKey{private}}
	return found.pair()
}
