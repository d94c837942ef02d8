package storetest

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

func TestMemoryConnections(t *testing.T) {
	Connections(t, func(t *testing.T) entra.ConnectionRegistry { return memory.NewConnections() })
}

func TestMemoryFlows(t *testing.T) {
	Flows(t, func(t *testing.T) entra.FlowStore { return memory.NewFlows() })
}

func TestMemoryReplay(t *testing.T) {
	Replay(t, func(t *testing.T) entra.ReplayStore { return memory.NewReplay() })
}

func TestSuitesCatch(t *testing.T) {
	t.Run("connections", func(t *testing.T) {
		contract.Catches(t, connectionChecks, connectionFaults, func(f string) entra.ConnectionRegistry { return &sloppyConnections{sloppy: sloppy{fault: f}} })
	})
	t.Run("flows", func(t *testing.T) {
		contract.Catches(t, flowChecks, flowFaults, func(f string) entra.FlowStore { return &sloppyFlows{sloppy: sloppy{fault: f}} })
	})
	t.Run("replay", func(t *testing.T) {
		contract.Catches(t, replayChecks, replayFaults, func(f string) entra.ReplayStore { return &sloppyReplay{sloppy: sloppy{fault: f}} })
	})
}
