package mysql

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/storetest"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/provisioningtest"
)

// TestWithoutReturning: MySQL's DELETE returns nothing. A flow is then taken in a transaction, which MariaDB runs as well.
func TestWithoutReturning(t *testing.T) {
	db, err := sql.Open("mysql", testservers.MariaDB(t).Database(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(40)
	var n atomic.Int64
	storetest.Flows(t, func(t *testing.T) entra.FlowStore {
		s, err := sqlstore.New(db, engine(false), sqlstore.Config{Environment: fmt.Sprint(n.Add(1))})
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		return s.Flows()
	})
}

// TestPreparedStatements: a host's own database handle may send parameters apart from the statements, which is the driver's default.
func TestPreparedStatements(t *testing.T) {
	db, err := sql.Open("mysql", testservers.MariaDB(t).Database(t)+"?clientFoundRows=true&parseTime=true&loc=Asia%2FTokyo")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(40)
	var n atomic.Int64
	open := func(t *testing.T) *sqlstore.Store {
		key := make([]byte, entra.KeySize)
		_, err := rand.Read(key)
		require.NoError(t, err)
		sealer, err := entra.NewKeyring(key)
		require.NoError(t, err)
		s, err := New(t.Context(), db, sqlstore.Config{Environment: fmt.Sprint(n.Add(1)), Sealer: sealer})
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		return s
	}
	t.Run("connections", func(t *testing.T) {
		storetest.Connections(t, func(t *testing.T) entra.ConnectionRegistry { return open(t).Connections() })
	})
	t.Run("flows", func(t *testing.T) { storetest.Flows(t, func(t *testing.T) entra.FlowStore { return open(t).Flows() }) })
	t.Run("replay", func(t *testing.T) {
		storetest.Replay(t, func(t *testing.T) entra.ReplayStore { return open(t).Replay() })
	})
	t.Run("users", func(t *testing.T) {
		provisioningtest.Users(t, func(t *testing.T) provisioning.UserStore { return open(t).Users() })
	})
}

func TestOpen(t *testing.T) {
	s, db, err := Open(t.Context(), testservers.MariaDB(t).Database(t), sqlstore.Config{})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, s.Migrate(t.Context()))
	_, _, err = Open(t.Context(), "user:p4ssw0rd@tcp(", sqlstore.Config{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "p4ssw0rd")
}
