package ownstore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/tenantdoor/tenantdoor/examples/ownstore"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/provisioningtest"
)

func open(t *testing.T) ownstore.Store {
	s := connect(t, filepath.Join(t.TempDir(), "host.db"))
	_, err := s.DB.ExecContext(t.Context(), ownstore.Existing+ownstore.Added)
	require.NoError(t, err)
	return s
}

func connect(t *testing.T, file string) ownstore.Store {
	db, err := ownstore.Open(file)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return ownstore.Store{DB: db}
}

func TestContract(t *testing.T) {
	provisioningtest.Users(t, func(t *testing.T) provisioning.UserStore { return open(t) })
}

// TestMachines: two processes over the one file.
func TestMachines(t *testing.T) {
	provisioningtest.Machines(t, func(t *testing.T) (one, other provisioning.UserStore) {
		file := filepath.Join(t.TempDir(), "host.db")
		first := connect(t, file)
		_, err := first.DB.ExecContext(t.Context(), ownstore.Existing+ownstore.Added)
		require.NoError(t, err)
		return first, connect(t, file)
	})
}

// TestUsersOfBefore: who was in the table before is found by the address, gets an identity, and loses the password where the policy says so.
func TestUsersOfBefore(t *testing.T) {
	s := open(t)
	_, err := s.DB.ExecContext(t.Context(), `INSERT INTO users (email, email_verified, password_hash, disabled) VALUES ('ann@contoso.example', 1, 'hash', 0), ('ben@contoso.example', 0, 'hash', 1)`)
	require.NoError(t, err)
	found, err := s.UsersByEmail(t.Context(), "ann@contoso.example")
	require.NoError(t, err)
	require.Len(t, found, 1)
	ann := found[0]
	require.Equal(t, provisioning.Profile{Email: "ann@contoso.example", EmailVerified: true}, ann.Profile)
	require.False(t, ann.Suspended)

	key := provisioning.Key{ConnectionID: "con_1", Authority: "11111111-1111-4111-8111-111111111111", Subject: "22222222-2222-4222-8222-222222222222"}
	ann, err = s.Update(t.Context(), ann.ID, provisioning.Change{Version: ann.Version, AddKeys: []provisioning.Key{key}, DropOtherIdentities: true})
	require.NoError(t, err)
	password := func(address string) (hash *string) {
		require.NoError(t, s.DB.QueryRowContext(t.Context(), `SELECT password_hash FROM users WHERE email = ?`, address).Scan(&hash))
		return hash
	}
	require.Nil(t, password("ann@contoso.example"))
	require.NotNil(t, password("ben@contoso.example"))

	// The host's own pages go on writing to its table.
	_, err = s.DB.ExecContext(t.Context(), `UPDATE users SET email = 'ann.lee@contoso.example', email_verified = 0, disabled = 1 WHERE id = ?`, ann.ID)
	require.NoError(t, err)
	ann, err = s.UserByKey(t.Context(), key)
	require.NoError(t, err)
	require.True(t, ann.Suspended)
	require.Equal(t, provisioning.Profile{Email: "ann.lee@contoso.example"}, ann.Profile)

	_, err = s.Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{Email: "Ben@Contoso.example"}})
	require.ErrorIs(t, err, provisioning.ErrEmailTaken)
}
