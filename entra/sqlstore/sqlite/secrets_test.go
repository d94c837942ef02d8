package sqlite_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
)

// TestNoSecretInTheFile: whoever gets hold of the database's files, its log of writes too, reads no secret of a connection in them, whichever field holds it.
func TestNoSecretInTheFile(t *testing.T) {
	key := make([]byte, entra.KeySize)
	_, _ = rand.Read(key) // never fails
	keys, err := entra.NewKeyring(key)
	require.NoError(t, err)
	folder := t.TempDir()
	s, db, err := sqlite.Open(t.Context(), filepath.Join(folder, "store.db"), sqlstore.Config{Sealer: keys})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, s.Migrate(t.Context()))

	var secrets []string
	version := ""
	for range 3 { // secrets come and go
		c := &entra.Connection{ID: "con_1", Version: version, Name: "in the clear", Strategy: entra.OAuth2}
		for _, value := range reflect.ValueOf(c).Elem().Fields() {
			if value.Type() == reflect.TypeFor[credential.Secret]() {
				secrets = append(secrets, rand.Text())
				value.Set(reflect.ValueOf(credential.NewSecret(secrets[len(secrets)-1])))
			}
		}
		version, err = s.Connections().Put(t.Context(), c)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, len(secrets), 3*4)
	kept, err := s.Connections().Connection(t.Context(), "con_1")
	require.NoError(t, err)
	require.Contains(t, secrets, kept.ClientSecret.Reveal())

	var all []byte
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		require.NoError(t, err)
		all = append(all, content...)
	}
	require.True(t, bytes.Contains(all, []byte("in the clear")), "else this test shows nothing")
	for _, secret := range append(secrets, string(key)) {
		require.False(t, bytes.Contains(all, []byte(secret)), "a secret is in the files")
		for from := range 3 { // in base64 too, wherever in the encoded text it begins
			whole := secret[from : from+(len(secret)-from)/3*3]
			require.False(t, bytes.Contains(all, []byte(base64.RawStdEncoding.EncodeToString([]byte(whole)))), "a secret is in the files, in base64")
		}
	}
}
