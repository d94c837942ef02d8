package storetest

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/entra"
)

// Connections runs the contract of entra.ConnectionStore and entra.ConnectionAdmin against stores that open returns, each one empty.
func Connections(t *testing.T, open func(t *testing.T) interface {
	entra.ConnectionStore
	entra.ConnectionAdmin
}) {
	panic("sketch")
}

// Flows runs the contract of entra.FlowStore.
func Flows(t *testing.T, open func(t *testing.T) entra.FlowStore) { panic("sketch") }

// Replay runs the contract of entra.ReplayStore.
func Replay(t *testing.T, open func(t *testing.T) entra.ReplayStore) { panic("sketch") }
