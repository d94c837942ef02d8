package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/entra/redisstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/mysql"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/postgres"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
	entraoauth2 "github.com/tenantdoor/tenantdoor/oauth2"
	"github.com/tenantdoor/tenantdoor/wsfed"
)

// kept are stores to measure.
var kept = []struct {
	name string
	open func(b *testing.B, keys *entra.Keyring) *stores
}{
	{"memory", func(*testing.B, *entra.Keyring) *stores {
		return &stores{connections: memory.NewConnections(), users: memory.NewUsers(), replay: memory.NewReplay()}
	}},
	{"SQLite", func(b *testing.B, keys *entra.Keyring) *stores {
		s, db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "bench.db"), sqlstore.Config{Sealer: keys})
		return opened(b, &stores{sql: s, db: db}, err)
	}},
	{"PostgreSQL", openPostgres},
	{"MariaDB", func(b *testing.B, keys *entra.Keyring) *stores {
		s, db, err := mysql.Open(b.Context(), testservers.MariaDB(b).Database(b), sqlstore.Config{Sealer: keys})
		return opened(b, &stores{sql: s, db: db}, err)
	}},
	{"PostgreSQL+Redis", func(b *testing.B, keys *entra.Keyring) *stores {
		s := openPostgres(b, keys)
		o, err := redis.ParseURL(testservers.Redis(b).Database(b))
		require.NoError(b, err)
		client := redis.NewClient(o)
		b.Cleanup(func() { _ = client.Close() })
		shared, err := redisstore.New(client, "bench")
		require.NoError(b, err)
		s.flows, s.replay = shared, shared
		return s
	}},
}

func openPostgres(b *testing.B, keys *entra.Keyring) *stores {
	s, db, err := postgres.Open(b.Context(), testservers.Postgres(b).Database(b), sqlstore.Config{Sealer: keys})
	return opened(b, &stores{sql: s, db: db}, err)
}

func opened(b *testing.B, s *stores, err error) *stores {
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.db.Close() })
	require.NoError(b, s.sql.Migrate(b.Context()))
	s.connections, s.users, s.replay = s.sql.Connections(), s.sql.Users(), s.sql.Replay()
	return s
}

// BenchmarkSignIn is a known person's sign-in, through HTTP all the way: the address, the fake Entra's pages, the answer. Its metrics are
// sign-ins per second, and where a sign-in's time goes: the share of each of the library's steps (over OAuth 2.0 verify has the request to the token
// endpoint in it, where the fake signs the ID token), of the fake Entra's pages (over WS-Federation it signs there), and of all the rest, which is HTTP, the
// flow and the replay ids.
//
// Databases and the fake share the machine with the server; the databases are set for speed, see internal/testservers.
func BenchmarkSignIn(b *testing.B) {
	for _, s := range kept {
		for _, strategy := range []entra.Strategy{entra.OAuth2, entra.WSFed} {
			b.Run(fmt.Sprintf("%s/%s", s.name, strategy), func(b *testing.B) { benchmarkSignIn(b, s.open, strategy) })
		}
	}
}

// benchPeople are enough that two at the same time are seldom the same person.
const benchPeople = 200

func benchmarkSignIn(b *testing.B, open func(*testing.B, *entra.Keyring) *stores, strategy entra.Strategy) {
	w := &watch{}
	c := benchServer(b, open, strategy, w)
	client := newClient()
	var person, abroad atomic.Int64
	signIn := func() error {
		address := fmt.Sprintf("person%d@contoso.com", person.Add(1)%benchPeople)
		v := c.newVisitor(client)
		location, err := v.begin(context.Background(), "", address)
		if err != nil {
			return err
		}
		began := time.Now()
		back, err := v.authenticate(context.Background(), location, address)
		if err != nil {
			return err
		}
		abroad.Add(int64(time.Since(began)))
		a, err := v.send(context.Background(), "", back)
		if err == nil && a.status != http.StatusNoContent {
			err = unclear("finishing", a)
		}
		return err
	}
	for range benchPeople { // from here on everybody is known
		require.NoError(b, signIn())
	}
	w.reset()
	abroad.Store(0)
	var total atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			began := time.Now()
			if err := signIn(); err != nil {
				b.Error(err)
				return
			}
			total.Add(int64(time.Since(began)))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s")
	rest := total.Load() - abroad.Load()
	share := func(part int64, name string) { b.ReportMetric(100*float64(part)/float64(total.Load()), name+"-%") }
	share(abroad.Load(), "entra")
	for step, took := range w.took {
		share(int64(took), step)
		rest -= int64(took)
	}
	share(rest, "rest")
}

// benchServer is one server with one connection, and the fake Entra. It reuses what visitors need of a cluster.
func benchServer(b *testing.B, open func(*testing.B, *entra.Keyring) *stores, strategy entra.Strategy, w *watch) *cluster {
	key := make([]byte, entra.KeySize)
	_, _ = rand.Read(key)
	keys, err := entra.NewKeyring(key)
	require.NoError(b, err)
	s := open(b, keys)

	connections := entra.ConnectionStore(s.connections)
	if s.sql != nil {
		var stop func()
		connections, stop = s.follow(context.Background())
		b.Cleanup(stop)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(b, err)
	c := &cluster{base: "http://localhost:" + port, stores: s}
	require.NoError(b, c.startFake(options{tenants: func(tenants []entratest.Tenant) []entratest.Tenant {
		for i := range benchPeople {
			address := fmt.Sprintf("person%d@contoso.com", i)
			tenants[0].Users = append(tenants[0].Users, entratest.User{
				ID: fmt.Sprintf("9e0b1e00-0000-4000-8000-%012d", i), UPN: address, DisplayName: fmt.Sprint("Person ", i), Mail: address, MailVerified: true,
			})
		}
		return tenants
	}}))
	b.Cleanup(c.close)
	clouds := []cloud.Cloud{c.fake.Cloud()}
	service, err := entra.New(entra.Config{
		BaseURL: c.base + "/sso", Connections: connections, Protocols: []entra.Protocol{entraoauth2.Protocol{}, wsfed.Protocol{}},
		Keys: keys, Replay: s.replay, Flows: s.flows, Users: s.users, Clouds: clouds, HTTPClient: c.fake.Client(), Observer: w,
		SyncProfiles: func(context.Context) (bool, error) { return true, nil },
		OnSignIn:     func(w http.ResponseWriter, _ *http.Request, _ *entra.SignIn) { w.WriteHeader(http.StatusNoContent) },
	})
	require.NoError(b, err)
	mux.Handle("/sso/", service)
	registry, err := entra.NewRegistrar(entra.RegistrarConfig{Store: s.connections, Clouds: clouds, HTTPClient: c.fake.Client()})
	require.NoError(b, err)
	_, _, err = registry.Save(b.Context(), entra.Environment("bench"), &entra.Connection{
		ID: "contoso", Name: "contoso", Strategy: strategy, Cloud: clouds[0].Name, EntraDomain: "contoso.com", HomeRealmDomains: []string{"contoso.com"},
		ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret),
		Enabled: true, AllApplications: true, CreateMissingUsers: true, SyncProfile: true,
	})
	require.NoError(b, err)
	return c
}

// watch is an entra.Observer that adds up what steps take.
type watch struct {
	mu   sync.Mutex
	took map[string]time.Duration
}

func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = map[string]time.Duration{}
}

func (w *watch) Start(ctx context.Context, step string) (context.Context, func(error)) {
	began := time.Now()
	return ctx, func(error) {
		took := time.Since(began)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.took != nil {
			w.took[step] += took
		}
	}
}
