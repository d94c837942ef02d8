package provisioningtest_test

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/provisioningtest"
)

// In a host's own tests, with its own store in place of memory's, empty each time.
func ExampleUsers() {
	_ = func(t *testing.T) { // func TestUsers(t *testing.T) {
		provisioningtest.Users(t, func(t *testing.T) provisioning.UserStore { return memory.NewUsers() })
	}
	// Output:
}

// The stores of two environments over one database: two prefixes, two schemas, or a column that tells them apart.
func ExampleEnvironments() {
	_ = func(t *testing.T) { // func TestEnvironments(t *testing.T) {
		provisioningtest.Environments(t, func(t *testing.T) (one, other provisioning.UserStore) { return memory.NewUsers(), memory.NewUsers() })
	}
	// Output:
}

// The stores of two machines over one database: two handles, as two processes have them.
func ExampleMachines() {
	shared := memory.NewUsers()
	_ = func(t *testing.T) { // func TestMachines(t *testing.T) {
		provisioningtest.Machines(t, func(t *testing.T) (one, other provisioning.UserStore) { return shared, shared })
	}
	// Output:
}
