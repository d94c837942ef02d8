package mysql

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/storetest"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/provisioningtest"
)

// servers are what the package is for.
var servers = map[string]func(testing.TB) *testservers.Server{"MariaDB": testservers.MariaDB, "MySQL": testservers.MySQL}

// TestWithoutReturning: MySQL's DELETE returns nothing. A flow is then taken by two statements, which MariaDB runs as well.
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

// TestTakeInItsEnvironment: a flow of the same id in another environment is neither read nor deleted.
func TestTakeInItsEnvironment(t *testing.T) {
	db, err := sql.Open("mysql", testservers.MariaDB(t).Database(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	stores := map[string]*sqlstore.Store{}
	for _, name := range []string{"a", "b", "c"} {
		stores[name], err = sqlstore.New(db, engine(false), sqlstore.Config{Environment: name})
		require.NoError(t, err)
	}
	require.NoError(t, stores["a"].Migrate(t.Context()))
	for _, name := range []string{"a", "b"} {
		require.NoError(t, stores[name].Flows().Put(t.Context(), "id", []byte("the same"), time.Now().Add(time.Hour)))
		require.NoError(t, stores[name].Flows().Put(t.Context(), "another", []byte(name), time.Now().Add(time.Hour)))
	}
	_, err = stores["c"].Flows().Take(t.Context(), "id")
	require.ErrorIs(t, err, entra.ErrNotFound)
	for _, name := range []string{"b", "a"} {
		_, err = stores[name].Flows().Take(t.Context(), "id")
		require.NoError(t, err, name)
		sealed, err := stores[name].Flows().Take(t.Context(), "another")
		require.NoError(t, err, name)
		require.Equal(t, name, string(sealed))
	}
}

// TestTakeWhatWasRead: what is put in a flow's place between the two statements is neither deleted nor taken for the old one. The transaction's
// first read stands for the first statement: what it sees stays as it was then.
func TestTakeWhatWasRead(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open("mysql", server(t).Database(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			s, err := sqlstore.New(db, engine(false), sqlstore.Config{})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context()))
			soon := time.Now().Add(time.Hour)
			require.NoError(t, s.Flows().Put(t.Context(), "id", []byte("old"), soon))

			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			var n int
			require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM tenantdoor_flows").Scan(&n))
			require.NoError(t, s.Flows().Put(t.Context(), "id", []byte("new"), soon))
			_, err = s.WithTx(tx).Flows().Take(t.Context(), "id")
			require.Error(t, err)
			require.NoError(t, tx.Commit())
			sealed, err := s.Flows().Take(t.Context(), "id")
			require.NoError(t, err)
			require.Equal(t, "new", string(sealed))
		})
	}
}

// TestCharacterSet: where a letter can end in a backslash, a quote in somebody's name would end the literal that it stands in.
func TestCharacterSet(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			dsn := server(t).Database(t)
			for _, charset := range []string{"gbk", "big5", "sjis", "latin1", "utf8mb3"} {
				_, _, err := Open(t.Context(), dsn+"?charset="+charset, sqlstore.Config{})
				require.ErrorContains(t, err, "needed is utf8mb4", charset)
			}
			for _, parameters := range []string{"", "?charset=utf8mb4", "?collation=utf8mb4_unicode_ci"} {
				s, db, err := Open(t.Context(), dsn+parameters, sqlstore.Config{})
				require.NoError(t, err, parameters)
				t.Cleanup(func() { require.NoError(t, db.Close()) })
				require.NoError(t, s.Migrate(t.Context()))
				made, err := s.Users().Create(t.Context(), provisioning.Change{Profile: &provisioning.Profile{GivenName: `み' \`}})
				require.NoError(t, err)
				read, err := s.Users().User(t.Context(), made.ID)
				require.NoError(t, err)
				require.Equal(t, `み' \`, read.Profile.GivenName)
			}
		})
	}
}

// TestPreparedStatements: a host's own database handle may send parameters apart from the statements, which is the driver's default.
func TestPreparedStatements(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) { testPreparedStatements(t, server(t)) })
	}
}

func testPreparedStatements(t *testing.T, server *testservers.Server) {
	db, err := sql.Open("mysql", server.Database(t)+"?clientFoundRows=true&parseTime=true&loc=Asia%2FTokyo")
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
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			s, db, err := Open(t.Context(), server(t).Database(t), sqlstore.Config{})
			require.NoError(t, err)
			defer db.Close()
			require.NoError(t, s.Migrate(t.Context()))
		})
	}
	_, _, err := Open(t.Context(), "user:p4ssw0rd@tcp(", sqlstore.Config{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "p4ssw0rd")
}
