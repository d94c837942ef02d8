package postgres_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/postgres"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

func TestOpen(t *testing.T) {
	s, db, err := postgres.Open(t.Context(), testservers.Postgres(t).Database(t), sqlstore.Config{})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, s.Migrate(t.Context()))
	_, _, err = postgres.Open(t.Context(), "postgres://user:p4ssw0rd@%", sqlstore.Config{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "p4ssw0rd")

	other, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer other.Close()
	_, err = postgres.New(t.Context(), other, sqlstore.Config{})
	require.Error(t, err, "COPY and LISTEN are pgx's")
}

// TestRestart: when the database dies, a cache says nothing that may be old; when it is back, so is the feed.
func TestRestart(t *testing.T) {
	server := testservers.NewPostgres(t)
	address := server.Database(t)
	open := func() (*sqlstore.Store, *sql.DB) {
		s, db, err := postgres.Open(t.Context(), address, sqlstore.Config{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return s, db
	}
	here, _ := open()
	there, _ := open()
	require.NoError(t, here.Migrate(t.Context()))
	con := &entra.Connection{ID: "con_1", Name: "contoso", Strategy: entra.OAuth2}
	put := func() {
		version, err := there.Connections().Put(t.Context(), con)
		require.NoError(t, err)
		con.Version = version
	}
	put()
	cache := here.Cache()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cache.Run(ctx) }()
	defer func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	}()
	shows := func(name string) func() bool {
		return func() bool {
			c, err := cache.Connection(ctx, "con_1")
			return err == nil && c.DisplayName == name
		}
	}
	require.Eventually(t, shows(""), time.Minute, time.Millisecond)

	server.Kill(t)
	require.Eventually(t, func() bool {
		_, err := cache.Connection(ctx, "con_1")
		return err != nil
	}, time.Minute, 10*time.Millisecond, "the bound has passed and the database does not answer")
	server.Start(t)
	con.DisplayName = "after the crash"
	require.Eventually(t, func() bool { return there.Check(ctx) == nil }, time.Minute, 10*time.Millisecond)
	put()
	require.Eventually(t, shows("after the crash"), time.Minute, time.Millisecond)
	con.DisplayName = "and on"
	put()
	require.Eventually(t, shows("and on"), time.Minute, time.Millisecond)
}
