package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

// Connections runs the contract of entra.ConnectionRegistry against stores that open returns, each one empty.
// A store that caches is opened here without its cache, or with one that its own writes renew.
func Connections(t *testing.T, open func(t *testing.T) entra.ConnectionRegistry) {
	t.Helper()
	contract.Run(t, connectionChecks, open)
}

// Flows runs the contract of entra.FlowStore against stores that open returns, each one empty.
func Flows(t *testing.T, open func(t *testing.T) entra.FlowStore) {
	t.Helper()
	contract.Run(t, flowChecks, open)
}

// Replay runs the contract of entra.ReplayStore against stores that open returns, each one empty.
func Replay(t *testing.T, open func(t *testing.T) entra.ReplayStore) {
	t.Helper()
	contract.Run(t, replayChecks, open)
}

// anHour from now, and ago; in zones far apart, because a store that loses the zone is off by half a day.
func future() time.Time { return time.Now().Add(time.Hour).In(time.FixedZone("west", -12*3600)) }
func past() time.Time   { return time.Now().Add(-time.Hour).In(time.FixedZone("east", 14*3600)) }

// hex returns an id as replay stores get them: 64 hex digits.
func hex(digit string) string { return strings.Repeat(digit, 64) }
