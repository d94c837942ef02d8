package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/redisstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/postgres"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// hostTable is the host's own: who signed in, where it was begun and where finished.
const hostTable = `CREATE TABLE IF NOT EXISTS cluster_sign_ins (flow TEXT NOT NULL, user_id TEXT NOT NULL, began_on TEXT NOT NULL, finished_on TEXT NOT NULL)`

// stores are what the servers share.
type stores struct {
	db          *sql.DB
	sql         *sqlstore.Store
	connections entra.ConnectionRegistry // what an administrator's changes go through
	users       provisioning.UserStore
	flows       entra.FlowStore // nil: flows are cookies
	replay      entra.ReplayStore
	redis       *redis.Client
}

func openStores(ctx context.Context, t task, keys *entra.Keyring) (*stores, error) {
	config := sqlstore.Config{Environment: "cluster", Sealer: keys}
	s := &stores{}
	var err error
	if file, ok := strings.CutPrefix(t.Database, "sqlite:"); ok {
		s.sql, s.db, err = sqlite.Open(ctx, file, config)
	} else {
		s.sql, s.db, err = postgres.Open(ctx, t.Database, config)
	}
	if err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(20) // for each server: PostgreSQL allows 100 of them by default
	s.db.SetMaxIdleConns(20)
	s.connections, s.users, s.replay = s.sql.Connections(), s.sql.Users(), s.sql.Replay()
	if t.Redis == "" {
		return s, nil
	}
	o, err := redis.ParseURL(t.Redis)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("redis: %w", err)
	}
	o.ContextTimeoutEnabled = true
	s.redis = redis.NewClient(o)
	shared, err := redisstore.New(s.redis, "cluster")
	if err != nil {
		s.close()
		return nil, err
	}
	s.flows, s.replay = shared, shared
	return s, nil
}

// follow returns the connections held in memory, and kept up with changes that any machine makes, within a second, until the end of stop.
func (s *stores) follow(ctx context.Context) (connections entra.ConnectionStore, stop func()) {
	cache := s.sql.Cache()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = cache.Run(ctx) }) // it ends with the context, and tries again until then
	return cache, func() {
		cancel()
		running.Wait()
	}
}

// prepare makes the tables and asks Redis whether it forgets. It may run on several machines at once.
func (s *stores) prepare(ctx context.Context) error {
	if err := s.sql.Migrate(ctx); err != nil {
		return err
	}
	if _, err := s.db.ExecContext(ctx, hostTable); err != nil {
		return err
	}
	if shared, ok := s.replay.(*redisstore.Store); ok {
		return shared.Check(ctx)
	}
	return nil
}

func (s *stores) close() {
	err := s.db.Close()
	if s.redis != nil {
		err = errors.Join(err, s.redis.Close())
	}
	_ = err // at the end of the process there is nobody to tell
}
