// Package sqlstore keeps connections, users, flows and replay ids in a SQL database, for hosts that do not want to write their own stores. It is a module of
// its own; packages sqlite, postgres and mysql below it open a [Store], and a host links the driver of the one that it imports.
//
//	store, db, err := postgres.Open(ctx, url, sqlstore.Config{Environment: "production", Sealer: keyring})
//	err = store.Migrate(ctx)
//	connections := store.Cache()
//	go connections.Run(ctx)
//	service, err := entra.New(entra.Config{Connections: connections, Users: store.Users(), Replay: store.Replay(), Flows: store.Flows(), …})
//	registrar, err := entra.NewRegistrar(entra.RegistrarConfig{Store: store.Connections(), …})
//
// [Store.Connections] is an entra.ConnectionRegistry, [Store.Users] a provisioning.UserStore, UserReader, UserLister, UserEraser, BulkFinder and BulkCreator,
// [Store.Flows] an entra.FlowStore (leave it out, and flows are cookies), [Store.Replay] an entra.ReplayStore. The New of each engine's package takes the host's own *sql.DB, and
// [Store.WithTx] the host's own transaction, in which a user and the host's row about the user are written together.
//
// # What it promises
//
//   - Unique keys in the database decide races, on however many machines: a key, a pending identity, a name, a proven domain, a flow, a used token.
//   - A change is there whole or not at all. Deadlocks and serialization failures are tried again, a bounded number of times.
//   - Identifiers are compared byte for byte, as hashes or in binary columns: no collation merges two, and none is cut off. Ids of connections and users have at
//     most 255 bytes, an environment has 64. Times do not depend on anybody's time zone.
//   - Secrets of connections are sealed by Config.Sealer before they reach the database ([entra.EncodeConnection]).
//   - A [Cache] says of a connection nothing that stopped being true more than a second ago ([Bound]), also while it cannot reach the database.
//   - A known person's sign-in, begin and finish together and with a Cache, takes two statements over OpenID Connect and three over WS-Federation; with flows in the
//     database one more, on MySQL two. Every statement has its index.
//   - No goroutine, but the one in which a host calls [Cache.Run].
//
// # What the engines do differently
//
//	                  SQLite               PostgreSQL                MySQL, MariaDB
//	driver            modernc.org/sqlite   jackc/pgx/v5              go-sql-driver/mysql
//	meant for         one machine          any number                any number
//	writers           one at a time        in parallel               in parallel
//	taking a flow     DELETE … RETURNING   DELETE … RETURNING        the same on MariaDB, SELECT and DELETE on MySQL
//	many users        prepared INSERT      COPY                      INSERT, 500 rows
//	finding many      IN, 500 values       unnest                    JSON_TABLE
//	changes are told  asked, 4 per second  LISTEN, and asked         asked, 4 per second
//	migrations        whole or not         whole or not, advisory    statements that may run again, GET_LOCK
//	                                       lock
//	schemas           none: Prefix         Schema, Prefix            Schema (a database), Prefix
//
// Tests run on SQLite, PostgreSQL 15 and MariaDB 10.11, and on MySQL where its mysqld is in PATH; they have passed on MySQL 9.7. What MySQL does otherwise is
// tested on MariaDB as well.
//
// # Tables
//
// The SQL is in the files of each engine's folder migrations, and comes from [Store.Migrations] with the names that a Config gives. [Store.Migrate] runs it, on all
// machines at once if need be; where administrators do that by hand, [Store.Check] says whether they have. A user is one row, with JSON in the columns that hold
// lists; {identities} has one row for each thing that finds a user and that no other may have. It follows from the user's row: whoever edits one by hand
// edits the other.
//
// The map: config.go (the Store, names of tables), engine.go (what differs), run.go (statements, transactions, what is tried again), hash.go (what identifiers are
// compared by), id.go (those of new users), migrate.go, connections.go and listing.go, users.go, users_row.go (columns and JSON), users_change.go, users_list.go,
// users_find.go and bulk.go (many at once), flows.go, replay.go, sweep.go, reseal.go (rotating the key), cache.go and feed.go.
package sqlstore
