package redisstore_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// node is a server of a cluster.
type node struct {
	t      *testing.T
	server *testservers.Server
	*redis.Client
}

func newNode(t *testing.T) node {
	server := testservers.NewRedisCluster(t)
	n := node{t, server, single(t, server).(*redis.Client)}
	n.do("CONFIG SET repl-diskless-sync-delay 0 cluster-node-timeout 1000")
	return n
}

func (n node) do(command string) string {
	n.t.Helper()
	var args []any
	for word := range strings.FieldsSeq(command) {
		args = append(args, word)
	}
	text, err := n.Do(n.t.Context(), args...).Text()
	require.NoError(n.t, err, command)
	return text
}

// meet makes n one of the same cluster as other, when it knows it.
func (n node) meet(other node) {
	bus := regexp.MustCompile(`@(\d+)\S* myself`).FindStringSubmatch(other.do("CLUSTER NODES"))
	host, port, err := net.SplitHostPort(other.Options().Addr)
	require.NoError(n.t, err)
	n.do(fmt.Sprint("CLUSTER MEET ", host, " ", port, " ", bus[1]))
	eventually(n.t, func() bool { return strings.Contains(n.do("CLUSTER NODES"), other.do("CLUSTER MYID")) })
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	require.Eventually(t, done, time.Minute, 10*time.Millisecond)
}

// TestWithReplicasOfACluster: WAIT goes where the key lies. One primary has a replica, and what lies there is let through; the other has none. When the replica
// has taken its primary's place, the store finds it, and it knows what was let through.
func TestWithReplicasOfACluster(t *testing.T) {
	attended, lonely, replica := newNode(t), newNode(t), newNode(t)
	attended.do("CLUSTER DELSLOTSRANGE 8192 16383")
	for _, n := range []node{lonely, replica} {
		n.do("CLUSTER FLUSHSLOTS")
		n.meet(attended)
	}
	lonely.do("CLUSTER ADDSLOTSRANGE 8192 16383")
	replica.do("CLUSTER REPLICATE " + attended.do("CLUSTER MYID"))
	for _, n := range []node{attended, lonely, replica} {
		eventually(t, func() bool { return strings.Contains(n.do("CLUSTER INFO"), "cluster_state:ok") })
	}
	eventually(t, func() bool { return attended.Wait(t.Context(), 1, time.Millisecond).Val() == 1 })

	client := closing(t, redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{attended.Options().Addr, lonely.Options().Addr}, ReadTimeout: time.Minute, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
	}))
	store := newStore(t, client, "")
	require.ErrorContains(t, strictly(t, store, impatient).Check(t.Context()), "0 replicas of the 1 that are waited for")
	var held []string
	for i := range 40 {
		id := fmt.Sprint("id ", i)
		slot, err := attended.ClusterKeySlot(t.Context(), "tenantdoor::once:"+id).Result()
		require.NoError(t, err)
		if slot < 8192 {
			requireFirst(t, strictly(t, store, patient), id, true)
			requireFirst(t, strictly(t, store, patient), id, false)
			held = append(held, id)
			continue
		}
		first, err := strictly(t, store, impatient).Remember(t.Context(), id, time.Now().Add(time.Hour))
		require.ErrorContains(t, err, "0 of 1 replicas")
		require.False(t, first)
		requireFirst(t, store, id, false)
	}
	require.NotEmpty(t, held)
	require.Less(t, len(held), 40)

	attended.server.Kill(t)
	replica.do("CLUSTER FAILOVER TAKEOVER")
	for _, id := range held {
		eventually(t, func() bool {
			first, err := strictly(t, store, impatient).Remember(t.Context(), id, time.Now().Add(time.Hour))
			require.False(t, first)
			return err == nil
		})
	}
}
