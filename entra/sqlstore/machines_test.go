package sqlstore_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/storetest"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/provisioningtest"
)

// TestMachines runs the contracts on two Stores of one environment, each with connections of its own: nothing is decided in a process's memory.
func TestMachines(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			dsn := e.empty(t)
			one, other := e.open(t, dsn), e.open(t, dsn)
			var n atomic.Int64
			pair := func(t *testing.T) (a, b *sqlstore.Store) {
				c := sqlstore.Config{Environment: fmt.Sprint("environment ", n.Add(1)), UniqueEmails: true}
				return e.store(t, one, c), e.store(t, other, c)
			}
			stores := func(s *sqlstore.Store) storetest.Stores {
				return storetest.Stores{Connections: s.Connections(), Flows: s.Flows(), Replay: s.Replay()}
			}
			t.Run("stores", func(t *testing.T) {
				storetest.Machines(t, func(t *testing.T) (storetest.Stores, storetest.Stores) {
					a, b := pair(t)
					return stores(a), stores(b)
				})
			})
			t.Run("users", func(t *testing.T) {
				provisioningtest.Machines(t, func(t *testing.T) (provisioning.UserStore, provisioning.UserStore) {
					a, b := pair(t)
					return a.Users(), b.Users()
				})
			})
		})
	}
}
