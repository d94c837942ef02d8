package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/sqlite"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// A host opens a store, makes the tables, and hands its parts to entra.Config. Here it writes a user and a row of its own in one transaction.
func ExampleStore_WithTx() {
	ctx := context.Background()
	store, db, done := exampleStore(ctx)
	defer done()
	if _, err := db.ExecContext(ctx, "CREATE TABLE members (user_id TEXT PRIMARY KEY, plan TEXT)"); err != nil {
		panic(err)
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		panic(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing is left of it unless it was committed
	user, err := store.WithTx(tx).Users().Create(ctx, provisioning.Change{Profile: &provisioning.Profile{Email: "Ann@Contoso.com"}})
	if err != nil {
		panic(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO members (user_id, plan) VALUES (?, 'pro')", user.ID); err != nil {
		panic(err)
	}
	if err := tx.Commit(); err != nil {
		panic(err)
	}
	found, err := store.Users().UsersByEmail(ctx, provisioning.Fold("ann@contoso.com"))
	fmt.Println(len(found), err)
	// Output: 1 <nil>
}

// A Service reads connections through a Cache, a Registrar writes to the Store.
func ExampleCache() {
	ctx, stop := context.WithCancel(context.Background())
	store, _, done := exampleStore(ctx)
	defer done()

	cache := store.Cache()
	ended := make(chan error)
	go func() { ended <- cache.Run(ctx) }()
	_, err := store.Connections().Put(ctx, &entra.Connection{
		ID: "con_1", Name: "contoso", Strategy: entra.OAuth2, HomeRealmDomains: []string{"contoso.com"},
		DomainProofs: []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainProven}},
	})
	if err != nil {
		panic(err)
	}
	id, found, err := cache.HomeRealm(ctx, "contoso.com")
	fmt.Println(id, found, err)
	stop()
	fmt.Println(<-ended)
	// Output:
	// con_1 true <nil>
	// context canceled
}

func exampleStore(ctx context.Context) (*sqlstore.Store, *sql.DB, func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	store, db, err := sqlite.Open(ctx, filepath.Join(dir, "tenantdoor.db"), sqlstore.Config{})
	if err != nil {
		panic(err)
	}
	if err := store.Migrate(ctx); err != nil {
		panic(err)
	}
	return store, db, func() {
		_ = db.Close()
		_ = os.RemoveAll(dir)
	}
}
