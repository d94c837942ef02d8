package testservers

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

var sharedMariaDB shared // one for each test binary: starting it takes seconds

// MariaDB returns this test binary's MariaDB.
func MariaDB(t testing.TB) *Server {
	t.Helper()
	return sharedMariaDB.get(t, newMariaDB)
}

// NewMariaDB starts a MariaDB for this test.
func NewMariaDB(t testing.TB) *Server {
	t.Helper()
	return own(t, StartMariaDB)
}

// StartMariaDB starts one without a test, for programs. Its errors say what to install.
func StartMariaDB() (*Server, error) { return start(newMariaDB) }

type mariadb struct{ dir, server, client, installer string }

func newMariaDB(dir string) (engine, error) {
	m := &mariadb{dir: dir}
	for _, program := range []struct {
		path *string
		name string
	}{{&m.server, "mariadbd"}, {&m.client, "mariadb"}, {&m.installer, "mariadb-install-db"}} {
		for _, folder := range []string{"", "/usr/sbin/", "/usr/libexec/"} { // /usr/sbin is not in everybody's PATH
			if path, err := exec.LookPath(folder + program.name); err == nil {
				*program.path = path
				break
			}
		}
		if *program.path == "" {
			return nil, &missing{program.name, "mariadb-server"}
		}
	}
	return m, nil
}

func (m *mariadb) data() string   { return filepath.Join(m.dir, "data") }
func (m *mariadb) socket() string { return filepath.Join(m.dir, "s") }

func (m *mariadb) install(ctx context.Context) error {
	_, err := run(ctx, m.dir, m.installer, "--no-defaults", "--datadir="+m.data(), "--auth-root-authentication-method=normal", "--skip-test-db",
		"--innodb-log-file-size=32M", "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2")
	return err
}

// A commit is in the operating system's hands before it is acknowledged (innodb-flush-log-at-trx-commit=2), so it survives a crash of the server.
// The collation merges letters of both cases and with accents, as MariaDB's own default does: tables that must not be merged say so themselves.
func (m *mariadb) command() ([]string, syscall.Signal) {
	return []string{
		m.server, "--no-defaults", "--datadir=" + m.data(), "--socket=" + m.socket(), "--skip-networking", "--skip-log-bin", "--tmpdir=" + m.dir,
		"--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2", "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci", "--max-connections=300", "--pid-file=" + filepath.Join(m.dir, "pid"),
	}, syscall.SIGKILL
}

func (m *mariadb) sql(ctx context.Context, database, statement string) ([]byte, error) {
	return run(ctx, m.dir, m.client, "--no-defaults", "--socket="+m.socket(), "--user=root", "--batch", "--skip-column-names", "--database="+database, "--execute="+statement)
}

func (m *mariadb) ping(ctx context.Context) error {
	_, err := m.sql(ctx, "mysql", "SELECT 1")
	return err
}

func (m *mariadb) create(ctx context.Context, number int) (string, func(context.Context) error, error) {
	name := fmt.Sprint("test_", number)
	if _, err := m.sql(ctx, "mysql", "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("root@unix(%s)/%s", m.socket(), name), func(ctx context.Context) error {
		_, err := m.sql(ctx, "mysql", "DROP DATABASE IF EXISTS "+name)
		return err
	}, nil
}
