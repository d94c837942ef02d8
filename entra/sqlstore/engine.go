package sqlstore

import (
	"context"
	"database/sql"
	"io/fs"
)

// Engine is what one database does in its own way. Packages sqlite, postgres and mysql have one each; hosts need none.
type Engine struct {
	Name string
	// Migrations are files 0001_….sql and so on, see Migrate.
	Migrations fs.FS
	// Numbered says that parameters are $1, $2 and so on, instead of question marks.
	Numbered bool
	// Among is a query for columns of the rows u of a table, those of an environment that have one of many values in another column. It has two parameters: the
	// values, as Values makes one of them, and the environment. Each value is looked up by itself, whatever the server believes to know of a table that has just
	// grown. nil: a query with IN for every few hundred values.
	Among  func(columns, table, column string) string
	Values func([]string) (any, error)
	// Isolation of the transactions.
	Isolation sql.IsolationLevel
	// OneWriter says that the database has one writer at a time; the writers of this process then queue before it.
	OneWriter bool
	// Returning says that DELETE has RETURNING.
	Returning bool
	// Upsert begins the end of an INSERT that changes the row which is there already, for a table with these key columns; Excluded is
	// the value that was to be inserted into a column.
	Upsert   func(key string) string
	Excluded func(column string) string
	// Ignore is the end of an INSERT that leaves a row alone which is there already. "": such an INSERT is an error that Taken knows.
	Ignore string

	// Taken reports whether an error says that a unique key is taken.
	Taken func(error) bool
	// Again reports whether an error says that the transaction was in the way of another one, and may go through when it is tried again.
	Again func(error) bool

	// Locked runs f while no other process runs one for the same name, and commits what it did where the engine can.
	Locked func(ctx context.Context, conn *sql.Conn, name string, f func() error) error
	// Copy puts rows into a table within the open transaction of conn, faster than INSERT. nil: INSERT it is.
	Copy func(ctx context.Context, conn *sql.Conn, schema, table string, columns []string, rows [][]any) error
	// Single says that many rows are brought in fastest by a prepared INSERT that is run for each of them.
	Single bool
	// Bulk is a query at the start of a transaction that brings in, or finds, many rows. "": none.
	Bulk string
	// Notify is a statement with one parameter, the feed's channel, that wakes those who listen when the transaction is committed. "": nobody listens.
	Notify string
	// Listen makes conn listen to the channel; the function that it returns waits until something was heard, until
	// the context ends, which is no error, or until the connection breaks. nil: there is no such thing.
	Listen func(ctx context.Context, conn *sql.Conn, channel string) (wait func(context.Context) error, err error)
}
