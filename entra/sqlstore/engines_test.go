package sqlstore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/mysql"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/postgres"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// engine is a database to test with.
type engine struct {
	name string
	// open makes an empty database. It skips the test where the server is not installed.
	open func(t *testing.T) *sql.DB
	// over returns a Store in a database, which the tables may be missing in.
	over func(ctx context.Context, db *sql.DB, c sqlstore.Config) (*sqlstore.Store, error)
}

var engines = []engine{
	{"sqlite", openSQLite, sqlite.New},
	{"postgres", func(t *testing.T) *sql.DB { return open(t, "pgx", testservers.Postgres(t).Database(t)) }, postgres.New},
	{"mariadb", func(t *testing.T) *sql.DB { return open(t, "mysql", testservers.MariaDB(t).Database(t)) }, mysql.New},
}

func openSQLite(t *testing.T) *sql.DB {
	return open(t, "sqlite", sqlite.DSN(filepath.Join(t.TempDir(), "a store ?#%.db")))
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(40) // a crowd of the suites, and some
	db.SetMaxIdleConns(40)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// onEach runs a test on every engine, each time with an empty database.
func onEach(t *testing.T, f func(t *testing.T, e engine, db *sql.DB)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { f(t, e, e.open(t)) })
	}
}

// store returns a Store with its tables.
func (e engine) store(t *testing.T, db *sql.DB, c sqlstore.Config) *sqlstore.Store {
	if c.Sealer == nil {
		c.Sealer = sealer
	}
	s, err := e.over(t.Context(), db, c)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

var sealer = newSealer()

func newSealer() entra.Sealer {
	k, err := entra.NewKeyring(randomKey())
	if err != nil {
		panic(err)
	}
	return k
}
