package credential

import (
	"crypto/hmac"
	"encoding/asn1"
	"errors"
	"fmt"
)

// KeyPairFromPFX reads a certificate and its private key from a PFX file (PKCS #12, RFC 7292) as Windows, Azure Key Vault and OpenSSL write
// it, with the password that protects it; "" is a password too. Of several certificates it takes the one that belongs to the key.
//
// It reads what keeps its integrity by a password, encrypted with AES (PBES2) or triple DES, or not at all. Files with the 40-bit RC2 of old, those
// signed instead of protected by a password, and BER that is not DER are refused: write the file anew with a current tool, or convert it to
// PEM (openssl pkcs12 -nodes) for KeyPairFromPEM.
//
// No error holds anything of the key or of the password.
func KeyPairFromPFX(data []byte, password Secret) (KeyPair, error) {
	if len(data) > maxKeyPair {
		return KeyPair{}, errors.New("credential: the PFX is too large")
	}
	var found material
	if err := found.readPFX(data, password.Reveal()); err != nil {
		return KeyPair{}, err
	}
	return found.pair()
}

// Object identifiers of RFC 7292 and RFC 5652.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type pfx struct {
	Version  int
	AuthSafe contentInfo
	MAC      struct {
		Digest struct {
			Algorithm algorithm
			Value     []byte
		}
		Salt       []byte
		Iterations int `asn1:"optional,default:1"`
	} `asn1:"optional"`
}

type encryptedData struct {
	Version int
	Content struct {
		Type      asn1.ObjectIdentifier
		Algorithm algorithm
		Encrypted []byte `asn1:"tag:0,optional"`
	}
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes asn1.RawValue `asn1:"optional,set"`
}

type shroudedKey struct {
	Algorithm algorithm
	Encrypted []byte
}

type certBag struct {
	ID   asn1.ObjectIdentifier
	Data []byte `asn1:"tag:0,explicit"`
}

var errPFX = errors.New("credential: not a PFX file in DER")

// exactly reads one value that fills data.
func exactly(data []byte, into any) error {
	rest, err := asn1.Unmarshal(data, into)
	if err != nil || len(rest) > 0 {
		return errPFX
	}
	return nil
}

// readPFX checks the integrity first, by which a wrong password shows, and then reads what is in the file.
func (m *material) readPFX(data []byte, password string) error {
	var file pfx
	if err := exactly(data, &file); err != nil {
		return err
	}
	if file.Version != 3 || !file.AuthSafe.Type.Equal(oidData) {
		return errors.New("credential: the PFX is not one whose integrity a password keeps")
	}
	var safe []byte
	if err := exactly(file.AuthSafe.Content.Bytes, &safe); err != nil {
		return err
	}
	encoded, err := file.authenticate(safe, password)
	if err != nil {
		return err
	}
	var contents []contentInfo
	if err := exactly(safe, &contents); err != nil {
		return err
	}
	for _, c := range contents {
		bags, err := c.open(password, encoded)
		if err != nil {
			return err
		}
		if err := m.readBags(bags, password, encoded); err != nil {
			return err
		}
	}
	return nil
}

// authenticate compares the MAC, and returns the password as key derivation wants it. An empty one is written in two ways.
func (f *pfx) authenticate(safe []byte, password string) (encoded []byte, err error) {
	mac := f.MAC
	if len(mac.Digest.Value) == 0 {
		return nil, errors.New("credential: the PFX has no MAC, so that anybody could have changed it")
	}
	h, ok := digests[mac.Digest.Algorithm.Algorithm.String()]
	if !ok {
		return nil, errors.New("credential: the PFX's MAC is of a kind that is not supported")
	}
	if mac.Iterations < 1 || mac.Iterations > maxIterations {
		return nil, errIterations
	}
	encoded, err = bmpString(password)
	if err != nil {
		return nil, err
	}
	forms := [][]byte{encoded}
	if password == "" {
		forms = append(forms, nil)
	}
	for _, form := range forms {
		key := pkcs12Key(h, macKey, form, mac.Salt, mac.Iterations, h().Size())
		sum := hmac.New(h, key)
		sum.Write(safe)
		if hmac.Equal(sum.Sum(nil), mac.Digest.Value) {
			return form, nil
		}
	}
	return nil, errors.New("credential: the PFX was changed, or the password is wrong")
}

// open returns the safe contents of one part, decrypted where they are encrypted.
func (c *contentInfo) open(password string, encoded []byte) ([]safeBag, error) {
	var plain []byte
	switch {
	case c.Type.Equal(oidData):
		if err := exactly(c.Content.Bytes, &plain); err != nil {
			return nil, err
		}
	case c.Type.Equal(oidEncryptedData):
		var sealed encryptedData
		if err := exactly(c.Content.Bytes, &sealed); err != nil {
			return nil, err
		}
		var err error
		if plain, err = sealed.Content.Algorithm.decrypt(sealed.Content.Encrypted, password, encoded); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("credential: the PFX has a part that no password opens")
	}
	var bags []safeBag
	return bags, exactly(plain, &bags)
}

func (m *material) readBags(bags []safeBag, password string, encoded []byte) error {
	for _, bag := range bags {
		switch {
		case bag.ID.Equal(oidKeyBag):
			if err := m.addKey(bag.Value.Bytes); err != nil {
				return err
			}
		case bag.ID.Equal(oidShroudedBag):
			var sealed shroudedKey
			if err := exactly(bag.Value.Bytes, &sealed); err != nil {
				return err
			}
			plain, err := sealed.Algorithm.decrypt(sealed.Encrypted, password, encoded)
			if err != nil {
				return err
			}
			if err := m.addKey(plain); err != nil {
				return err
			}
		case bag.ID.Equal(oidCertBag):
			var c certBag
			if err := exactly(bag.Value.Bytes, &c); err != nil {
				return err
			}
			if !c.ID.Equal(oidX509) {
				return fmt.Errorf("credential: the PFX holds a certificate of another type than X.509")
			}
			if err := m.addCertificate(c.Data); err != nil {
				return err
			}
		}
	}
	return nil
}
