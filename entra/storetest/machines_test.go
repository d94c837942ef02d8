package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

func TestMemoryMachines(t *testing.T) {
	Machines(t, func(*testing.T) (one, other Stores) {
		s := memoryStores()
		return s, s
	})
}

// machines that look and write under a lock of their own, before a database that keeps no rule.

type lockedFlows struct {
	mu sync.Mutex
	*sloppyFlows
}

func (s *lockedFlows) Take(ctx context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sloppyFlows.Take(ctx, id)
}

type lockedReplay struct {
	mu sync.Mutex
	*sloppyReplay
}

func (s *lockedReplay) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sloppyReplay.Remember(ctx, id, until)
}

type lockedConnections struct {
	mu sync.Mutex
	*sloppyConnections
}

func (s *lockedConnections) Put(ctx context.Context, c *entra.Connection) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sloppyConnections.Put(ctx, c)
}

// TestMachinesCatch: what is right on one machine and wrong on two is caught.
func TestMachinesCatch(t *testing.T) {
	const fault = "looks, then writes"
	t.Run("a memory each", func(t *testing.T) {
		contract.Caught(t, flowChecks, func() entra.FlowStore {
			return flowsInTurn{contract.InTurn[entra.FlowStore](memory.NewFlows(), memory.NewFlows())}
		}, "taken once")
		contract.Caught(t, replayChecks, func() entra.ReplayStore {
			return replayInTurn{contract.InTurn[entra.ReplayStore](memory.NewReplay(), memory.NewReplay())}
		}, "remembered once", "race to be first")
		contract.Caught(t, connectionChecks, func() entra.ConnectionRegistry {
			return connectionsInTurn{contract.InTurn[entra.ConnectionRegistry](memory.NewConnections(), memory.NewConnections())}
		}, "round trip", "versions")
	})
	t.Run("a lock each", func(t *testing.T) {
		contract.Caught(t, flowChecks, func() entra.FlowStore {
			s := &sloppyFlows{sloppy: sloppy{fault: fault}}
			return flowsInTurn{contract.InTurn[entra.FlowStore](&lockedFlows{sloppyFlows: s}, &lockedFlows{sloppyFlows: s})}
		}, "race to take")
		contract.Caught(t, replayChecks, func() entra.ReplayStore {
			s := &sloppyReplay{sloppy: sloppy{fault: fault}}
			return replayInTurn{contract.InTurn[entra.ReplayStore](&lockedReplay{sloppyReplay: s}, &lockedReplay{sloppyReplay: s})}
		}, "race to be first")
		contract.Caught(t, connectionChecks, func() entra.ConnectionRegistry {
			s := &sloppyConnections{sloppy: sloppy{fault: fault}}
			return connectionsInTurn{contract.InTurn[entra.ConnectionRegistry](&lockedConnections{sloppyConnections: s}, &lockedConnections{sloppyConnections: s})}
		}, "race to create")
	})
}
