package sqlstore_test

import (
	"database/sql"
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

// TestWithTx: what a Store does in the host's transaction is there when the host commits, together with what the host wrote, and not otherwise.
func TestWithTx(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		ctx := t.Context()
		s := e.store(t, db, sqlstore.Config{UniqueEmails: true})
		_, err := db.ExecContext(ctx, "CREATE TABLE members (id VARCHAR(255) PRIMARY KEY)")
		require.NoError(t, err)
		member := func(tx *sql.Tx) { // the host's own row
			_, err := tx.ExecContext(ctx, "INSERT INTO members (id) VALUES ('ann')")
			require.NoError(t, err)
		}

		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		u, err := s.WithTx(tx).Users().Create(ctx, imported(1))
		require.NoError(t, err)
		member(tx)
		require.NoError(t, tx.Rollback())
		_, err = s.Users().User(ctx, u.ID)
		require.ErrorIs(t, err, provisioning.ErrNotFound)

		tx, err = db.BeginTx(ctx, nil)
		require.NoError(t, err)
		in := s.WithTx(tx)
		u, err = in.Users().Create(ctx, imported(1))
		require.NoError(t, err)
		member(tx)
		// What fails takes nothing with it, and leaves the transaction open.
		_, err = in.Users().Create(ctx, imported(1))
		require.ErrorIs(t, err, provisioning.ErrConflict)
		taken := imported(2)
		taken.Profile.Email = "Person1@contoso.example"
		_, err = in.Users().Create(ctx, taken)
		require.ErrorIs(t, err, provisioning.ErrEmailTaken)
		_, err = in.Users().UserByKey(ctx, taken.AddKeys[0])
		require.ErrorIs(t, err, provisioning.ErrNotFound)
		_, err = in.Users().Create(ctx, imported(2))
		require.NoError(t, err, "the key of the one that failed is free")
		u, err = in.Users().Update(ctx, u.ID, provisioning.Change{Version: u.Version, Join: []string{"org"}})
		require.NoError(t, err)
		each, err := in.Users().CreateMany(ctx, []provisioning.Change{imported(3), imported(1), imported(4)})
		require.NoError(t, err)
		require.NoError(t, errors.Join(each[0], each[2]))
		require.ErrorIs(t, each[1], provisioning.ErrConflict)
		found, err := in.Users().FindMany(ctx, searches(5))
		require.NoError(t, err)
		require.Empty(t, found[0])
		require.Len(t, found[4], 1, "who was made in the transaction")
		put(t, in, routing("con_1", "contoso"))
		_, err = in.Connections().Put(ctx, routing("con_2", "contoso"))
		require.ErrorAs(t, err, new(*entra.TakenError))
		require.NoError(t, in.Flows().Put(ctx, "flow", []byte("sealed"), time.Now().Add(time.Hour)))
		for _, want := range []bool{true, false} {
			first, err := in.Replay().Remember(ctx, strings.Repeat("a", 64), time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.Equal(t, want, first)
		}
		require.Error(t, in.Migrate(ctx))
		require.NoError(t, tx.Commit())

		got, err := s.Users().User(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"org"}, got.Organizations)
		n, err := s.Users().CountUsers(ctx, provisioning.UserFilter{})
		require.NoError(t, err)
		require.Equal(t, 4, n)
		_, err = s.Flows().Take(ctx, "flow")
		require.NoError(t, err)
		_, err = s.Connections().Connection(ctx, "con_1")
		require.NoError(t, err)
	})
}

// TestDeadlocks: transactions that stand in each other's way, on other machines too, are tried again; nobody hears of it.
func TestDeadlocks(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		ctx, machines := t.Context(), [2]*sqlstore.Store{e.store(t, db, sqlstore.Config{}), e.store(t, db, sqlstore.Config{})}
		var ids []string
		for n := range 4 {
			u, err := machines[0].Users().Create(ctx, imported(n))
			require.NoError(t, err)
			ids = append(ids, u.ID)
		}
		// Everybody adds several identities to several users, and gives them up again, in all orders.
		var wg sync.WaitGroup
		errs := make([]error, 16)
		for worker := range errs {
			wg.Go(func() {
				s := machines[worker%2]
				for round := range 12 {
					k := provisioning.ImportKey(fmt.Sprint("worker ", worker), fmt.Sprint(round))
					l := provisioning.ImportKey(fmt.Sprint("second of worker ", worker), fmt.Sprint(round))
					id := ids[(worker+round*(1+worker%3))%len(ids)]
					_, err := s.Users().Update(ctx, id, provisioning.Change{AddKeys: []provisioning.Key{k, l}, Join: []string{k.Authority}})
					if err == nil {
						_, err = s.Users().Update(ctx, id, provisioning.Change{DropKeys: []provisioning.Key{l, k}})
					}
					errs[worker] = errors.Join(errs[worker], err)
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		for n, id := range ids {
			u, err := machines[0].Users().User(ctx, id)
			require.NoError(t, err)
			require.Len(t, u.Keys, 1, "user %d", n)
		}
	})
}

// TestBulkRaces: machines that import the same records at the same time make each user once, and each is told who came second.
func TestBulkRaces(t *testing.T) {
	onEach(t, func(t *testing.T, e engine, db *sql.DB) {
		const machines, records = 4, 1200
		var changes []provisioning.Change
		for n := range records {
			changes = append(changes, imported(n))
		}
		created := make([]int, machines)
		errs := make([]error, machines)
		var wg sync.WaitGroup
		for m := range machines {
			s := e.store(t, db, sqlstore.Config{UniqueEmails: true})
			wg.Go(func() {
				each, err := s.Users().CreateMany(t.Context(), changes)
				errs[m] = err
				for _, err := range each {
					switch {
					case err == nil:
						created[m]++
					case !errors.Is(err, provisioning.ErrConflict):
						errs[m] = errors.Join(errs[m], err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		total := 0
		for _, n := range created {
			total += n
		}
		require.Equal(t, records, total, "%v", created)
		n, err := e.store(t, db, sqlstore.Config{}).Users().CountUsers(t.Context(), provisioning.UserFilter{})
		require.NoError(t, err)
		require.Equal(t, records, n)
	})
}
