package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Store is an entra.FlowStore and an entra.ReplayStore. It holds nothing but the client, and is safe for concurrent use.
type Store struct {
	client redis.UniversalClient
	prefix string
	strict strict
}

var (
	_ entra.FlowStore   = (*Store)(nil)
	_ entra.ReplayStore = (*Store)(nil)
)

// New returns the store of one environment. The client is the caller's to close, and may be shared by any number of stores. The environment's name
// keeps its keys apart from those of others in the same Redis; it is "" for a host that has only one, and has no colon, brace or
// control character.
func New(client redis.UniversalClient, environment string) (*Store, error) {
	if client == nil {
		return nil, errors.New("redisstore: no client")
	}
	if strings.ContainsFunc(environment, func(r rune) bool { return r < ' ' || strings.ContainsRune(":{}", r) }) {
		return nil, fmt.Errorf("redisstore: environment %q has a colon, a brace or a control character", environment)
	}
	return &Store{client: client, prefix: "tenantdoor:" + environment + ":"}, nil
}

func (s *Store) flow(id string) string { return s.prefix + "flow:" + id }
func (s *Store) once(id string) string { return s.prefix + "once:" + id }

// Put implements entra.FlowStore.
func (s *Store) Put(ctx context.Context, id string, sealed []byte, expires time.Time) error {
	if err := ctx.Err(); err != nil { // the client would look only where it waits
		return err
	}
	err := s.client.SetArgs(ctx, s.flow(id), sealed, redis.SetArgs{ExpireAt: expires}).Err()
	return wrap("keeping a flow", err)
}

// Take implements entra.FlowStore.
func (s *Store) Take(ctx context.Context, id string) ([]byte, error) {
	var taken *redis.StringCmd
	sent, err := s.send(ctx, s.flow(id), func(p redis.Pipeliner) { taken = p.GetDel(ctx, s.flow(id)) })
	if err != nil {
		return nil, wrap("taking a flow", err)
	}
	sealed, err := taken.Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, entra.ErrNotFound
	}
	if err := errors.Join(err, sent.held()); err != nil {
		return nil, wrap("taking a flow", err)
	}
	return sealed, nil
}

// Remember implements entra.ReplayStore. Remembering an id again keeps it until the later of the two times.
func (s *Store) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	until = until.Add(time.Millisecond - 1) // Redis counts milliseconds, and must not forget early
	var set *redis.StatusCmd
	var kept *redis.Cmd
	sent, err := s.send(ctx, s.once(id), func(p redis.Pipeliner) {
		set = p.SetArgs(ctx, s.once(id), "1", redis.SetArgs{Mode: "NX", ExpireAt: until})
		kept = p.Do(ctx, "PEXPIREAT", s.once(id), until.UnixMilli(), "GT")
	})
	if err != nil {
		return false, wrap("remembering an id", err)
	}
	if errors.Is(set.Err(), redis.Nil) { // the key was there
		return false, wrap("remembering an id", kept.Err())
	}
	if err := errors.Join(set.Err(), kept.Err(), sent.held()); err != nil {
		return false, wrap("remembering an id", err)
	}
	return true, nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}
