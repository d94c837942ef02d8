// Command entraimport brings people from files into a user store, to wait there for their first sign-in through an enterprise connection:
//
//	entraimport -db users.db -connections connections.json -add-connections people.csv
//
// It reads Kinde's CSV and NDJSON, Auth0's export and Microsoft Entra's "download users", finds out which, and does what provisioning/bulk does: good
// rows go in, bad ones come out as people.csv.errors, to be mended and fed back; importing again changes nothing that exists.
//
// A walk, from nothing to a first sign-in:
//
//  1. Look what would happen. Nothing is written:
//
//     entraimport -db users.db -connections connections.json -add-connections -dry-run people.csv
//
//  2. Import. If it is interrupted, by whatever, go on with -resume; without it, it begins anew, which takes longer and does no harm:
//
//     entraimport -db users.db -connections connections.json -add-connections people.csv
//     entraimport -db users.db -resume people.csv
//
//  3. Mend people.csv.errors in a spreadsheet, and import it like any other file, with the same -source.
//
//  4. Open the store in your server (entra/sqlstore), and let people sign in: each finds the own record, where the server has the connections too.
//
// The database is a SQLite file, made if there is none, or PostgreSQL by its address (postgres://…, or host=… and so on; the password better by PGPASSWORD
// or a .pgpass file than here); tables that are missing are made. The connections are those in the database; -connections names a file with some more, as
// Kinde's management API writes them: a list, or {"connections": […]}. It is read to know whose row is whose, for a server that keeps its connections
// elsewhere, under the same ids. A server that opens this very database needs them in it: -add-connections writes those that are not there yet, and leaves the
// others as they are. They are checked, and all faults are said at once; their tenants are asked for at Entra and pinned; secrets in the file (an export has none)
// are sealed with the server's key (-key). They are on or off as the file says.
//
// Home realm domains count as proven, because whoever runs this command is the environment itself; -organization imports as a customer's administrator instead.
//
// What the user store has no place for (phone numbers, roles, password hashes, …) is kept in the table entraimport_kept, by the record's import key,
// for the host to fetch; -ignore drops it by name.
//
// However long the file is, the command needs no more than 100 MB of memory. The kill test prints what it needed and holds it to that, on as many rows as you
// like: it imports a file once, and once more with ten SIGKILLs at random moments and -resume after each, and demands the same people, the same file of
// bad rows and the same counts. A million rows need 2 GB of disk for each database:
//
//	TENANTDOOR_IMPORT_ROWS=1000000 go test -timeout 0 -run KilledAndResumed -v ./entraimport
//
// Rows a second on two virtual cores (AMD EPYC) with nothing beside it, and what the kill test says of memory:
//
//	            20,000 rows   1,000,000 rows        peak of memory
//	SQLite      6,190         2,670 (6 min 14 s)    67 MB
//	PostgreSQL  7,470         6,230 (2 min 41 s)    33 MB
//
// SQLite gets slower as its file grows: the hashes by which people are found lie anywhere in their indexes, and nearly every row reads and writes pages of its
// own.
//
//	TENANTDOOR_IMPORT_ROWS=1000000 go test -timeout 0 -run '^$' -bench Import -benchtime 1x ./entraimport
//
// Exit codes: 0 all rows are in, 1 some rows are bad, 2 wrong usage, 3 it failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// Exit codes.
const (
	exitDone = iota
	exitBadRows
	exitUsage
	exitFailed
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the command line.
type options struct {
	db, connections, connection string
	add                         bool
	key                         string
	source, organization        string
	ignore                      []string
	errors                      string
	expiry                      time.Duration
	batch                       int
	dryRun, resume, quiet       bool
	files                       []string
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("entraimport", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: entraimport -db users.db [flags] file…")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.db, "db", "", "user store: a SQLite `file`, or postgres://…")
	flags.StringVar(&o.connections, "connections", "", "JSON `file` with connections, beside those in the database; without -add-connections they are only read, to know whose row is whose")
	flags.BoolVar(&o.add, "add-connections", false, "first write those of -connections into the database that it does not have yet")
	flags.StringVar(&o.key, "key", "", "`file` with your server's key of 32 bytes, where -connections holds secrets")
	flags.StringVar(&o.connection, "connection", "", "`name` of the connection for rows that name none; without it their home realm domain decides")
	flags.StringVar(&o.source, "source", "import", "`name` of where the records come from; the same when a file is imported again")
	flags.StringVar(&o.organization, "organization", "", "import as an administrator of the organization with this `id`")
	flags.StringVar(&o.errors, "errors", "", "`file` for bad rows (default FILE.errors; with -dry-run none)")
	flags.DurationVar(&o.expiry, "expiry", bulk.DefaultExpiry, "how long people may take until their first sign-in")
	flags.IntVar(&o.batch, "batch", 0, "how many records are stored at once (default 1,000)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "write nothing, and say what would happen")
	flags.BoolVar(&o.resume, "resume", false, "go on where an interrupted import of the same file stopped")
	flags.BoolVar(&o.quiet, "quiet", false, "show no progress")
	ignore := flags.String("ignore", "", "`names` of what may get lost, with commas: roles,phone,…")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.files = flags.Args()
	for name := range strings.SplitSeq(*ignore, ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.ignore = append(o.ignore, name)
		}
	}
	var wrong string
	switch {
	case o.db == "":
		wrong = "-db is required"
	case len(o.files) == 0:
		wrong = "name a file"
	case o.errors != "" && len(o.files) > 1:
		wrong = "-errors is for one file"
	case o.add && o.connections == "":
		wrong = "-add-connections needs -connections"
	case o.add && o.organization != "":
		wrong = "-add-connections is not for an organization's administrator"
	case o.dryRun && o.resume:
		wrong = "-dry-run and -resume exclude each other"
	}
	if wrong != "" {
		fmt.Fprintln(stderr, "entraimport:", wrong)
		flags.Usage()
		return nil, errors.New(wrong)
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	}
	failed := func(err error) int {
		fmt.Fprintln(stderr, "entraimport:", err)
		if ctx.Err() != nil {
			fmt.Fprintln(stderr, "entraimport: interrupted; go on with -resume")
		}
		return exitFailed
	}
	d, err := open(ctx, o, stdout, stderr)
	if err != nil {
		return failed(err)
	}
	defer d.close()
	code := exitDone
	for _, file := range o.files {
		bad, err := importFile(ctx, o, d, file, stdout, stderr)
		if err != nil {
			return failed(fmt.Errorf("%s: %w", file, err))
		}
		if bad {
			code = exitBadRows
		}
	}
	return code
}
