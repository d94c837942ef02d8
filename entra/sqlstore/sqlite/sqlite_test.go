package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "it's 100% mine?#.db")
	s, db, err := sqlite.Open(t.Context(), file, sqlstore.Config{})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, s.Migrate(t.Context()))
	if runtime.GOOS != "windows" {
		for _, name := range []string{file, file + "-wal", file + "-shm"} {
			info, err := os.Stat(name)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "nobody else on this machine reads who signs in")
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "1", "busy_timeout": "5000", "foreign_keys": "1"} {
		var got string
		require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	for _, refused := range []string{"", ":memory:", "file::memory:?cache=shared"} {
		_, _, err := sqlite.Open(t.Context(), refused, sqlstore.Config{})
		require.Error(t, err, refused)
	}
	bare, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer bare.Close()
	_, err = sqlite.New(t.Context(), bare, sqlstore.Config{})
	require.ErrorContains(t, err, "busy_timeout")
}

const asWriter = "TENANTDOOR_TEST_WRITER"

// TestProcesses: several processes write to one file, and none is turned away.
func TestProcesses(t *testing.T) {
	const users = 60
	if file := os.Getenv(asWriter); file != "" {
		write(t, file, users)
		return
	}
	file := filepath.Join(t.TempDir(), "store.db")
	write(t, file, 0) // makes the tables
	commands := make([]*exec.Cmd, 3)
	for i := range commands {
		commands[i] = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcesses$") //nolint:gosec // this very program
		commands[i].Env = append(os.Environ(), asWriter+"="+file)
		commands[i].Stderr = os.Stderr
		require.NoError(t, commands[i].Start())
	}
	var errs error
	for _, c := range commands {
		errs = errors.Join(errs, c.Wait())
	}
	require.NoError(t, errs)
	s, db, err := sqlite.Open(t.Context(), file, sqlstore.Config{})
	require.NoError(t, err)
	defer db.Close()
	n, err := s.Users().CountUsers(t.Context(), provisioning.UserFilter{})
	require.NoError(t, err)
	require.Equal(t, users*len(commands), n)
}

func write(t *testing.T, file string, users int) {
	s, db, err := sqlite.Open(t.Context(), file, sqlstore.Config{})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, s.Migrate(t.Context()))
	for n := range users {
		u, err := s.Users().Create(t.Context(), provisioning.Change{AddKeys: []provisioning.Key{provisioning.ImportKey(fmt.Sprint(os.Getpid()), fmt.Sprint(n))}})
		require.NoError(t, err)
		_, err = s.Users().Update(t.Context(), u.ID, provisioning.Change{Version: u.Version, Join: []string{"org"}})
		require.NoError(t, err)
		_, err = s.Replay().Remember(t.Context(), fmt.Sprintf("%032x%032x", os.Getpid(), n), time.Now())
		require.NoError(t, err)
	}
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	ctx := context.Background()
	store, db, err := sqlite.Open(ctx, filepath.Join(dir, "tenantdoor.db"), sqlstore.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	if err := store.Migrate(ctx); err != nil {
		panic(err)
	}
	id := strings.Repeat("0a", 32) // a hash of what may be used once
	for range 2 {
		first, err := store.Replay().Remember(ctx, id, time.Now().Add(time.Hour))
		fmt.Println(first, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}
