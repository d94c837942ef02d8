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

// TestResealMeetsAWriter: what somebody writes between reading and sealing anew is not undone. A trigger plays the writer, so that it happens at that moment.
func TestResealMeetsAWriter(t *testing.T) {
	e := engines[0]
	db := e.open(t, e.empty(t))
	first, second := randomKey(), randomKey()
	old, err := entra.NewKeyring(first)
	require.NoError(t, err)
	both, err := entra.NewKeyring(second, first)
	require.NoError(t, err)
	before, during := e.store(t, db, sqlstore.Config{Sealer: old}), e.store(t, db, sqlstore.Config{Sealer: both})
	for _, id := range []string{"con_1", "con_2"} {
		c := routing(id, id)
		c.ClientSecret = secret("secret")
		put(t, before, c)
	}
	written := routing("con_2", "con_2")
	written.DisplayName, written.ClientSecret, written.Version = "written meanwhile", secret("another"), "next"
	encoded, err := entra.EncodeConnection(t.Context(), written, both)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE meanwhile (encoded TEXT)`)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO meanwhile VALUES (?)`, string(encoded))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TRIGGER writer AFTER UPDATE ON tenantdoor_connections WHEN NEW.id = 'con_1'
		BEGIN UPDATE tenantdoor_connections SET version = 'next', encoded = (SELECT encoded FROM meanwhile) WHERE id = 'con_2'; END`)
	require.NoError(t, err)

	n, err := during.Connections().Reseal(t.Context(), both)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	c, err := during.Connections().Connection(t.Context(), "con_2")
	require.NoError(t, err)
	require.Equal(t, "written meanwhile", c.DisplayName)
	require.Equal(t, "another", c.ClientSecret.Reveal())
}
