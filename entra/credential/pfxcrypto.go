package credential

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // PFX files of today still come with triple DES; it protects nothing of ours
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"hash"
	"math/big"
	"unicode/utf16"
)

// maxIterations bounds the work that a file can ask for; tools write 2,000 to 600,000.
const maxIterations = 2_000_000

var (
	errIterations = errors.New("credential: the PFX asks for too many iterations, or none")
	errDecrypt    = errors.New("credential: the PFX cannot be decrypted")
	errAlgorithm  = errors.New("credential: the PFX is encrypted with an algorithm that is not supported (RC2 of old?): write it anew with AES, or convert it to PEM")
)

type algorithm struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// What is supported: RFC 7292 appendix C, RFC 8018 sections 5.2 and 6.2, RFC 3565.
const (
	pbeTripleDES = "1.2.840.113549.1.12.1.3" // pbeWithSHAAnd3-KeyTripleDES-CBC
	pbes2        = "1.2.840.113549.1.5.13"
	pbkdf2OID    = "1.2.840.113549.1.5.12"
)

var (
	digests = map[string]func() hash.Hash{ // of the MAC
		"1.3.14.3.2.26": sha1.New, "2.16.840.1.101.3.4.2.1": sha256.New, "2.16.840.1.101.3.4.2.2": sha512.New384, "2.16.840.1.101.3.4.2.3": sha512.New,
	}
	functions = map[string]func() hash.Hash{ // of PBKDF2, as HMAC
		"": sha1.New, "1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.10": sha512.New384, "1.2.840.113549.2.11": sha512.New,
	}
	aesKeySizes = map[string]int{"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32} // AES-CBC
)

// decrypt opens what one of the supported algorithms encrypted. The file's MAC was checked before.
func (a algorithm) decrypt(data []byte, password string, encoded []byte) ([]byte, error) {
	switch a.Algorithm.String() {
	case pbeTripleDES:
		return a.decryptTripleDES(data, encoded)
	case pbes2:
		return a.decryptPBES2(data, password)
	}
	return nil, errAlgorithm
}

func (a algorithm) decryptTripleDES(data, encoded []byte) ([]byte, error) {
	var p struct {
		Salt       []byte
		Iterations int
	}
	if err := exactly(a.Parameters.FullBytes, &p); err != nil {
		return nil, err
	}
	if p.Iterations < 1 || p.Iterations > maxIterations {
		return nil, errIterations
	}
	block, err := des.NewTripleDESCipher(pkcs12Key(sha1.New, cipherKey, encoded, p.Salt, p.Iterations, 24)) //nolint:gosec // as above
	if err != nil {
		return nil, errDecrypt
	}
	return decryptCBC(block, pkcs12Key(sha1.New, initVector, encoded, p.Salt, p.Iterations, block.BlockSize()), data)
}

func (a algorithm) decryptPBES2(data []byte, password string) ([]byte, error) {
	var p struct{ Derivation, Cipher algorithm }
	if err := exactly(a.Parameters.FullBytes, &p); err != nil {
		return nil, err
	}
	size, ok := aesKeySizes[p.Cipher.Algorithm.String()]
	if !ok || p.Derivation.Algorithm.String() != pbkdf2OID {
		return nil, errAlgorithm
	}
	var d struct {
		Salt       []byte
		Iterations int
		KeyLength  int       `asn1:"optional"`
		Function   algorithm `asn1:"optional"`
	}
	if err := exactly(p.Derivation.Parameters.FullBytes, &d); err != nil {
		return nil, err
	}
	if d.Iterations < 1 || d.Iterations > maxIterations {
		return nil, errIterations
	}
	function, ok := functions[d.Function.Algorithm.String()]
	if !ok || d.KeyLength != 0 && d.KeyLength != size {
		return nil, errAlgorithm
	}
	var iv []byte
	if err := exactly(p.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	key, err := pbkdf2.Key(function, password, d.Salt, d.Iterations, size)
	if err != nil {
		return nil, errDecrypt
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errDecrypt
	}
	return decryptCBC(block, iv, data)
}

// decryptCBC decrypts and takes the padding off (RFC 8018 section 6.1.1).
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errDecrypt
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	last := plain[len(plain)-1:]
	n := int(last[0])
	if n == 0 || n > size || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat(last, n)) {
		return nil, errDecrypt
	}
	return plain[:len(plain)-n], nil
}

// The purposes of a derived key, RFC 7292 appendix B.3.
const (
	cipherKey  = 1
	initVector = 2
	macKey     = 3
)

// pkcs12Key derives size bytes from a password, RFC 7292 appendix B.2. The letters are those of the standard.
func pkcs12Key(h func() hash.Hash, purpose byte, password, salt []byte, iterations, size int) []byte {
	v := h().BlockSize()
	d := bytes.Repeat([]byte{purpose}, v)
	i := append(fill(salt, v), fill(password, v)...)
	one, mod := big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), uint(v)*8)
	var out []byte
	for len(out) < size {
		sum := h()
		sum.Write(d)
		sum.Write(i)
		a := sum.Sum(nil)
		for range iterations - 1 {
			sum.Reset()
			sum.Write(a)
			a = sum.Sum(a[:0])
		}
		out = append(out, a...)
		b := new(big.Int).SetBytes(fill(a, v)[:v])
		b.Add(b, one)
		for j := 0; j < len(i); j += v {
			n := new(big.Int).SetBytes(i[j : j+v])
			n.Add(n, b).Mod(n, mod).FillBytes(i[j : j+v])
		}
	}
	return out[:size]
}

// fill repeats s up to the next multiple of v; of nothing it makes nothing.
func fill(s []byte, v int) []byte {
	if len(s) == 0 {
		return nil
	}
	size := (len(s) + v - 1) / v * v
	return bytes.Repeat(s, size/len(s)+1)[:size]
}

// bmpString is a password as PKCS #12 hashes it: UTF-16, big-endian, with a zero at its end (RFC 7292 appendix B.1).
func bmpString(s string) ([]byte, error) {
	var out []byte
	for _, r := range s {
		if r > 0xffff || utf16.IsSurrogate(r) {
			return nil, errors.New("credential: the password has a letter that a PFX cannot have")
		}
		out = binary.BigEndian.AppendUint16(out, uint16(r)) //nolint:gosec // checked above
	}
	return append(out, 0, 0), nil
}
