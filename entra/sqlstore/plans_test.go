package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

const (
	crowd  = 3000 // users, and rows of every other table
	tenant = "11111111-1111-4111-8111-111111111111"
)

func guid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func key(connection string, n int) provisioning.Key {
	return provisioning.Key{ConnectionID: connection, Authority: tenant, Subject: guid(n)}
}

// imported is the n-th record of an import: its key, and whom it waits for.
func imported(n int) provisioning.Change {
	return provisioning.Change{
		AddKeys: []provisioning.Key{provisioning.ImportKey("csv", fmt.Sprint(n))},
		Pending: &[]provisioning.Pending{{ConnectionID: fmt.Sprint("con_", n%50), ObjectID: guid(n), Address: fmt.Sprintf("upn%d@contoso.example", n), Expires: time.Now().Add(time.Hour)}},
		Profile: &provisioning.Profile{Email: fmt.Sprintf("person%d@contoso.example", n), GivenName: "Person", FamilyName: fmt.Sprint(n)},
	}
}

func importAll(t *testing.T, u *sqlstore.Users, from, to int) {
	var changes []provisioning.Change
	for n := from; n < to; n++ {
		changes = append(changes, imported(n))
	}
	each, err := u.CreateMany(t.Context(), changes)
	require.NoError(t, err)
	for _, err := range each {
		require.NoError(t, err)
	}
}

// fill puts so much into an environment that reading a whole table costs more than an index does.
func fill(t *testing.T, s *sqlstore.Store) {
	importAll(t, s.Users(), 0, crowd)
	for n := range 400 {
		c := routing(fmt.Sprint("con_", n), fmt.Sprint("customer", n))
		c.Organizations, c.EnabledApplications = []string{fmt.Sprint("org_", n)}, []string{fmt.Sprint("app_", n%40)}
		c.Strategy, c.Realm = entra.WSFed, fmt.Sprint("spn:realm-", n)
		put(t, s, c)
		require.NoError(t, s.Flows().Put(t.Context(), fmt.Sprint("flow ", n), []byte("sealed"), time.Now().Add(time.Hour)))
		_, err := s.Replay().Remember(t.Context(), fmt.Sprintf("%064x", n), time.Now().Add(time.Hour))
		require.NoError(t, err)
	}
}

// everything calls every method, most of them as sign-ins do.
func everything(t *testing.T, s *sqlstore.Store) {
	ctx, users := t.Context(), s.Users()
	c, err := s.Connections().Connection(ctx, "con_7")
	require.NoError(t, err)
	_, _, err = s.Connections().HomeRealm(ctx, "customer7.example")
	require.NoError(t, err)
	for _, f := range []entra.Filter{{}, {Name: "customer7"}, {Application: "app_7"}, {Organization: "org_7"}, {Application: "app_7", Organization: "org_7"}, {Realm: "spn:realm-7"}} {
		for _, err := range s.Connections().Connections(ctx, f) {
			require.NoError(t, err)
		}
	}
	put(t, s, c)
	require.NoError(t, s.Connections().Delete(ctx, "con_8", ""))

	require.NoError(t, s.Flows().Put(ctx, "flow", []byte("sealed"), time.Now().Add(time.Hour)))
	_, err = s.Flows().Take(ctx, "flow")
	require.NoError(t, err)
	for range 2 {
		_, err = s.Replay().Remember(ctx, strings.Repeat("a", 64), time.Now().Add(time.Hour))
		require.NoError(t, err)
	}
	_, err = s.Sweep(ctx)
	require.NoError(t, err)

	_, err = users.UserByKey(ctx, key("con_7", 7))
	require.ErrorIs(t, err, provisioning.ErrNotFound)
	u, err := users.UserByKey(ctx, key("con_7", 7), provisioning.PendingKey("con_7", guid(7)))
	require.NoError(t, err)
	list, err := users.UsersByEmail(ctx, "person7@contoso.example")
	require.NoError(t, err)
	require.Len(t, list, 1)
	u, err = users.Update(ctx, u.ID, provisioning.Change{Version: u.Version, AddKeys: []provisioning.Key{key("con_7", 7)}, Pending: &[]provisioning.Pending{}, Profile: &list[0].Profile})
	require.NoError(t, err)
	for _, f := range []provisioning.UserFilter{{}, {ConnectionID: "con_9"}} {
		for _, err := range users.Users(ctx, f) {
			require.NoError(t, err)
		}
	}
	_, err = users.CountUsers(ctx, provisioning.UserFilter{ConnectionID: "con_9"})
	require.NoError(t, err)
	found, err := users.FindMany(ctx, searches(3))
	require.NoError(t, err)
	require.Len(t, found[2], 1)
	importAll(t, users, crowd, crowd+3)
	require.NoError(t, users.SetSuspended(ctx, u.ID, true))
	require.NoError(t, users.Erase(ctx, u.ID, ""))
}

// TestPlans asks the database how it runs each statement, and demands an index every time, of which more than the environment is used. SQLite knows
// nothing of its tables until somebody runs ANALYZE, which most hosts never do.
func TestPlans(t *testing.T) {
	onEachWatched(t, func(t *testing.T, e engine, db, heard *sql.DB, r *recorder) {
		s := e.store(t, heard, sqlstore.Config{UniqueEmails: true})
		fill(t, s)
		other := e.store(t, db, sqlstore.Config{Environment: "another"}) // or the environment would tell nothing apart
		importAll(t, other.Users(), 0, 200)
		for n := range 8 {
			_, err := db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO tenantdoor_connections (environment, id, version, name_hash, encoded, changed) "+
				"SELECT 'another %d', id, version, name_hash, encoded, changed FROM tenantdoor_connections WHERE environment = ''", n))
			require.NoError(t, err)
		}
		if analyze := map[string]string{"pgx": "ANALYZE ", "mysql": "ANALYZE TABLE "}[e.driver]; analyze != "" { // servers do by themselves
			for _, table := range []string{"users", "identities", "connections", "domains", "listings", "realms", "flows", "replay"} {
				_, err := db.ExecContext(t.Context(), analyze+"tenantdoor_"+table)
				require.NoError(t, err)
			}
		}
		r.take()
		everything(t, s)
		seen := map[string]bool{}
		for _, statement := range r.take() {
			verb, _, _ := strings.Cut(statement.text, " ")
			if seen[statement.text] || !slices.Contains([]string{"SELECT", "UPDATE", "DELETE"}, verb) || !strings.Contains(statement.text, "tenantdoor_") {
				continue
			}
			seen[statement.text] = true
			if e.driver == "mysql" {
				require.Empty(t, reservedByMySQL(statement.text), statement.text)
			}
			if scan := plans[e.driver](t, db, statement); scan != "" {
				t.Errorf("%s\nreads a whole table or index: %s", statement.text, scan)
			}
		}
		require.Greater(t, len(seen), 30)
	})
}

// searches are what an import asks about its first n records.
func searches(n int) []provisioning.Search {
	list := make([]provisioning.Search, n)
	for i := range list {
		c := imported(i)
		list[i] = provisioning.Search{Keys: append(c.AddKeys, key(fmt.Sprint("con_", i%50), i)), Addresses: []string{c.Profile.Email, (*c.Pending)[0].Address}}
	}
	return list
}

// TestFindManyPlans: an import asks for a thousand records at once, of tables that it fills itself and that the server has no statistics of yet. It takes few
// statements, and none reads all of a table.
func TestFindManyPlans(t *testing.T) {
	onEachWatched(t, func(t *testing.T, e engine, db, heard *sql.DB, r *recorder) {
		s := e.store(t, heard, sqlstore.Config{UniqueEmails: true})
		importAll(t, s.Users(), 0, crowd)
		for name, search := range map[string]func() error{
			"known": func() error {
				each, err := s.Users().FindMany(t.Context(), searches(1000))
				require.Len(t, each[999], 1)
				return err
			},
			"taken": func() error {
				changes := make([]provisioning.Change, 1000)
				for i := range changes {
					changes[i] = imported(i)
				}
				_, err := s.Users().CreateMany(t.Context(), changes)
				return err
			},
		} {
			r.take()
			require.NoError(t, search())
			statements := r.take()
			require.LessOrEqual(t, len(statements), 20, name)
			read := 0
			for _, statement := range statements {
				if strings.HasPrefix(statement.text, "SELECT ") && strings.Contains(statement.text, "tenantdoor_") {
					read++
					if scan := plans[e.driver](t, db, statement); scan != "" {
						t.Errorf("%s: %.200s…\nreads a whole table or index: %s", name, statement.text, scan)
					}
				}
			}
			require.NotZero(t, read)
		}
	})
}

const environmentOnly = "66" // bytes of an index that MySQL and MariaDB use: VARBINARY(64) and its length

// plans return the part of a plan that reads all of a table or of an index; "" is none.
var plans = map[string]func(t *testing.T, db *sql.DB, s statement) string{
	"sqlite": func(t *testing.T, db *sql.DB, s statement) string {
		for _, row := range rows(t, db, "EXPLAIN QUERY PLAN "+s.text, s.args) {
			detail := row["detail"]
			scan := strings.HasPrefix(detail, "SCAN ") && !strings.HasPrefix(detail, "SCAN f") && !strings.HasPrefix(detail, "SCAN old") // these are results of subqueries
			if scan || strings.Contains(detail, "(environment=?)") && !strings.Contains(detail, "tenantdoor_feed") {
				return detail
			}
		}
		return ""
	},
	"pgx": func(t *testing.T, db *sql.DB, s statement) string {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		if strings.Contains(s.text, " LIMIT ") { // a page of a few hundred of these few thousand rows may well read them all: is there an index to do better with?
			for _, way := range []string{"seqscan", "hashjoin", "mergejoin"} {
				_, err = conn.ExecContext(t.Context(), "SET enable_"+way+" = off")
				require.NoError(t, err)
			}
			defer func() {
				_, err = conn.ExecContext(t.Context(), "RESET ALL")
				require.NoError(t, err)
			}()
		}
		for _, row := range rows(t, conn, "EXPLAIN "+s.text, s.args) {
			line := row["QUERY PLAN"]
			cond := strings.Contains(line, "Index Cond: ") && !strings.Contains(line, " AND ") && !strings.Contains(s.text, "tenantdoor_feed")
			if strings.Contains(line, "Seq Scan") || cond {
				return line
			}
		}
		return ""
	},
	"mysql": func(t *testing.T, db *sql.DB, s statement) string {
		for _, row := range rows(t, db, "EXPLAIN FORMAT=TRADITIONAL "+s.text, s.args) {
			if strings.HasPrefix(row["table"], "<") || row["table"] == "asked" { // these are no tables of ours
				continue
			}
			if kind := row["type"]; kind == "ALL" || kind == "index" || kind == "ref" && row["key_len"] == environmentOnly {
				return fmt.Sprint(row)
			}
		}
		return ""
	},
}

func rows(t *testing.T, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, text string, args []any,
) (list []map[string]string) {
	result, err := db.QueryContext(t.Context(), text, args...)
	require.NoError(t, err, text)
	defer result.Close()
	names, err := result.Columns()
	require.NoError(t, err)
	for result.Next() {
		row, dest := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range row {
			dest[i] = &row[i]
		}
		require.NoError(t, result.Scan(dest...))
		named := map[string]string{}
		for i, name := range names {
			named[name] = row[i].String
		}
		list = append(list, named)
	}
	require.NoError(t, result.Err())
	return list
}
