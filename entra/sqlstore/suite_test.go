package sqlstore_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/storetest"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/provisioningtest"
)

func randomKey() []byte {
	key := make([]byte, entra.KeySize)
	_, _ = rand.Read(key)
	return key
}

// rooms returns a function that gives an empty environment of one database each time: a database for each check would be slow.
func rooms(t *testing.T, e engine, db *sql.DB, c sqlstore.Config) func(t *testing.T) *sqlstore.Store {
	e.store(t, db, c)
	var n atomic.Int64
	return func(t *testing.T) *sqlstore.Store {
		c := c
		c.Environment = fmt.Sprint("environment ", n.Add(1))
		return e.store(t, db, c)
	}
}

func TestConnections(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		room := rooms(t, e, db, sqlstore.Config{})
		storetest.Connections(t, func(t *testing.T) entra.ConnectionRegistry { return room(t).Connections() })
	})
}

func TestFlows(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		room := rooms(t, e, db, sqlstore.Config{})
		storetest.Flows(t, func(t *testing.T) entra.FlowStore { return room(t).Flows() })
	})
}

func TestReplay(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		room := rooms(t, e, db, sqlstore.Config{})
		storetest.Replay(t, func(t *testing.T) entra.ReplayStore { return room(t).Replay() })
	})
}

func TestUsers(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		room := rooms(t, e, db, sqlstore.Config{})
		provisioningtest.Users(t, func(t *testing.T) provisioning.UserStore { return room(t).Users() })
	})
}

func TestUsersUniqueEmails(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		room := rooms(t, e, db, sqlstore.Config{UniqueEmails: true})
		provisioningtest.Users(t, func(t *testing.T) provisioning.UserStore { return room(t).Users() })
	})
}

func TestEnvironments(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		room := rooms(t, e, db, sqlstore.Config{UniqueEmails: true})
		stores := func(s *sqlstore.Store) storetest.Stores {
			return storetest.Stores{Connections: s.Connections(), Flows: s.Flows(), Replay: s.Replay()}
		}
		t.Run("stores", func(t *testing.T) {
			storetest.Environments(t, func(t *testing.T) (one, other storetest.Stores) { return stores(room(t)), stores(room(t)) })
		})
		t.Run("users", func(t *testing.T) {
			provisioningtest.Environments(t, func(t *testing.T) (one, other provisioning.UserStore) { return room(t).Users(), room(t).Users() })
		})
	})
}
