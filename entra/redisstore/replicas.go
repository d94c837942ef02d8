package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// strict is what WithReplicas asks for.
type strict struct {
	replicas int
	within   time.Duration
}

// WithReplicas returns a Store that lets nobody use anything before so many replicas of the server, of the key's primary in a cluster, hold that it was
// used: Take and Remember wait for them (WAIT), in the same round trip. Where they have not answered within the time, at least a millisecond and less than the client's
// ReadTimeout, the call is an error; what was to be used is used up, and the person signs in again. Put does not wait.
//
// With all replicas, whichever takes the primary's place knows what the primary knew; and a primary that others have replaced without its
// knowledge accepts nothing. With fewer, one that lacks something may take its place. The price is that sign-ins are refused while too few replicas are
// there: a server without any refuses all.
//
// The client is a *redis.Client, for one server or through Sentinel, or a *redis.ClusterClient; any other is an error, for it may ask the wrong server.
func (s *Store) WithReplicas(replicas int, within time.Duration) (*Store, error) {
	switch s.client.(type) {
	case *redis.Client, *redis.ClusterClient:
	default:
		return nil, fmt.Errorf("redisstore: WithReplicas does not know where a %T sends WAIT", s.client)
	}
	if replicas < 1 || within < time.Millisecond { // WAIT 0 waits for nobody, and for 0 ms without end
		return nil, errors.New("redisstore: WithReplicas needs at least one replica and a millisecond")
	}
	with := *s
	with.strict = strict{replicas, within}
	return &with, nil
}

// send sends commands that use up what lies under a key, and at their end, if that was asked for, WAIT.
func (s *Store) send(ctx context.Context, key string, commands func(redis.Pipeliner)) (*receipt, error) {
	if err := ctx.Err(); err != nil { // the client would look only where it waits
		return nil, err
	}
	var client redis.Cmdable = s.client
	cluster, clustered := s.client.(*redis.ClusterClient)
	if clustered && s.strict.replicas > 0 {
		primary, err := cluster.MasterForKey(ctx, key) // WAIT has no key: the cluster's client would send it anywhere
		if err != nil {
			return nil, err
		}
		client = primary
	}
	r := &receipt{strict: s.strict}
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		commands(p)
		if s.strict.replicas > 0 {
			r.wait = p.Do(ctx, "WAIT", s.strict.replicas, s.strict.within.Milliseconds())
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		if clustered {
			cluster.ReloadState(ctx) // it may be another primary's by now, which only the cluster's client would follow
		}
		return nil, err
	}
	return r, nil
}

// receipt is what WAIT answered.
type receipt struct {
	strict
	wait *redis.Cmd // nil: nobody is waited for
}

// held is an error unless enough replicas hold what was written.
func (r *receipt) held() error {
	if r.wait == nil {
		return nil
	}
	if n, err := r.wait.Int(); err != nil || n < r.replicas {
		return errors.Join(fmt.Errorf("%d of %d replicas have it after %s", n, r.replicas, r.within), err)
	}
	return nil
}
