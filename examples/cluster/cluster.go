package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/cloud"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

type options struct {
	addr       string // of the balancer
	database   string // "": a PostgreSQL is started
	redis      string // "": none
	startRedis bool
	tenants    func([]entratest.Tenant) []entratest.Tenant // nil: the sample's
}

// cluster is everything, in one hand.
type cluster struct {
	base     string
	fake     *entratest.Server
	postgres *testservers.Server // nil: somebody else's database
	stores   *stores             // of the administrator, who is no server
	registry *entra.Registrar
	machines []*machine
	closers  []func()
}

func startCluster(ctx context.Context, o options, log *slog.Logger) (_ *cluster, err error) {
	c := &cluster{}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, func() { _ = listener.Close() })
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() { // without TLS sessions would cross the network in clear
		return nil, fmt.Errorf("-addr %q: the balancer listens on loopback only", o.addr)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	c.base = "http://localhost:" + port // browsers keep cookies per host name, so there is one
	if err := c.startFake(o); err != nil {
		return nil, err
	}
	t := task{Base: c.base, Database: o.database, Redis: o.redis, Key: make([]byte, entra.KeySize), Cloud: c.fake.Cloud()}
	_, _ = rand.Read(t.Key) // never fails
	if err := c.startServers(ctx, o, &t); err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, t); err != nil {
		return nil, err
	}
	var addresses []string
	for i := range 2 {
		t.Name = fmt.Sprintf("server %d", i+1)
		if t.Listen, err = testservers.FreeAddress(); err != nil {
			return nil, err
		}
		m := &machine{task: t}
		if err := m.start(ctx); err != nil {
			return nil, err
		}
		c.closers = append(c.closers, func() { _ = m.kill() })
		c.machines, addresses = append(c.machines, m), append(addresses, t.Listen)
	}
	server := &http.Server{Handler: newBalancer(addresses, log), ReadHeaderTimeout: 10 * time.Second}
	c.closers = append(c.closers, func() { _ = server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.ErrorContext(ctx, "balancer", "error", err)
		}
	}()
	return c, nil
}

// startFake starts a fake Entra, with app registrations that know the balancer's address.
func (c *cluster) startFake(o options) (err error) {
	tenants := entratest.Sample()
	if o.tenants != nil {
		tenants = o.tenants(tenants)
	}
	for _, t := range tenants {
		for i := range t.Applications {
			t.Applications[i].RedirectURIs = []string{c.base + "/sso/callback/oauth2"}
			t.Applications[i].ReplyURLs = []string{c.base + "/sso/callback/wsfed"}
		}
	}
	if c.fake, err = entratest.Start(&entratest.Options{Tenants: tenants}); err != nil {
		return err
	}
	c.closers = append(c.closers, c.fake.Close)
	return nil
}

// startServers starts the database, and Redis, where none is named.
func (c *cluster) startServers(ctx context.Context, o options, t *task) (err error) {
	if t.Database == "" {
		if c.postgres, err = testservers.StartPostgres(); err != nil {
			return fmt.Errorf("%w, or name a database with -database", err)
		}
		c.closers = append(c.closers, c.postgres.Close)
		if t.Database, _, err = c.postgres.NewDatabase(ctx); err != nil {
			return err
		}
	}
	if o.startRedis {
		redis, err := testservers.StartRedis()
		if err != nil {
			return fmt.Errorf("%w, or name one with -redis-url", err)
		}
		c.closers = append(c.closers, redis.Close)
		if t.Redis, _, err = redis.NewDatabase(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the tables, and the connections as the environment's administrator does.
func (c *cluster) prepare(ctx context.Context, t task) error {
	keys, err := entra.NewKeyring(t.Key)
	if err != nil {
		return err
	}
	if c.stores, err = openStores(ctx, t, keys); err != nil {
		return err
	}
	c.closers = append(c.closers, c.stores.close)
	if err := c.stores.prepare(ctx); err != nil {
		return err
	}
	c.registry, err = entra.NewRegistrar(entra.RegistrarConfig{Store: c.stores.connections, Clouds: []cloud.Cloud{t.Cloud}, HTTPClient: c.fake.Client()})
	if err != nil {
		return err
	}
	for _, connection := range []*entra.Connection{
		{ID: "contoso", Strategy: entra.OAuth2, EntraDomain: "contoso.com", ClientID: entratest.ContosoApp, ClientSecret: credential.NewSecret(entratest.ContosoSecret)},
		{ID: "fabrikam", Strategy: entra.WSFed, EntraDomain: "fabrikam.com", ClientID: entratest.FabrikamApp, ClientSecret: credential.NewSecret(entratest.FabrikamSecret)},
	} {
		connection.Name, connection.Cloud, connection.HomeRealmDomains = connection.ID, t.Cloud.Name, []string{connection.EntraDomain}
		connection.Enabled, connection.AllApplications, connection.CreateMissingUsers, connection.SyncProfile = true, true, true, true
		if kept, err := c.stores.connections.Connection(ctx, connection.ID); err == nil { // in a database of before
			connection.Version = kept.Version
		}
		if _, _, err := c.registry.Save(ctx, entra.Environment("cluster"), connection); err != nil {
			return fmt.Errorf("connection %s: %w", connection.ID, err)
		}
	}
	return nil
}

// keepAlive starts a server again that has ended, until ctx ends.
func (c *cluster) keepAlive(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.machines[0].gone():
			if err := c.machines[0].start(ctx); err != nil {
				return err
			}
		case <-c.machines[1].gone():
			if err := c.machines[1].start(ctx); err != nil {
				return err
			}
		}
	}
}

// close ends all of it, in the opposite order.
func (c *cluster) close() {
	for _, f := range slices.Backward(c.closers) {
		f()
	}
}
