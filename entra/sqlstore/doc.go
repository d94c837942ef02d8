// Package sqlstore keeps connections, users, flows and replay ids in a SQL database: SQLite, PostgreSQL, MySQL or MariaDB. Packages sqlite, postgres and
// mysql below it open a [Store]; only the one that a host imports brings its driver along.
//
//	store, db, err := sqlite.Open(ctx, "tenantdoor.db", sqlstore.Config{Sealer: keyring})
//	err = store.Migrate(ctx)
//	service, err := entra.New(entra.Config{Connections: store.Connections(), Users: store.Users(), Replay: store.Replay(), …})
package sqlstore
