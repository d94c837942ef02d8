package entra

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
)

// KeySize is the length of a Keyring's keys in bytes.
const KeySize = 32

// Keyring is a Sealer over keys in memory: AES-256-GCM with random nonces (NIST SP 800-38D). The first key seals, all of them open, so
// a key is rotated by putting the new one in front and dropping the old one once nothing sealed with it is left: for flows after
// Config.FlowLifetime, for stored connections after ResealConnection went over them.
//
// One key may seal 2^32 times. A Keyring is safe for concurrent use.
type Keyring struct{ keys []ringKey }

type ringKey struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

const keyIDSize = 4

// NewKeyring returns a Keyring that seals with current and opens with older ones too. Keys are 32 random bytes
// (crypto/rand), kept like any other secret of the host, the same on all its machines.
func NewKeyring(current []byte, older ...[]byte) (*Keyring, error) {
	k := &Keyring{}
	for _, key := range append([][]byte{current}, older...) {
		if len(key) != KeySize {
			return nil, fmt.Errorf("entra: a key of the keyring has %d bytes, want %d", len(key), KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		rk := ringKey{aead: aead}
		sum := sha256.Sum256(append([]byte("tenantdoor key id\x00"), key...))
		copy(rk.id[:], sum[:])
		k.keys = append(k.keys, rk)
	}
	return k, nil
}

var errSealed = errors.New("entra: not sealed by this keyring, for another purpose, or altered")

// Seal implements Sealer.
func (k *Keyring) Seal(_ context.Context, plain, about []byte) ([]byte, error) {
	key := k.keys[0]
	return key.aead.Seal(key.id[:], nil, plain, about), nil
}

// Open implements Sealer. All its refusals are one error.
func (k *Keyring) Open(_ context.Context, sealed, about []byte) ([]byte, error) {
	if len(sealed) < keyIDSize {
		return nil, errSealed
	}
	for _, key := range k.keys {
		if string(key.id[:]) != string(sealed[:keyIDSize]) {
			continue
		}
		if plain, err := key.aead.Open(nil, nil, sealed[keyIDSize:], about); err == nil {
			return plain, nil
		}
	}
	return nil, errSealed
}

// current reports whether the first key has sealed this.
func (k *Keyring) current(sealed []byte) bool {
	return bytes.HasPrefix(sealed, k.keys[0].id[:])
}

var _ Sealer = (*Keyring)(nil)
