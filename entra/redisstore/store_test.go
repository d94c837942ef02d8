package redisstore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/redisstore"
	"github.com/tenantdoor/tenantdoor/entra/storetest"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// servers are the ways in which Redis is run.
var servers = []struct {
	name string
	open func(t *testing.T) redis.UniversalClient
}{
	{"single", func(t *testing.T) redis.UniversalClient { return single(t, testservers.Redis(t)) }},
	{"cluster", func(t *testing.T) redis.UniversalClient {
		options, err := redis.ParseURL(testservers.RedisCluster(t).Database(t))
		require.NoError(t, err)
		return closing(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{options.Addr}, ContextTimeoutEnabled: true}))
	}},
}

func single(t *testing.T, server *testservers.Server) redis.UniversalClient {
	options, err := redis.ParseURL(server.Database(t))
	require.NoError(t, err)
	options.ContextTimeoutEnabled, options.MaxRetries, options.DialerRetries = true, -1, 1 // a server that is down is down at once
	return closing(t, redis.NewClient(options))
}

// twin is another machine's client of the same database.
func twin(t *testing.T, client redis.UniversalClient) redis.UniversalClient {
	if cluster, ok := client.(*redis.ClusterClient); ok {
		return closing(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Options().Addrs, ContextTimeoutEnabled: true}))
	}
	o := client.(*redis.Client).Options()
	return closing(t, redis.NewClient(&redis.Options{Addr: o.Addr, DB: o.DB, ContextTimeoutEnabled: true}))
}

func closing(t *testing.T, client redis.UniversalClient) redis.UniversalClient {
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func newStore(t *testing.T, client redis.UniversalClient, environment string) *redisstore.Store {
	store, err := redisstore.New(client, environment)
	require.NoError(t, err)
	return store
}

// TestContract runs the suites on a single server and on a cluster.
func TestContract(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			t.Run("flows", func(t *testing.T) {
				storetest.Flows(t, func(t *testing.T) entra.FlowStore { return newStore(t, server.open(t), "") })
			})
			t.Run("replay", func(t *testing.T) {
				storetest.Replay(t, func(t *testing.T) entra.ReplayStore { return newStore(t, server.open(t), "test") })
			})
			t.Run("machines", func(t *testing.T) {
				storetest.Machines(t, func(t *testing.T) (one, other storetest.Stores) {
					client := server.open(t)
					a, b := newStore(t, client, ""), newStore(t, twin(t, client), "")
					return storetest.Stores{Flows: a, Replay: a}, storetest.Stores{Flows: b, Replay: b}
				})
			})
			t.Run("environments", func(t *testing.T) {
				storetest.Environments(t, func(t *testing.T) (one, other storetest.Stores) {
					client := server.open(t)
					a, b := newStore(t, client, "a"), newStore(t, client, "b")
					return storetest.Stores{Flows: a, Replay: a}, storetest.Stores{Flows: b, Replay: b}
				})
			})
		})
	}
}

// trips counts how often the client goes to the server with a key of ours, or for replicas, and not to greet it.
type trips struct{ n atomic.Int64 }

func (h *trips) count(cmds ...redis.Cmder) {
	if text := fmt.Sprint(cmds); strings.Contains(text, "tenantdoor:") || strings.Contains(text, "WAIT") {
		h.n.Add(1)
	}
}

func (h *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.count(cmd)
		return next(ctx, cmd)
	}
}

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.count(cmds...)
		return next(ctx, cmds)
	}
}

// TestOneRoundTrip: each operation goes to the server once, whatever its answer, and whether replicas are waited for or not.
func TestOneRoundTrip(t *testing.T) {
	c := newCouple(t)
	hook := &trips{}
	c.primary.AddHook(hook)
	byDefault, soon := newStore(t, c.primary, ""), time.Now().Add(time.Hour)
	for _, store := range []*redisstore.Store{byDefault, strictly(t, byDefault, patient)} {
		id := rand.Text()
		for _, operation := range []func() error{
			func() error { return store.Put(t.Context(), id, []byte("sealed"), soon) },
			func() error { _, err := store.Take(t.Context(), id); return err },
			func() error { _, err := store.Take(t.Context(), id); return ignore(err, entra.ErrNotFound) },
			func() error { _, err := store.Remember(t.Context(), id, soon); return err },
			func() error { _, err := store.Remember(t.Context(), id, soon); return err },
		} {
			before := hook.n.Load()
			require.NoError(t, operation())
			require.Equal(t, int64(1), hook.n.Load()-before)
		}
	}
}

func ignore(err, expected error) error {
	if err == expected { //nolint:errorlint // the store's own, unwrapped
		return nil
	}
	return fmt.Errorf("got %w", err)
}

// TestKeys: every key has its environment, and an end of its own, no earlier than was asked for.
func TestKeys(t *testing.T) {
	client := single(t, testservers.Redis(t))
	store := newStore(t, client, "production")
	until := time.Now().Add(time.Hour).Truncate(time.Millisecond).Add(1) // a nanosecond more than Redis can count
	require.NoError(t, store.Put(t.Context(), "id", []byte("sealed"), until))
	_, err := store.Remember(t.Context(), "id", until)
	require.NoError(t, err)
	keys, err := client.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"tenantdoor:production:flow:id", "tenantdoor:production:once:id"}, keys)
	ends := func(key string) time.Time {
		ms, err := client.PExpireTime(t.Context(), key).Result()
		require.NoError(t, err)
		return time.UnixMilli(ms.Milliseconds())
	}
	require.WithinDuration(t, until, ends("tenantdoor:production:flow:id"), time.Second)
	require.False(t, ends("tenantdoor:production:once:id").Before(until))

	later := until.Add(time.Hour)
	for _, again := range []time.Time{later, until} { // the later of the times counts
		first, err := store.Remember(t.Context(), "id", again)
		require.NoError(t, err)
		require.False(t, first)
		require.False(t, ends("tenantdoor:production:once:id").Before(later))
	}
}

// TestServerDies: what was acknowledged before a crash holds after it; without a server every answer is an error that decides nothing.
func TestServerDies(t *testing.T) {
	server := testservers.NewRedis(t)
	store, soon := newStore(t, single(t, server), ""), time.Now().Add(time.Hour)
	require.NoError(t, store.Put(t.Context(), "kept", []byte("sealed"), soon))
	require.NoError(t, store.Put(t.Context(), "taken", []byte("sealed"), soon))
	_, err := store.Take(t.Context(), "taken")
	require.NoError(t, err)
	first, err := store.Remember(t.Context(), "id", soon)
	require.NoError(t, err)
	require.True(t, first)

	server.Kill(t)
	_, err = store.Take(t.Context(), "kept")
	require.Error(t, err)
	require.NotErrorIs(t, err, entra.ErrNotFound)
	first, err = store.Remember(t.Context(), "another", soon)
	require.Error(t, err)
	require.False(t, first)
	require.Error(t, store.Put(t.Context(), "id", []byte("sealed"), soon))
	require.Error(t, store.Check(t.Context()))

	server.Start(t)
	sealed, err := store.Take(t.Context(), "kept")
	require.NoError(t, err)
	require.Equal(t, "sealed", string(sealed))
	_, err = store.Take(t.Context(), "taken")
	require.ErrorIs(t, err, entra.ErrNotFound)
	first, err = store.Remember(t.Context(), "id", soon)
	require.NoError(t, err)
	require.False(t, first)
}

// TestFull: a server whose memory is full refuses to remember, and that is an error, so the sign-in is refused.
func TestFull(t *testing.T) {
	client := single(t, testservers.NewRedis(t))
	store, soon := newStore(t, client, ""), time.Now().Add(time.Hour)
	require.NoError(t, store.Check(t.Context()))
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	_, err := store.Remember(t.Context(), "id", soon)
	require.ErrorContains(t, err, "OOM")
	require.ErrorContains(t, store.Put(t.Context(), "id", []byte("sealed"), soon), "OOM")

	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	require.ErrorContains(t, store.Check(t.Context()), "maxmemory-policy is allkeys-lru")
	require.NoError(t, newStore(t, servers[1].open(t), "").Check(t.Context()), "a cluster's primaries are asked too")
}

// TestOldServer: a server without the commands is found out before the first sign-in.
func TestOldServer(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 4096)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					answer := "-ERR unknown command\r\n"
					if strings.Contains(strings.ToLower(string(buffer[:n])), "info") {
						text := "redis_version:6.2.14\r\nmaxmemory_policy:volatile-ttl\r\n"
						answer = fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
					}
					_, _ = conn.Write([]byte(strings.Repeat(answer, max(1, strings.Count(string(buffer[:n]), "*")))))
				}
			}()
		}
	}()
	client := closing(t, redis.NewClient(&redis.Options{Addr: listener.Addr().String(), Protocol: 2, DisableIdentity: true}))
	err = newStore(t, client, "").Check(t.Context())
	require.ErrorContains(t, err, "the server is Redis 6.2.14")
	require.ErrorContains(t, err, "maxmemory-policy is volatile-ttl")
}

func TestNew(t *testing.T) {
	client := closing(t, redis.NewClient(&redis.Options{}))
	for _, environment := range []string{"a:b", "{a}", "a\n"} {
		_, err := redisstore.New(client, environment)
		require.ErrorContains(t, err, "environment")
	}
	_, err := redisstore.New(nil, "")
	require.ErrorContains(t, err, "no client")
}
