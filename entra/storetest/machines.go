package storetest

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

// Machines runs the contracts on two machines: open returns two sets of stores over the same data, which is empty, each with a connection to the
// database of its own, and every call goes to the other one than the call before. What a store decides in its own memory, under a lock or
// from a cache, is found out. What is nil is not checked. A host that runs on one machine does not need it.
func Machines(t *testing.T, open func(t *testing.T) (one, other Stores)) {
	t.Helper()
	t.Run("connections", func(t *testing.T) {
		contract.Run(t, connectionChecks, func(t *testing.T) entra.ConnectionRegistry {
			one, other := open(t)
			skipWithout(t, one.Connections != nil, "entra.ConnectionRegistry")
			return connectionsInTurn{contract.InTurn(one.Connections, other.Connections)}
		})
	})
	t.Run("flows", func(t *testing.T) {
		contract.Run(t, flowChecks, func(t *testing.T) entra.FlowStore {
			one, other := open(t)
			skipWithout(t, one.Flows != nil, "entra.FlowStore")
			return flowsInTurn{contract.InTurn(one.Flows, other.Flows)}
		})
	})
	t.Run("replay", func(t *testing.T) {
		contract.Run(t, replayChecks, func(t *testing.T) entra.ReplayStore {
			one, other := open(t)
			skipWithout(t, one.Replay != nil, "entra.ReplayStore")
			return replayInTurn{contract.InTurn(one.Replay, other.Replay)}
		})
	})
}

func skipWithout(t *testing.T, has bool, name string) {
	t.Helper()
	if !has {
		t.Skipf("there is no %s", name)
	}
}

type connectionsInTurn struct {
	next func() entra.ConnectionRegistry
}

func (s connectionsInTurn) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	return s.next().Connection(ctx, id)
}

func (s connectionsInTurn) HomeRealm(ctx context.Context, domain string) (string, bool, error) {
	return s.next().HomeRealm(ctx, domain)
}

func (s connectionsInTurn) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	return s.next().Connections(ctx, f)
}

func (s connectionsInTurn) Put(ctx context.Context, c *entra.Connection) (string, error) {
	return s.next().Put(ctx, c)
}

func (s connectionsInTurn) Delete(ctx context.Context, id, version string) error {
	return s.next().Delete(ctx, id, version)
}

type flowsInTurn struct{ next func() entra.FlowStore }

func (s flowsInTurn) Put(ctx context.Context, id string, sealed []byte, expires time.Time) error {
	return s.next().Put(ctx, id, sealed, expires)
}

func (s flowsInTurn) Take(ctx context.Context, id string) ([]byte, error) {
	return s.next().Take(ctx, id)
}

type replayInTurn struct{ next func() entra.ReplayStore }

func (s replayInTurn) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	return s.next().Remember(ctx, id, until)
}
