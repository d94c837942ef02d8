package oauth2

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// The driver's state between Begin and Finish: one byte of version, one of flags, the beginning in Unix seconds, the maximum age in seconds, verifier and
// nonce as the bytes that they encode, and the hash of the claims request. It travels in a cookie, so it is small; entra seals it, and keeps the claims
// request itself.
const (
	stateVersion  = 2
	flagForce     = 1
	verifierBytes = 32
	hashAt        = 1 + 1 + 8 + 4 + verifierBytes + nonceBytes
	stateBytes    = hashAt + sha256.Size
)

var errState = errors.New("oauth2: the sign-in's state is not of this driver")

// pack leaves out the state value: entra keeps it.
func (p *Pending) pack() ([]byte, error) {
	verifier, err := base64.RawURLEncoding.DecodeString(p.Verifier)
	if err != nil || len(verifier) != verifierBytes {
		return nil, errState
	}
	nonce, err := base64.RawURLEncoding.DecodeString(p.Nonce)
	if err != nil || len(nonce) != nonceBytes {
		return nil, errState
	}
	out := make([]byte, 0, stateBytes)
	var flags byte
	if p.ForceLogin {
		flags |= flagForce
	}
	out = append(out, stateVersion, flags)
	out = binary.BigEndian.AppendUint64(out, uint64(p.Begun.Unix()))       //nolint:gosec // unpack turns it back
	out = binary.BigEndian.AppendUint32(out, uint32(p.MaxAge/time.Second)) //nolint:gosec // maxAge bounds it
	out = append(out, verifier...)
	out = append(out, nonce...)
	asked := sha256.Sum256([]byte(p.Claims))
	return append(out, asked[:]...), nil
}

// unpack reads what pack wrote. A claims request that is not the one of the beginning is refused: it is what the token is held to.
func unpack(data []byte, state, claims string) (*Pending, error) {
	if len(data) != stateBytes || data[0] != stateVersion || data[1]&^flagForce != 0 {
		return nil, errState
	}
	if asked := sha256.Sum256([]byte(claims)); !bytes.Equal(data[hashAt:], asked[:]) {
		return nil, errState
	}
	return &Pending{
		State:      state,
		Claims:     claims,
		ForceLogin: data[1]&flagForce != 0,
		Begun:      time.Unix(int64(binary.BigEndian.Uint64(data[2:])), 0), //nolint:gosec // what pack wrote
		MaxAge:     time.Duration(binary.BigEndian.Uint32(data[10:])) * time.Second,
		Verifier:   base64.RawURLEncoding.EncodeToString(data[14 : 14+verifierBytes]),
		Nonce:      base64.RawURLEncoding.EncodeToString(data[14+verifierBytes : hashAt]),
	}, nil
}
