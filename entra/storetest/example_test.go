package storetest_test

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/entra/storetest"
)

// In a host's own tests, with its own store in place of memory's, empty each time.
func ExampleConnections() {
	_ = func(t *testing.T) { // func TestConnections(t *testing.T) {
		storetest.Connections(t, func(t *testing.T) entra.ConnectionRegistry { return memory.NewConnections() })
	}
	// Output:
}

func ExampleFlows() {
	_ = func(t *testing.T) { // func TestFlows(t *testing.T) {
		storetest.Flows(t, func(t *testing.T) entra.FlowStore { return memory.NewFlows() })
	}
	// Output:
}

func ExampleReplay() {
	_ = func(t *testing.T) { // func TestReplay(t *testing.T) {
		storetest.Replay(t, func(t *testing.T) entra.ReplayStore { return memory.NewReplay() })
	}
	// Output:
}

// The stores of two environments over one database: two prefixes, two schemas, or a column that tells them apart.
func ExampleEnvironments() {
	stores := func() storetest.Stores {
		return storetest.Stores{Connections: memory.NewConnections(), Flows: memory.NewFlows(), Replay: memory.NewReplay()}
	}
	_ = func(t *testing.T) { // func TestEnvironments(t *testing.T) {
		storetest.Environments(t, func(t *testing.T) (one, other storetest.Stores) { return stores(), stores() })
	}
	// Output:
}

// The stores of two machines over one database: two handles, as two processes have them.
func ExampleMachines() {
	shared := storetest.Stores{Connections: memory.NewConnections(), Flows: memory.NewFlows(), Replay: memory.NewReplay()}
	_ = func(t *testing.T) { // func TestMachines(t *testing.T) {
		storetest.Machines(t, func(t *testing.T) (one, other storetest.Stores) { return shared, shared })
	}
	// Output:
}
