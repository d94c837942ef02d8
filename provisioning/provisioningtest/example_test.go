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
