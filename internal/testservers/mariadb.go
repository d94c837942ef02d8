package testservers

import (
	"context"
	"os/exec"
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

type mariadb struct {
	mysqlFamily
	installer string
}

func newMariaDB(dir string) (engine, error) {
	m := &mariadb{mysqlFamily: mysqlFamily{dir: dir}}
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

func (m *mariadb) install(ctx context.Context) error {
	_, err := run(ctx, m.dir, m.installer, "--no-defaults", "--datadir="+m.data(), "--auth-root-authentication-method=normal", "--skip-test-db",
		"--innodb-log-file-size=32M", "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2")
	return err
}

// The collation merges letters of both cases and with accents, as MariaDB's own default does: tables that must not be merged say so themselves.
func (m *mariadb) command() ([]string, syscall.Signal) {
	return m.serve("--skip-log-bin", "--innodb-log-file-size=32M", "--collation-server=utf8mb4_unicode_ci")
}
