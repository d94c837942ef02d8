// Package testservers starts real database servers for tests: PostgreSQL, MariaDB and Redis, each in a temporary folder of its own,
// reached by a socket in that folder (Redis: by a free port of the loopback interface too), with settings for speed: what a server has acknowledged
// survives its own death, not that of the machine.
//
//	func TestStore(t *testing.T) {
//		db, err := sql.Open("pgx", testservers.Postgres(t).Database(t))
//
// [Postgres], [MariaDB] and [Redis] give the one server of this test binary, started by the first test that asks; [Server.Database] gives each test an
// empty database. [NewPostgres], [NewMariaDB] and [NewRedis] start one for a single test, which may [Server.Kill] and [Server.Start] it. Whatever ends
// the test binary, a panic or SIGKILL too, its servers and their folders go with it.
//
// Where a program is not installed, the test is skipped with a message that says what to install; with TENANTDOOR_REQUIRE_SERVICES=1 it
// fails. [MySQL] and [NewMySQL] are for whoever has it: elsewhere their tests are skipped. Programs start servers with [StartPostgres], [StartMariaDB] and
// [StartRedis]; [FreeAddress] is for servers of their own, and [NodeModules] for what npm has. The package needs Unix and the standard library. Run by root, it runs the servers as an
// unprivileged user, as they demand.
package testservers
