package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Check asks the server, in a cluster every primary, whether it can be relied on: it must answer, have the commands that the store uses, and not evict
// keys when its memory is full; after WithReplicas it must have them. It reports everything that it finds. A managed service that hides the policy passes.
func (s *Store) Check(ctx context.Context) error {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return s.check(ctx, node)
		})
	}
	return s.check(ctx, s.client)
}

func (s *Store) check(ctx context.Context, client redis.Cmdable) error {
	text, err := client.Info(ctx).Result()
	if err != nil {
		return wrap("asking the server about itself", err)
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	var found []error
	// Valkey reports the version of Redis that it stands for.
	if major, err := strconv.Atoi(strings.SplitN(info["redis_version"], ".", 2)[0]); err == nil && major < 7 {
		found = append(found, fmt.Errorf("redisstore: the server is Redis %s; 7.0 has the commands that are needed", info["redis_version"]))
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		found = append(found, fmt.Errorf("redisstore: maxmemory-policy is %s: a full server would forget what may be used only once; set it to noeviction", policy))
	}
	if n, _ := strconv.Atoi(info["connected_slaves"]); n < s.strict.replicas {
		found = append(found, fmt.Errorf("redisstore: the server has %d replicas of the %d that are waited for: every sign-in would be refused", n, s.strict.replicas))
	}
	return errors.Join(found...)
}
