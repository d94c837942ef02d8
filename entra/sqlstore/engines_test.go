package sqlstore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/mysql"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/postgres"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// engine is a database to test with.
type engine struct {
	name, driver string
	// empty makes an empty database and returns its data source name. It skips the test where the server is not installed.
	empty func(t testing.TB) string
	// over returns a Store in a database, which the tables may be missing in.
	over func(ctx context.Context, db *sql.DB, c sqlstore.Config) (*sqlstore.Store, error)
}

var engines = []engine{
	{"sqlite", "sqlite", func(t testing.TB) string { return sqlite.DSN(filepath.Join(t.TempDir(), "a store ?#%.db")) }, sqlite.New},
	{"postgres", "pgx", func(t testing.TB) string { return testservers.Postgres(t).Database(t) }, postgres.New},
	{"mariadb", "mysql", func(t testing.TB) string { return testservers.MariaDB(t).Database(t) + "?interpolateParams=true" }, mysql.New},
	{"mysql", "mysql", func(t testing.TB) string { return testservers.MySQL(t).Database(t) + "?interpolateParams=true" }, mysql.New},
}

func (e engine) open(t *testing.T, dsn string) *sql.DB {
	db, err := sql.Open(e.driver, dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(40) // a crowd of the suites, and some
	db.SetMaxIdleConns(40)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// onEach runs a test on every engine, each time with an empty database.
func onEach(t *testing.T, f func(t *testing.T, e engine, db *sql.DB)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { f(t, e, e.open(t, e.empty(t))) })
	}
}

// onEachWatched is onEach with a second handle of the same database, whose statements are heard.
func onEachWatched(t *testing.T, f func(t *testing.T, e engine, db, heard *sql.DB, r *recorder)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			dsn := e.empty(t)
			heard, r := watched(t, e, dsn)
			f(t, e, e.open(t, dsn), heard, r)
		})
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

func secret(s string) credential.Secret { return credential.NewSecret(s) }

var sealer = newSealer()

func newSealer() entra.Sealer {
	k, err := entra.NewKeyring(randomKey())
	if err != nil {
		panic(err)
	}
	return k
}
