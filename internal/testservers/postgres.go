package testservers

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var sharedPostgres shared // one for each test binary: starting it takes seconds

// Postgres returns this test binary's PostgreSQL.
func Postgres(t testing.TB) *Server {
	t.Helper()
	return sharedPostgres.get(t, newPostgres)
}

// NewPostgres starts a PostgreSQL for this test.
func NewPostgres(t testing.TB) *Server {
	t.Helper()
	return own(t, StartPostgres)
}

// StartPostgres starts one without a test, for programs. Its errors say what to install.
func StartPostgres() (*Server, error) { return start(newPostgres) }

type postgres struct{ dir, bin string }

func newPostgres(dir string) (engine, error) {
	// Debian keeps the server's programs out of PATH; pg_config of any version names where.
	if bin, err := exec.Command("pg_config", "--bindir").Output(); err == nil { //nolint:noctx // answers at once
		if _, err := exec.LookPath(filepath.Join(strings.TrimSpace(string(bin)), "postgres")); err == nil {
			return &postgres{dir, strings.TrimSpace(string(bin))}, nil
		}
	}
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); err == nil && len(found) > 0 {
		return &postgres{dir, filepath.Dir(found[len(found)-1])}, nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return &postgres{dir, filepath.Dir(path)}, nil
	}
	return nil, &missing{"PostgreSQL", "postgresql"}
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

// install chooses a linguistic order, as most servers have, so that a query which counts on the order of bytes is found out.
func (p *postgres) install(ctx context.Context) error {
	_, err := run(ctx, p.dir, filepath.Join(p.bin, "initdb"), "--pgdata="+p.data(), "--username=tenantdoor", "--auth=trust", "--no-sync", "--encoding=UTF8",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
	return err
}

// A commit is in the operating system's hands before it is acknowledged (synchronous_commit stays on), so it survives a crash of the server.
// That is what PostgreSQL calls an immediate shutdown: every process ends without tidying, and the next start recovers from the log; SIGKILL would
// leave its other processes at work for a while.
func (p *postgres) command() ([]string, syscall.Signal) {
	command := []string{filepath.Join(p.bin, "postgres"), "-D", p.data(), "-k", p.dir}
	for _, setting := range []string{"listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=300", "shared_buffers=64MB", "max_wal_size=512MB"} {
		command = append(command, "-c", setting)
	}
	return command, syscall.SIGQUIT
}

func (p *postgres) ping(ctx context.Context) error {
	_, err := run(ctx, p.dir, filepath.Join(p.bin, "pg_isready"), "--quiet", "--host="+p.dir, "--username=tenantdoor", "--dbname=postgres")
	return err
}

func (p *postgres) sql(ctx context.Context, database, statement string) ([]byte, error) {
	return run(ctx, p.dir, filepath.Join(p.bin, "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1",
		"--host="+p.dir, "--username=tenantdoor", "--dbname="+database, "--command="+statement)
}

func (p *postgres) create(ctx context.Context, number int) (string, func(context.Context) error, error) {
	name := fmt.Sprint("test_", number)
	address := url.URL{Scheme: "postgres", User: url.User("tenantdoor"), Path: "/" + name, RawQuery: url.Values{"host": {p.dir}, "sslmode": {"disable"}}.Encode()}
	_, err := p.sql(ctx, "postgres", "CREATE DATABASE "+name)
	return address.String(), func(ctx context.Context) error {
		_, err := p.sql(ctx, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		return err
	}, err
}
