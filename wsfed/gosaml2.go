package wsfed

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"errors"

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
		var length int
		if length, err = sessionKeyLength(e, &keys[i]); err != nil {
			continue
		}
		if length != dataMethods[e.data.algorithm] {
			return nil, errors.New("the token's key is not as long as its method says")
		}
		return token.DecryptBytes(&keys[i])
	}
	return nil, err
}

// sessionKeyLength unwraps the token's key, only to see how long it is: the library does so once more, and takes a key of any length under any name. Whoever reads
// by the names would read something else, or nothing.
func sessionKeyLength(e *encrypted, key *tls.Certificate) (int, error) {
	private, ok := key.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return 0, errors.New("not an RSA key") // checkDecryptionKeys
	}
	wrapped, err := base64.StdEncoding.DecodeString(e.key.value)
	if err != nil {
		return 0, err
	}
	hash := crypto.SHA1
	if e.key.digest == librarySHA256 {
		hash = crypto.SHA256
	}
	session, err := private.Decrypt(nil, wrapped, &rsa.OAEPOptions{Hash: hash})
	return len(session), err
}
