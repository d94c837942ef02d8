package wsfed

import (
	"crypto/tls"

	"github.com/russellhaering/gosaml2/types"
)

// librarySHA256 is no identifier of any standard.
const librarySHA256 = types.MethodSHA256

// decrypt is the seam to the library that decrypts: from an encrypted token, whose form readEncrypted has accepted, to the bytes of what
// was encrypted. Each key is tried: OAEP tells a wrong one for certain. The error is for nobody's eyes.
//
// gosaml2 takes more than we do, and says what failed. So it sees only algorithms from our tables, and no certificate
// from the message, which it would compare with ours and refuse the key for. Its own types are filled here and not from XML, for
// encoding/xml is another reader of the same bytes than the gate.
func decrypt(e *encrypted, keys []tls.Certificate) (plain []byte, err error) {
	key := types.EncryptedKey{CipherValue: e.key.value, EncryptionMethod: types.EncryptionMethod{Algorithm: e.key.algorithm}}
	if e.key.digest != "" {
		key.EncryptionMethod.DigestMethod = &types.DigestMethod{Algorithm: e.key.digest}
	}
	token := types.EncryptedAssertion{
		CipherValue: e.data.value, EncryptionMethod: types.EncryptionMethod{Algorithm: e.data.algorithm}, EncryptedKey: key,
	}
	for i := range keys {
		if plain, err = token.DecryptBytes(&keys[i]); err == nil {
			return plain, nil
		}
	}
	return nil, err
}
