package entra_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
)

func newKey(t *testing.T) []byte {
	t.Helper()
	key := make([]byte, entra.KeySize)
	_, err := rand.Read(key)
	require.NoError(t, err)
	return key
}

func newKeyring(t *testing.T) *entra.Keyring {
	t.Helper()
	k, err := entra.NewKeyring(newKey(t))
	require.NoError(t, err)
	return k
}

// rotation is a keyring before, during and after a key is exchanged.
func rotation(t *testing.T) (before, during, after *entra.Keyring) {
	t.Helper()
	oldKey, newerKey := newKey(t), newKey(t)
	before, err := entra.NewKeyring(oldKey)
	require.NoError(t, err)
	during, err = entra.NewKeyring(newerKey, oldKey)
	require.NoError(t, err)
	after, err = entra.NewKeyring(newerKey)
	require.NoError(t, err)
	return before, during, after
}

func TestKeyringRotation(t *testing.T) {
	before, during, after := rotation(t)

	sealed, err := before.Seal(t.Context(), []byte("flow"), []byte("about"))
	require.NoError(t, err)
	plain, err := during.Open(t.Context(), sealed, []byte("about"))
	require.NoError(t, err)
	require.Equal(t, "flow", string(plain))
	_, err = after.Open(t.Context(), sealed, []byte("about"))
	require.Error(t, err, "the old key is gone")

	sealed, err = during.Seal(t.Context(), []byte("flow"), []byte("about"))
	require.NoError(t, err)
	_, err = after.Open(t.Context(), sealed, []byte("about"))
	require.NoError(t, err, "the new key seals from the moment it stands in front")
}

func TestKeyringRefuses(t *testing.T) {
	k := newKeyring(t)
	sealed, err := k.Seal(t.Context(), []byte("flow"), []byte("about"))
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "flow")

	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		_, err := k.Open(t.Context(), altered, []byte("about"))
		require.Error(t, err, "byte %d", i)
	}
	for n := range sealed {
		_, err := k.Open(t.Context(), sealed[:n], []byte("about"))
		require.Error(t, err, "cut to %d bytes", n)
	}
	_, err = k.Open(t.Context(), sealed, []byte("another purpose"))
	require.Error(t, err)
	_, err = newKeyring(t).Open(t.Context(), sealed, []byte("about"))
	require.Error(t, err)

	for _, size := range []int{0, 16, 31, 33} {
		_, err := entra.NewKeyring(make([]byte, size))
		require.Error(t, err, "a key of %d bytes", size)
	}
}

// After a rotation stored connections are sealed anew, once, and then the old key can go.
func TestResealConnection(t *testing.T) {
	before, during, after := rotation(t)
	want := filled(t)
	data, err := entra.EncodeConnection(t.Context(), want, before)
	require.NoError(t, err)

	_, _, err = entra.ResealConnection(t.Context(), data, after)
	require.Error(t, err, "it cannot open what it is to seal")
	fresh, changed, err := entra.ResealConnection(t.Context(), data, during)
	require.NoError(t, err)
	require.True(t, changed)
	got, err := entra.DecodeConnection(t.Context(), fresh, after)
	require.NoError(t, err)
	require.Equal(t, want, got)
	same, changed, err := entra.ResealConnection(t.Context(), fresh, during)
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, fresh, same)
	_, _, err = entra.ResealConnection(t.Context(), []byte("{"), during)
	require.Error(t, err)
}
