package redisstore_test

import (
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/redisstore"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// couple is a primary with one replica.
type couple struct {
	t                *testing.T
	server           *testservers.Server // the primary's
	primary, replica *redis.Client
}

func newCouple(t *testing.T) *couple {
	client := func(server *testservers.Server) *redis.Client {
		c := single(t, server).(*redis.Client)
		o := *c.Options()
		o.DB = 0 // the same of both
		o.ReadTimeout = time.Minute
		return closing(t, redis.NewClient(&o)).(*redis.Client)
	}
	server := testservers.NewRedis(t)
	c := &couple{t, server, client(server), client(testservers.NewRedis(t))}
	require.NoError(t, c.primary.ConfigSet(t.Context(), "repl-diskless-sync-delay", "0").Err()) // no other replica comes
	host, port, err := net.SplitHostPort(c.primary.Options().Addr)
	require.NoError(t, err)
	require.NoError(t, c.replica.ReplicaOf(t.Context(), host, port).Err())
	require.Eventually(t, func() bool { return c.primary.Wait(t.Context(), 1, time.Millisecond).Val() == 1 }, time.Minute, 5*time.Millisecond)
	return c
}

// part cuts the two off from each other: the primary goes on and acknowledges what the replica never hears of.
func (c *couple) part() {
	address, err := testservers.FreeAddress()
	require.NoError(c.t, err)
	host, port, err := net.SplitHostPort(address)
	require.NoError(c.t, err)
	require.NoError(c.t, c.replica.ReplicaOf(c.t.Context(), host, port).Err()) // where nobody is
	require.Eventually(c.t, func() bool { return c.primary.Wait(c.t.Context(), 1, time.Millisecond).Val() == 0 }, time.Minute, 5*time.Millisecond)
}

// promote makes the replica the primary.
func (c *couple) promote() {
	require.NoError(c.t, c.replica.ReplicaOf(c.t.Context(), "NO", "ONE").Err())
}

func (c *couple) stores() (before, after *redisstore.Store) {
	return newStore(c.t, c.primary, ""), newStore(c.t, c.replica, "")
}

// patient waits longer than any replica takes that is there, and impatient not long for one that is not.
const (
	patient   = 30 * time.Second
	impatient = 10 * time.Millisecond
)

func strictly(t *testing.T, s *redisstore.Store, within time.Duration) *redisstore.Store {
	with, err := s.WithReplicas(1, within)
	require.NoError(t, err)
	return with
}

// TestFailover: what the replica heard of holds when it takes the primary's place. What only the primary knew is gone: a flow, and that something
// was used.
func TestFailover(t *testing.T) {
	c := newCouple(t)
	before, after := c.stores()
	soon := time.Now().Add(time.Hour)
	for _, id := range []string{"heard of", "taken unheard of"} {
		require.NoError(t, before.Put(t.Context(), id, []byte("sealed"), soon))
	}
	_, err := before.Take(t.Context(), "heard of")
	require.NoError(t, err)
	requireFirst(t, before, "heard of", true)
	require.Eventually(t, func() bool { return c.replica.Exists(t.Context(), "tenantdoor::once:heard of").Val() == 1 }, time.Minute, 5*time.Millisecond)

	c.part()
	require.NoError(t, before.Put(t.Context(), "put unheard of", []byte("sealed"), soon))
	_, err = before.Take(t.Context(), "taken unheard of")
	require.NoError(t, err)
	requireFirst(t, before, "unheard of", true)
	c.server.Kill(t)
	c.promote()

	_, err = after.Take(t.Context(), "heard of")
	require.ErrorIs(t, err, entra.ErrNotFound)
	requireFirst(t, after, "heard of", false)
	_, err = after.Take(t.Context(), "put unheard of")
	require.ErrorIs(t, err, entra.ErrNotFound, "the person signs in again")
	_, err = after.Take(t.Context(), "taken unheard of")
	require.NoError(t, err, "taken once more, and not more often")
	_, err = after.Take(t.Context(), "taken unheard of")
	require.ErrorIs(t, err, entra.ErrNotFound)
	requireFirst(t, after, "unheard of", true)
	requireFirst(t, after, "unheard of", false)
}

func requireFirst(t *testing.T, s *redisstore.Store, id string, want bool) {
	t.Helper()
	first, err := s.Remember(t.Context(), id, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, want, first)
}

// TestWithReplicas: what was let through holds after a failover, and what the replica has not heard of is not let through, neither by a primary that
// dies nor by one that does not know that it was replaced.
func TestWithReplicas(t *testing.T) {
	c := newCouple(t)
	before, after := c.stores()
	soon := time.Now().Add(time.Hour)
	require.NoError(t, strictly(t, before, patient).Check(t.Context()))
	for _, id := range []string{"heard of", "unheard of"} {
		require.NoError(t, strictly(t, before, patient).Put(t.Context(), id, []byte("sealed"), soon))
	}
	sealed, err := strictly(t, before, patient).Take(t.Context(), "heard of")
	require.NoError(t, err)
	require.Equal(t, "sealed", string(sealed))
	requireFirst(t, strictly(t, before, patient), "heard of", true)
	requireFirst(t, strictly(t, before, patient), "heard of", false)

	c.part()
	c.promote()
	lonely := strictly(t, before, impatient)
	require.ErrorContains(t, lonely.Check(t.Context()), "0 replicas of the 1 that are waited for")
	sealed, err = lonely.Take(t.Context(), "unheard of")
	require.ErrorContains(t, err, "0 of 1 replicas")
	require.NotErrorIs(t, err, entra.ErrNotFound)
	require.Empty(t, sealed)
	_, err = lonely.Take(t.Context(), "unheard of")
	require.ErrorIs(t, err, entra.ErrNotFound, "it is used up")
	first, err := lonely.Remember(t.Context(), "unheard of", soon)
	require.ErrorContains(t, err, "0 of 1 replicas")
	require.False(t, first)
	requireFirst(t, lonely, "unheard of", false)
	requireFirst(t, before, "by default", true) // and after says so too, below
	require.NoError(t, lonely.Put(t.Context(), "put", []byte("sealed"), soon), "nobody waits for what nothing is let through by")

	_, err = after.Take(t.Context(), "heard of")
	require.ErrorIs(t, err, entra.ErrNotFound)
	requireFirst(t, after, "heard of", false)
	_, err = after.Take(t.Context(), "unheard of")
	require.NoError(t, err, "nobody was let through by it yet")
	requireFirst(t, after, "unheard of", true)
	requireFirst(t, after, "by default", true)
}

// TestMinReplicas: a server that is told to (min-replicas-to-write) refuses by itself while it has no replica.
func TestMinReplicas(t *testing.T) {
	c := newCouple(t)
	before, _ := c.stores()
	soon := time.Now().Add(time.Hour)
	require.NoError(t, c.primary.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	require.NoError(t, before.Put(t.Context(), "id", []byte("sealed"), soon))
	c.part()
	require.ErrorContains(t, before.Put(t.Context(), "id", []byte("sealed"), soon), "NOREPLICAS")
	_, err := before.Take(t.Context(), "id")
	require.ErrorContains(t, err, "NOREPLICAS")
	first, err := before.Remember(t.Context(), "id", soon)
	require.ErrorContains(t, err, "NOREPLICAS")
	require.False(t, first)
}

func TestWithReplicasRefuses(t *testing.T) {
	client := closing(t, redis.NewClient(&redis.Options{}))
	for _, c := range []struct {
		replicas int
		within   time.Duration
	}{{0, time.Second}, {-1, time.Second}, {1, 0}, {1, time.Microsecond}} {
		_, err := newStore(t, client, "").WithReplicas(c.replicas, c.within)
		require.ErrorContains(t, err, "at least one replica and a millisecond")
	}
	ring := closing(t, redis.NewRing(&redis.RingOptions{}))
	_, err := newStore(t, ring, "").WithReplicas(1, time.Second)
	require.ErrorContains(t, err, "*redis.Ring")
}
