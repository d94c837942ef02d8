package mysql_test

import (
	"context"
	"log"
	"os"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/entra/sqlstore/mysql"
)

// A host keeps everything in one MySQL or MariaDB: connections with sealed secrets, users, flows and replay ids.
func ExampleOpen() { //nolint:testableexamples // it takes a server
	ctx := context.Background()
	key, err := os.ReadFile("/run/secrets/sso-key") // 32 random bytes
	if err != nil {
		log.Fatal(err)
	}
	keys, err := entra.NewKeyring(key)
	if err != nil {
		log.Fatal(err)
	}
	dsn := "auth:" + os.Getenv("SSO_DB_PASSWORD") + "@tcp(db.internal:3306)/auth?tls=true"
	store, db, err := mysql.Open(ctx, dsn, sqlstore.Config{Environment: "production", Sealer: keys})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(20)                     // yours to bound, as it is your database
	if err := store.Migrate(ctx); err != nil { // or by your own tool; then Check says whether it is done
		log.Fatal(err)
	}
	_ = entra.Config{
		Connections: store.Connections(), Users: store.Users(), Flows: store.Flows(), Replay: store.Replay(), Keys: keys, // and the rest
	}
}
