package entratest

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever comes as a token is taken apart without panic, and verifies only when its three parts are those that were signed.
func FuzzParseJWT(f *testing.F) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(f, err)
	signed := signJWT(&key{id: "k", private: private}, map[string]any{"sub": "x"})
	for _, seed := range []string{signed, breakSignature(signed), unsignedJWT(map[string]any{"sub": "x"}), "..", "bnVsbA.bnVsbA.", "e30.e30.", "a.b.c", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		parsed, err := parseJWT(token)
		if err != nil {
			require.Nil(t, parsed, "a failed parse returns nothing")
			return
		}
		require.NotNil(t, parsed.header)
		require.NotNil(t, parsed.claims)
		require.Equal(t, token[:strings.LastIndex(token, ".")], string(parsed.input))
		if parsed.verify(&private.PublicKey) {
			require.Equal(t, signed[:strings.LastIndex(signed, ".")], string(parsed.input))
		}
	})
}
