package provisioningtest

import (
	"maps"
	"slices"
	"testing"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

func TestMemory(t *testing.T) {
	Users(t, func(t *testing.T) provisioning.UserStore { return memory.NewUsers() })
}

func TestMemoryUniqueEmails(t *testing.T) {
	Users(t, func(t *testing.T) provisioning.UserStore { return &memory.Users{UniqueEmails: true} })
}

func TestMemoryEnvironments(t *testing.T) {
	Environments(t, func(*testing.T) (one, other provisioning.UserStore) { return memory.NewUsers(), memory.NewUsers() })
}

// TestSuiteCatches runs the suite against a store that is broken in one way at a time.
func TestSuiteCatches(t *testing.T) {
	all := maps.Clone(faults)
	for fault, caughtBy := range moreFaults {
		all[fault] = append(slices.Clone(all[fault]), caughtBy...)
	}
	contract.Catches(t, checks, all, func(fault string) provisioning.UserStore { return newSloppy(fault) })
}
