package provisioningtest

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Users runs the contract of provisioning.UserStore against stores that open returns, each one empty.
func Users(t *testing.T, open func(t *testing.T) provisioning.UserStore) { panic("sketch") }
