// Package mysql makes a sqlstore.Store in a MySQL (from 8.0) or MariaDB (from 10.6) database, with the driver github.com/go-sql-driver/mysql. Tables are InnoDB's.
//
// The database is the one that is written to, not a replica: what was used once must not be accepted by a machine that reads an older state.
package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open connects to a database: a DSN as the driver reads it. Parameters are sent within the statements (InterpolateParams), which saves one of two round trips.
// The caller closes the database after the Store's last use.
func Open(ctx context.Context, dsn string, c sqlstore.Config) (*sqlstore.Store, *sql.DB, error) {
	config, err := driver.ParseDSN(dsn)
	if err != nil {
		return nil, nil, errors.New("mysql: the DSN cannot be read") // the driver's error may repeat the password
	}
	config.InterpolateParams = true
	connector, err := driver.NewConnector(config)
	if err != nil {
		return nil, nil, fmt.Errorf("mysql: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	db.SetConnMaxIdleTime(time.Minute) // servers close what idles
	store, err := New(ctx, db, c)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db, nil
}

// New returns a Store in the host's own database, of github.com/go-sql-driver/mysql. It asks the server what it is, and refuses connections of another character
// set than utf8mb4, which is the driver's default.
func New(ctx context.Context, db *sql.DB, c sqlstore.Config) (*sqlstore.Store, error) {
	var version, charset string
	if err := db.QueryRowContext(ctx, "SELECT VERSION(), @@character_set_client").Scan(&version, &charset); err != nil {
		return nil, fmt.Errorf("mysql: %w", err)
	}
	if charset != "utf8mb4" { // in GBK and others a letter can end in a backslash, and the driver's quoting, where it interpolates, does not hold
		return nil, fmt.Errorf("mysql: the connection's character set is %s, needed is utf8mb4: take charset and collation out of the DSN", charset)
	}
	return sqlstore.New(db, engine(strings.Contains(version, "MariaDB")), c)
}

func engine(maria bool) sqlstore.Engine {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		files = migrations // never: the folder is embedded
	}
	return sqlstore.Engine{
		Name: "mysql", Migrations: files, Isolation: sql.LevelReadCommitted, Returning: maria,
		Upsert:   func(string) string { return " ON DUPLICATE KEY UPDATE " },
		Excluded: func(column string) string { return "VALUES(" + column + ")" },
		Taken:    func(err error) bool { return number(err) == 1062 }, // ER_DUP_ENTRY
		Again: func(err error) bool {
			n := number(err)
			return n == 1213 || n == 1020 // ER_LOCK_DEADLOCK, ER_CHECKREAD (MariaDB's snapshot isolation). Whoever waited for a lock in vain has waited enough
		},
		Among: among, Values: values, Locked: locked,
	}
}

// indexes of the columns that many values are looked up in, after the environment; else it is the primary key.
var indexes = map[string]string{"address_hash": "identities_address", "email_hash": "users_email", "email_claim": "users_claim"}

// among joins in the order that is written, by the index that is named. A server whose statistics are behind uses the environment alone, be it in IN with hundreds of
// values or in a join, and reads all of its rows. Ids are bytes, everything else that is asked for is a hash.
func among(columns, table, column string) string {
	kind := "CHAR(64) CHARACTER SET ascii"
	if column == "id" {
		kind = "VARBINARY(255)"
	}
	return "SELECT " + columns + " FROM JSON_TABLE(?, '$[*]' COLUMNS (value " + kind + " PATH '$')) AS asked STRAIGHT_JOIN " + table +
		" u FORCE INDEX (" + cmp.Or(indexes[column], "PRIMARY") + ") WHERE u.environment = ? AND u." + column + " = asked.value"
}

// values makes one parameter of many, for JSON_TABLE.
func values(list []string) (any, error) {
	data, err := json.Marshal(list)
	return string(data), err
}

// number returns the error number (https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html).
func number(err error) uint16 {
	var e *driver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// locked runs f while conn holds the lock of the name within its database. The lock ends with the connection at the latest.
func locked(ctx context.Context, conn *sql.Conn, name string, f func() error) error {
	const lock = "CONCAT(LEFT(DATABASE(), 20), '.', LEFT(?, 43))" // a lock's name has 64 characters at most, and is the whole server's
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+lock+", 60)", name).Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return errors.New("another machine has been migrating for a minute")
	}
	err := f()
	_, released := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+lock+")", name)
	return errors.Join(err, released)
}
