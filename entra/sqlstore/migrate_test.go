package sqlstore_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// TestMigrateTogether: machines that start at once find the tables, whoever makes them.
func TestMigrateTogether(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			s, err := e.over(t.Context(), db, sqlstore.Config{})
			require.NoError(t, err)
			wg.Go(func() { errs[i] = s.Migrate(t.Context()) })
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		s := e.store(t, db, sqlstore.Config{})
		require.NoError(t, s.Check(t.Context()))
		var n int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM tenantdoor_schema_version").Scan(&n))
		steps, err := s.Migrations()
		require.NoError(t, err)
		require.Len(t, steps, n)
	})
}

// TestMigrateNewer: tables of a later version are left alone.
func TestMigrateNewer(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s, err := e.over(t.Context(), db, sqlstore.Config{})
		require.NoError(t, err)
		require.Error(t, s.Check(t.Context()), "there are no tables yet")
		require.NoError(t, s.Migrate(t.Context()))
		require.NoError(t, s.Check(t.Context()))
		_, err = db.ExecContext(t.Context(), "INSERT INTO tenantdoor_schema_version (version, applied) VALUES (99, 0)")
		require.NoError(t, err)
		require.ErrorIs(t, s.Migrate(t.Context()), sqlstore.ErrNewerSchema)
		require.ErrorIs(t, s.Check(t.Context()), sqlstore.ErrNewerSchema)
	})
}

// TestMigrateAgain: a migration that was cut short, as MySQL can leave one behind, is done again.
func TestMigrateAgain(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s := e.store(t, db, sqlstore.Config{})
		if e.driver != "mysql" {
			return // there a migration is whole or not there
		}
		for _, statement := range []string{"DELETE FROM tenantdoor_schema_version", "DROP TABLE tenantdoor_replay"} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		require.NoError(t, s.Migrate(t.Context()))
		first, err := s.Replay().Remember(t.Context(), strings.Repeat("a", 64), time.Now())
		require.NoError(t, err)
		require.True(t, first)
	})
}

// TestMigrateRealms: connections of before the table of realms are in it, as they would be if they were stored again.
func TestMigrateRealms(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s := e.store(t, db, sqlstore.Config{})
		add := func(id, strategy, realm, client string) {
			c := routing(id, id)
			c.Strategy, c.Realm, c.ClientID, c.ClientSecret = entra.Strategy(strategy), realm, client, secret("~secret")
			put(t, s, c)
		}
		long := "https://auth.example.com/" + strings.Repeat("é", 300)
		add("con_1", "wsfed:azure_ad", "", "client-1")
		add("con_2", "wsfed:azure_ad", "https://auth.example.com/2", "client-1")
		add("con_3", "oauth2:azure_ad", "", "client-1")
		add("con_4", "wsfed:azure_ad", long+"4", "")
		add("con_5", "wsfed:azure_ad", long+"5", "")
		add("con_6", "wsfed:azure_ad", "", "")
		var bare entra.Connection // null is none, and not a realm of that name
		require.NoError(t, json.Unmarshal([]byte(`{"id":"con_7","name":"con_7","strategy":"wsfed:azure_ad","options":{"client_id":"client-7","realm":null}}`), &bare))
		put(t, s, &bare)
		stored := func() (rows []string) {
			found, err := db.QueryContext(t.Context(), "SELECT realm, connection_id FROM tenantdoor_realms ORDER BY connection_id")
			require.NoError(t, err)
			defer func() { require.NoError(t, found.Close()) }()
			for found.Next() {
				var realm, id string
				require.NoError(t, found.Scan(&realm, &id))
				rows = append(rows, id+" "+realm)
			}
			require.NoError(t, found.Err())
			return rows
		}
		written := stored()
		for _, statement := range []string{"DROP TABLE tenantdoor_realms", "DELETE FROM tenantdoor_schema_version WHERE version = 2"} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		require.Error(t, s.Check(t.Context()))
		require.NoError(t, s.Migrate(t.Context()))
		require.Equal(t, written, stored())
		require.Len(t, written, 5)

		listed := func(realm string) (ids []string) {
			for c, err := range s.Cache().Connections(t.Context(), entra.Filter{Realm: realm}) {
				require.NoError(t, err)
				ids = append(ids, c.ID)
			}
			return ids
		}
		require.Equal(t, []string{"con_1"}, listed("spn:client-1"))
		require.Equal(t, []string{"con_5"}, listed(long+"5"), "realms that begin alike are told apart")
		c, err := s.Connections().Connection(t.Context(), "con_1")
		require.NoError(t, err)
		require.Equal(t, "~secret", c.ClientSecret.Reveal())
		require.NoError(t, s.Connections().Delete(t.Context(), "con_2", ""))
		require.Empty(t, listed("https://auth.example.com/2"))
	})
}

// TestMigrateByHand: what Migrations returns can be read, and run, by an administrator.
func TestMigrateByHand(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s, err := e.over(t.Context(), db, sqlstore.Config{Prefix: "sso_"})
		require.NoError(t, err)
		steps, err := s.Migrations()
		require.NoError(t, err)
		for _, step := range steps {
			require.NotContains(t, step.SQL, "{")
			require.Contains(t, step.SQL, "CREATE")
			if e.driver == "mysql" {
				require.Empty(t, reservedByMySQL(step.SQL), step.Name)
			}
			for statement := range strings.SplitSeq(step.SQL, ";\n") {
				if strings.TrimSpace(statement) != "" {
					_, err := db.ExecContext(t.Context(), statement)
					require.NoError(t, err, statement)
				}
			}
		}
		_, err = s.Users().Create(t.Context(), imported(1))
		require.NoError(t, err)
	})
}

// TestPrefixAndSchema: two installations in one database know nothing of each other.
func TestPrefixAndSchema(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		configs := []sqlstore.Config{{}, {Prefix: "sso_"}}
		switch e.driver {
		case "pgx":
			_, err := db.ExecContext(t.Context(), "CREATE SCHEMA auth")
			require.NoError(t, err)
			configs = append(configs, sqlstore.Config{Schema: "auth"})
		case "mysql":
			name := fmt.Sprint("auth_", time.Now().UnixNano())
			_, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name)
			require.NoError(t, err)
			t.Cleanup(func() { _, _ = db.Exec("DROP DATABASE " + name) })
			configs = append(configs, sqlstore.Config{Schema: name})
		default:
			_, err := e.over(t.Context(), db, sqlstore.Config{Schema: "auth"})
			require.Error(t, err)
		}
		for _, c := range configs {
			s := e.store(t, db, c)
			c := put(t, s, routing("con_1", "contoso"))
			put(t, s, c)
			importAll(t, s.Users(), 0, 3)
			_, err := s.Users().UserByKey(t.Context(), provisioning.ImportKey("csv", "1"))
			require.NoError(t, err)
			require.NoError(t, s.Flows().Put(t.Context(), "flow", nil, time.Now().Add(time.Hour)))
			_, err = s.Flows().Take(t.Context(), "flow")
			require.NoError(t, err)
			first, err := s.Replay().Remember(t.Context(), strings.Repeat("a", 64), time.Now())
			require.NoError(t, err)
			require.True(t, first)
			_, err = s.Sweep(t.Context())
			require.NoError(t, err)
		}
	})
}

func TestConfig(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		for name, c := range map[string]sqlstore.Config{
			"prefix that ends a statement": {Prefix: "x; DROP TABLE users; --"},
			"prefix in upper case":         {Prefix: "SSO_"},
			"long prefix":                  {Prefix: strings.Repeat("a", 31)},
			"schema that is quoted":        {Schema: `"auth"`},
			"long environment":             {Environment: strings.Repeat("e", 65)},
			"environment with a NUL":       {Environment: "a\x00b"},
		} {
			_, err := e.over(t.Context(), db, c)
			require.Error(t, err, name)
		}
	})
}

// TestUniqueEmailsLater: switched on later, addresses of before count; two users with one address must be told apart first.
func TestUniqueEmailsLater(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s := e.store(t, db, sqlstore.Config{})
		importAll(t, s.Users(), 0, 3)
		same := imported(7)
		same.Profile.Email = "PERSON1@contoso.example"
		twin, err := s.Users().Create(t.Context(), same)
		require.NoError(t, err)

		elsewhere, err := e.over(t.Context(), db, sqlstore.Config{UniqueEmails: true, Environment: "another"})
		require.NoError(t, err)
		require.NoError(t, elsewhere.Migrate(t.Context()), "what another environment holds is its own affair")

		later, err := e.over(t.Context(), db, sqlstore.Config{UniqueEmails: true})
		require.NoError(t, err)
		require.ErrorContains(t, later.Migrate(t.Context()), "two users share an address")
		require.NoError(t, s.Users().Erase(t.Context(), twin.ID, ""))
		require.NoError(t, later.Migrate(t.Context()))
		_, err = later.Users().Create(t.Context(), same)
		require.ErrorIs(t, err, provisioning.ErrEmailTaken)
	})
}

// TestSecrets: what is in the tables opens with the key only, and only where it was.
func TestSecrets(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		s := e.store(t, db, sqlstore.Config{})
		c := routing("con_1", "contoso")
		c.ClientSecret = secret("first ~secret")
		put(t, s, c)
		d := routing("con_2", "fabrikam")
		put(t, s, d)
		var stored string
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT encoded FROM tenantdoor_connections WHERE id = 'con_1'").Scan(&stored))
		require.NotContains(t, stored, "~secret")

		moved := strings.ReplaceAll(stored, "con_1", "con_2")
		_, err := db.ExecContext(t.Context(), "UPDATE tenantdoor_connections SET encoded = '"+moved+"' WHERE id = 'con_2'") //nolint:gosec // JSON of this test's own, without a quote
		require.NoError(t, err)
		_, err = s.Connections().Connection(t.Context(), "con_2")
		require.Error(t, err, "a secret that was moved to another connection")

		_, err = db.ExecContext(t.Context(), "UPDATE tenantdoor_connections SET encoded = (SELECT encoded FROM (SELECT encoded FROM tenantdoor_connections WHERE id = 'con_1') AS first) WHERE id = 'con_2'")
		require.NoError(t, err)
		_, err = s.Connections().Connection(t.Context(), "con_2")
		require.ErrorContains(t, err, "stands another one")
		for c, err := range s.Connections().Connections(t.Context(), entra.Filter{}) {
			require.Equal(t, c == nil, err != nil)
			require.True(t, err != nil || c.ID == "con_1")
		}

		keyring, err := entra.NewKeyring(randomKey())
		require.NoError(t, err)
		_, err = e.store(t, db, sqlstore.Config{Sealer: keyring}).Connections().Connection(t.Context(), "con_1")
		require.Error(t, err)
		require.NotContains(t, err.Error(), "~secret")

		bare, err := e.over(t.Context(), db, sqlstore.Config{})
		require.NoError(t, err)
		c.ID, c.Name, c.HomeRealmDomains = "con_3", "third", nil
		_, err = bare.Connections().Put(t.Context(), c)
		require.Error(t, err, "a secret without a Sealer")
	})
}

// TestSweep: what has expired goes, in small steps; what is live, or another environment's, stays.
func TestSweep(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		c := newClock()
		s, other := e.store(t, db, sqlstore.Config{Now: c.now}), e.store(t, db, sqlstore.Config{Now: c.now, Environment: "other"})
		remember := func(s *sqlstore.Store, n int, d time.Duration) bool {
			first, err := s.Replay().Remember(t.Context(), fmt.Sprintf("%064x", n), c.now().Add(d))
			require.NoError(t, err)
			return first
		}
		const old = 1200
		for n := range old {
			require.True(t, remember(s, n, time.Minute))
		}
		require.True(t, remember(s, old, time.Hour))
		require.False(t, remember(s, old, time.Minute), "which is not kept for shorter now")
		require.True(t, remember(other, 0, time.Minute))
		require.NoError(t, s.Flows().Put(t.Context(), "old", []byte("sealed"), c.now().Add(time.Minute)))
		require.NoError(t, s.Flows().Put(t.Context(), "live", []byte("sealed"), c.now().Add(time.Hour)))

		n, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.Zero(t, n, "nothing has expired yet")
		c.advance(2 * time.Minute)
		require.False(t, remember(s, 7, time.Hour), "expired, and not swept: still used")
		var steps []int
		for {
			n, err := s.Sweep(t.Context())
			require.NoError(t, err)
			if n == 0 {
				break
			}
			steps = append(steps, n)
		}
		require.Equal(t, []int{1001, old - 1 - 1000}, steps)
		require.True(t, remember(s, 8, time.Hour), "swept")
		require.False(t, remember(s, 7, time.Hour), "kept for longer by the second who came with it")
		require.False(t, remember(s, old, time.Hour))
		require.False(t, remember(other, 0, time.Hour))
		_, err = s.Flows().Take(t.Context(), "live")
		require.NoError(t, err)
	})
}
