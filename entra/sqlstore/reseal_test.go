package sqlstore_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
)

// TestReseal: after a rotation and Reseal the old key is needed no more, and nothing else has changed.
func TestReseal(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		keyring := func(keys ...[]byte) *entra.Keyring {
			k, err := entra.NewKeyring(keys[0], keys[1:]...)
			require.NoError(t, err)
			return k
		}
		const connections = 205 // more than a page
		first, second := randomKey(), randomKey()
		before := e.store(t, db, sqlstore.Config{Sealer: keyring(first)})
		versions := map[string]string{}
		for n := range connections {
			c := routing(fmt.Sprintf("con_%03d", n), fmt.Sprint("customer", n))
			c.ClientSecret = secret(fmt.Sprint("secret ", n))
			versions[c.ID] = put(t, before, c).Version
		}
		both := keyring(second, first)
		during := e.store(t, db, sqlstore.Config{Sealer: both})
		for _, want := range []int{connections, 0} {
			n, err := during.Connections().Reseal(t.Context(), both)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		after := e.store(t, db, sqlstore.Config{Sealer: keyring(second)})
		for id, version := range versions {
			c, err := after.Connections().Connection(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, version, c.Version)
			require.Equal(t, "secret "+c.Name[len("customer"):], c.ClientSecret.Reveal())
		}
		_, err := before.Connections().Connection(t.Context(), "con_001")
		require.Error(t, err)
		_, err = before.Connections().Reseal(t.Context(), keyring(first))
		require.Error(t, err, "with a key that opens nothing")
	})
}
