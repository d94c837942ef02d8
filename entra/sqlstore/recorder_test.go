package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"sync"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
)

// recorder hears every statement that goes to a database, those that begin and end transactions included.
type recorder struct {
	mu         sync.Mutex
	statements []statement
}

type statement struct {
	text string
	args []any
}

func (r *recorder) hear(text string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, statement{text, args})
}

// take returns what was heard, and forgets it.
func (r *recorder) take() []statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	heard := r.statements
	r.statements = nil
	return heard
}

// reads counts what was heard that reads connections or home realms.
func (r *recorder) reads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.statements {
		if strings.HasPrefix(s.text, "SELECT version, encoded FROM") || strings.HasPrefix(s.text, "SELECT connection_id FROM") {
			n++
		}
	}
	return n
}

// watched returns another database handle that a recorder hears.
func watched(t *testing.T, e engine, dsn string) (*sql.DB, *recorder) {
	r := &recorder{}
	var db *sql.DB
	switch e.driver {
	case "pgx":
		config, err := pgx.ParseConfig(dsn)
		require.NoError(t, err)
		config.Tracer = pgxTracer{r}
		db = stdlib.OpenDB(*config)
	case "mysql":
		config, err := mysqldriver.ParseDSN(dsn)
		require.NoError(t, err)
		inner, err := mysqldriver.NewConnector(config)
		require.NoError(t, err)
		db = sql.OpenDB(connector{inner.Connect, inner.Driver(), r})
	default:
		plain, err := sql.Open(e.driver, dsn)
		require.NoError(t, err)
		inner := plain.Driver()
		require.NoError(t, plain.Close())
		db = sql.OpenDB(connector{func(context.Context) (driver.Conn, error) { return inner.Open(dsn) }, inner, r})
	}
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, r
}

type pgxTracer struct{ *recorder }

func (r pgxTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.hear(q.SQL, q.Args...)
	return ctx
}

func (pgxTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

type connector struct {
	connect func(context.Context) (driver.Conn, error)
	driver  driver.Driver
	*recorder
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{inner, c.recorder}, nil
}

// conn is a connection of a driver that has all the newer methods.
type conn struct {
	driver.Conn
	*recorder
}

func values(named []driver.NamedValue) []any {
	var list []any
	for _, v := range slices.SortedFunc(slices.Values(named), func(a, b driver.NamedValue) int { return a.Ordinal - b.Ordinal }) {
		list = append(list, v.Value)
	}
	return list
}

func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.hear(text, values(args)...)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args)
}

func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.hear(text, values(args)...)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.hear("BEGIN")
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	return &transaction{tx, c.recorder}, err
}

type transaction struct {
	driver.Tx
	*recorder
}

func (t *transaction) Commit() error   { t.hear("COMMIT"); return t.Tx.Commit() }
func (t *transaction) Rollback() error { t.hear("ROLLBACK"); return t.Tx.Rollback() }
