// Command cluster is an auth server on several machines: two of them behind a small balancer, over one PostgreSQL, with a fake Microsoft Entra ID to
// sign in at:
//
//	go run ./examples/cluster
//
// A person begins to sign in on one server and finishes on the other; either may be killed at any time. The servers are processes of their own, and
// share nothing but the database and a key. It starts a PostgreSQL of its own, in a temporary folder, where Debian's package is installed;
// -database names another one, -redis keeps flows and replay ids in Redis. The files:
//
//	node.go       one auth server: what it takes to run several
//	stores.go     the database, and Redis
//	pages.go      what people see
//	cluster.go    the fake Entra, the database, the servers and the balancer put together
//	machine.go    a server's process
//	balancer.go   requests go to the servers in turn
//
// What a known person's sign-in costs, through HTTP all the way (one run on two shared virtual cores, where the fake Entra runs too; per second, and in
// brackets the share of time of verifying and of provisioning; over OAuth 2.0 verifying includes the fake's token endpoint):
//
//	                     OAuth 2.0        WS-Federation
//	memory               433 (70 %, <1 %) 465 (11 %, <1 %)
//	SQLite               419 (62 %, 3 %)  390 (13 %, 3 %)
//	PostgreSQL           450 (62 %, 4 %)  388 (14 %, 4 %)
//	MariaDB              404 (57 %, 8 %)  382 (15 %, 7 %)
//	PostgreSQL, Redis    408 (56 %, 7 %)  410 (13 %, 7 %)
//
// measured by
//
//	go test ./examples/cluster -run '^$' -bench SignIn -benchtime 300x
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// nodeVariable makes this very program one of the servers.
const nodeVariable = "TENANTDOOR_CLUSTER_NODE"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	run := func() error { return runCluster(ctx, log) }
	if os.Getenv(nodeVariable) != "" {
		run = func() error { return runNode(ctx, os.Stdin, os.Stdout, log) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func runCluster(ctx context.Context, log *slog.Logger) error {
	var o options
	flag.StringVar(&o.addr, "addr", "localhost:8080", "loopback address of the balancer")
	flag.StringVar(&o.database, "database", "", "PostgreSQL to use, postgres://…; SQLite with sqlite:FILE (default: one is started)")
	redis := flag.Bool("redis", false, "keep flows and replay ids in Redis (one is started)")
	flag.StringVar(&o.redis, "redis-url", "", "Redis to use, redis://…")
	flag.Parse()
	o.startRedis = *redis && o.redis == ""
	c, err := startCluster(ctx, o, log)
	if err != nil {
		return err
	}
	defer c.close()
	fmt.Printf("\n  Balancer        %s\n", c.base)
	for _, m := range c.machines {
		fmt.Printf("  %-14s  http://%s, process %d\n", m.task.Name, m.task.Listen, m.pid())
	}
	fmt.Printf("  Fake Entra ID   %s\n\nOpen the balancer and enter ann@contoso.com (OAuth 2.0) or bob@fabrikam.com (WS-Federation); there are no passwords.\n", c.fake.URL)
	fmt.Printf("Kill a server (kill -9 PROCESS): it is started again, and nobody who is signing in notices more than a page to try again.\nCtrl+C ends it.\n\n")
	return c.keepAlive(ctx)
}
