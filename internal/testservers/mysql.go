package testservers

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var sharedMySQL shared

// MySQL returns this test binary's MySQL, which Debian's releases have no package of. Without one in PATH the test is skipped.
func MySQL(t testing.TB) *Server {
	t.Helper()
	return sharedMySQL.get(t, newMySQL)
}

// NewMySQL starts a MySQL for this test.
func NewMySQL(t testing.TB) *Server {
	t.Helper()
	return own(t, func() (*Server, error) { return start(newMySQL) })
}

type mysql struct{ mysqlFamily }

func newMySQL(dir string) (engine, error) {
	m := &mysql{mysqlFamily{dir: dir}}
	var err, none error
	m.server, err = exec.LookPath("mysqld")
	m.client, none = exec.LookPath("mysql")
	if err != nil || none != nil {
		return nil, &missing{"MySQL's mysqld", ""}
	}
	// MariaDB's package has programs of these names.
	if version, err := run(context.Background(), dir, m.server, "--version"); err != nil || strings.Contains(string(version), "MariaDB") {
		return nil, &missing{"MySQL's mysqld", ""}
	}
	return m, nil
}

func (m *mysql) install(ctx context.Context) error {
	_, err := run(ctx, m.dir, m.server, "--no-defaults", "--initialize-insecure", "--datadir="+m.data(), "--secure-file-priv=NULL")
	return err
}

// The collation merges, as with MariaDB.
func (m *mysql) command() ([]string, syscall.Signal) {
	return m.serve("--disable-log-bin", "--mysqlx=OFF", "--secure-file-priv=NULL", "--collation-server=utf8mb4_0900_ai_ci")
}

// mysqlFamily is what MySQL and MariaDB have in common.
type mysqlFamily struct{ dir, server, client string }

func (m *mysqlFamily) data() string   { return filepath.Join(m.dir, "data") }
func (m *mysqlFamily) socket() string { return filepath.Join(m.dir, "s") }

// serve is a command's start, which settings of the one server end. A commit is in the operating system's hands before it is acknowledged
// (innodb-flush-log-at-trx-commit=2), so it survives a crash of the server.
func (m *mysqlFamily) serve(settings ...string) ([]string, syscall.Signal) {
	return append([]string{
		m.server, "--no-defaults", "--datadir=" + m.data(), "--socket=" + m.socket(), "--skip-networking", "--tmpdir=" + m.dir,
		"--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M",
		"--character-set-server=utf8mb4", "--max-connections=300", "--pid-file=" + filepath.Join(m.dir, "pid"),
	}, settings...), syscall.SIGKILL
}

func (m *mysqlFamily) sql(ctx context.Context, database, statement string) ([]byte, error) {
	return run(ctx, m.dir, m.client, "--no-defaults", "--socket="+m.socket(), "--user=root", "--batch", "--skip-column-names", "--database="+database, "--execute="+statement)
}

func (m *mysqlFamily) ping(ctx context.Context) error {
	_, err := m.sql(ctx, "mysql", "SELECT 1")
	return err
}

func (m *mysqlFamily) create(ctx context.Context, number int) (string, func(context.Context) error, error) {
	name := fmt.Sprint("test_", number)
	_, err := m.sql(ctx, "mysql", "CREATE DATABASE "+name)
	return fmt.Sprintf("root@unix(%s)/%s", m.socket(), name), func(ctx context.Context) error {
		_, err := m.sql(ctx, "mysql", "DROP DATABASE IF EXISTS "+name)
		return err
	}, err
}
