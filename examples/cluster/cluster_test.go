package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/entratest"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// TestMain makes this binary one of the servers when a test starts it as such.
func TestMain(m *testing.M) {
	logging.Disable() // go-redis writes to standard error when a Redis is away
	if os.Getenv(nodeVariable) == "" {
		os.Exit(m.Run())
	}
	if err := runNode(context.Background(), os.Stdin, os.Stdout, slog.New(slog.DiscardHandler)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(t *testing.T, o options) (*cluster, *entra.Keyring) {
	o.addr = "localhost:0"
	c, err := startCluster(t.Context(), o, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.close)
	keys, err := entra.NewKeyring(c.machines[0].task.Key)
	require.NoError(t, err)
	return c, keys
}

// TestTwoServers: whoever begins on one server finishes on the other, over both protocols, with flows in cookies and in Redis; what was used on
// one is refused on both.
func TestTwoServers(t *testing.T) {
	for name, o := range map[string]options{
		"PostgreSQL":           {database: testservers.Postgres(t).Database(t)},
		"PostgreSQL and Redis": {database: testservers.Postgres(t).Database(t), redis: testservers.Redis(t).Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			c, keys := start(t, o)
			for i, address := range []string{entratest.Ann, entratest.Bob, entratest.Ann, entratest.Bob} {
				one, other := c.machines[i%2].task, c.machines[(i+1)%2].task
				v := c.newVisitor(newClient())
				location, err := v.begin(t.Context(), one.Listen, address)
				require.NoError(t, err)
				back, err := v.authenticate(t.Context(), location, address)
				require.NoError(t, err)
				s, err := v.finish(t.Context(), other.Listen, back, keys)
				require.NoError(t, err)
				require.Equal(t, []string{one.Name, other.Name}, []string{s.Began, s.Finished})
				for _, m := range c.machines {
					page, err := v.send(t.Context(), m.task.Listen, v.message(http.MethodGet, "/account", ""))
					require.NoError(t, err)
					require.Contains(t, page.body, fmt.Sprintf("You began to sign in on %s and finished on %s", one.Name, other.Name))
					_, err = v.finish(t.Context(), m.task.Listen, back, keys)
					require.ErrorIs(t, err, errAgain, "the same answer once more")
				}
			}
		})
	}
}

// TestSwitchedOff: a connection that is switched off takes nobody in any more, on any server, within the second that they may be behind; a person who is at the
// tenant's sign-in page by then does not come in either.
func TestSwitchedOff(t *testing.T) {
	c, keys := start(t, options{database: testservers.Postgres(t).Database(t)})
	v := c.newVisitor(newClient())
	var back []message
	for _, m := range c.machines {
		location, err := v.begin(t.Context(), m.task.Listen, entratest.Ann)
		require.NoError(t, err)
		answer, err := v.authenticate(t.Context(), location, entratest.Ann)
		require.NoError(t, err)
		back = append(back, answer)
	}
	connection, err := c.stores.connections.Connection(t.Context(), "contoso")
	require.NoError(t, err)
	connection = connection.Clone()
	connection.Enabled = false
	_, _, err = c.registry.Save(t.Context(), entra.Environment("administrator"), connection)
	require.NoError(t, err)
	for i, m := range c.machines {
		require.Eventually(t, func() bool {
			a, err := v.send(t.Context(), m.task.Listen, v.message(http.MethodPost, "/sso/discover", "address=ann%40contoso.com"))
			return err == nil && a.status == http.StatusForbidden && strings.Contains(a.body, "switched off")
		}, time.Minute, 20*time.Millisecond) // how long it takes is measured in sqlstore; here the machine may be busy
		_, err := v.finish(t.Context(), m.task.Listen, back[i], keys)
		require.ErrorContains(t, err, "switched off")
	}
}

func TestOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		_, err := startCluster(t.Context(), options{addr: addr}, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "loopback only", addr)
	}
}

// TestBalancer: requests go to the servers in turn; with one gone to the other, and with both gone there is a page that says so.
func TestBalancer(t *testing.T) {
	c, _ := start(t, options{database: testservers.Postgres(t).Database(t)})
	v := c.newVisitor(newClient())
	served := func() map[string]int {
		by := map[string]int{}
		for range 4 {
			a, err := v.send(t.Context(), "", v.message(http.MethodGet, "/", ""))
			require.NoError(t, err)
			for _, name := range []string{"server 1", "server 2", "the balancer"} {
				if strings.Contains(a.body, "This page comes from "+name+".") {
					by[name]++
				}
			}
			require.Equal(t, a.status == http.StatusServiceUnavailable, a.again())
		}
		return by
	}
	require.Equal(t, map[string]int{"server 1": 2, "server 2": 2}, served())
	require.NoError(t, c.machines[0].kill())
	require.Equal(t, map[string]int{"server 2": 4}, served())
	require.NoError(t, c.machines[1].kill())
	require.Equal(t, map[string]int{"the balancer": 4}, served())
	require.NoError(t, c.machines[0].start(t.Context()))
	require.Equal(t, map[string]int{"server 1": 4}, served())
}
