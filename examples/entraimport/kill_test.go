package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/sqlstore"
	"github.com/tenantdoor/tenantdoor/internal/testservers"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// asCommand makes the test's own binary the command, so that it can be killed like one.
const asCommand = "TENANTDOOR_IMPORT_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// rows is how many rows the file of the kill test and of the benchmark has: TENANTDOOR_IMPORT_ROWS, else 20,000; fewer in a short run, and under the race
// detector, with which SQLite's engine needs ten times as long. A million rows need 2 GB of disk for each of the two databases, and some minutes:
//
//	TENANTDOOR_IMPORT_ROWS=1000000 go test -timeout 0 -run 'KilledAndResumed$' -v ./entraimport
//	TENANTDOOR_IMPORT_ROWS=1000000 go test -timeout 0 -run KilledAndResumedOnPostgreSQL -v ./entraimport
func rows(t testing.TB) int {
	if n, err := strconv.Atoi(os.Getenv("TENANTDOOR_IMPORT_ROWS")); err == nil {
		return n
	}
	if testing.Short() || underRaceDetector() {
		return 3000
	}
	return 20_000
}

func underRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// writePeople writes a file of so many rows: most of them good, some bad, some that belong to a record before, some with things to keep.
func writePeople(t testing.TB, name string, n int) {
	t.Helper()
	f, err := os.Create(name)
	require.NoError(t, err)
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "email,id,first_name,last_name,email_verified,external_organization_id,roles,entra_object_id")
	for i := range n {
		switch {
		case i%1000 == 17:
			fmt.Fprintf(w, "no address,%d,P,%d,TRUE,,,\n", i, i)
		case i%50 == 3: // of the record before it
			fmt.Fprintf(w, "p%d@contoso.com,%d,P,%d,FALSE,o2,,\n", i-1, i-1, i-1)
		case i%1000 == 520: // of one that was long ago
			fmt.Fprintf(w, "p%d@contoso.com,%d,P,%d,TRUE,o3,,\n", i-300, i-300, i-300)
		case i%50 == 4:
			fmt.Fprintf(w, "p%d@contoso.com,%d,P,%d,TRUE,\"o1,o2\",\"admin,member\",\n", i, i, i)
		case i%4 == 0:
			fmt.Fprintf(w, "p%d@contoso.com,%d,P,%d,TRUE,o1,,\n", i, i, i)
		default:
			fmt.Fprintf(w, "p%d@contoso.com,%d,P,%d,FALSE,,,c0a70500-0000-4000-9000-%012x\n", i, i, i, i)
		}
	}
	require.NoError(t, w.Flush())
	require.NoError(t, f.Close())
}

// The command is killed ten times, at any moment, and resumed; what comes out is what one run gives.
func TestKilledAndResumed(t *testing.T) { killAndResume(t, func() *desk { return newDesk(t, nil) }) }

func TestKilledAndResumedOnPostgreSQL(t *testing.T) {
	server := testservers.Postgres(t)
	killAndResume(t, func() *desk {
		d := newDesk(t, nil)
		d.db = server.Database(t)
		return d
	})
}

func killAndResume(t *testing.T, fresh func() *desk) {
	n := rows(t)
	whole := fresh()
	writePeople(t, whole.path("people.csv"), n)
	begin := time.Now()
	code, wantOut := whole.command(t, 0)
	took := time.Since(begin)
	require.Equal(t, exitBadRows, code, wantOut)

	const kills = 10
	var killed *desk
	var done int
	for patience := took / 8; done < kills; patience /= 2 { // a machine that has become faster is done before: begin anew, and kill earlier
		killed, done = fresh(), 0
		writePeople(t, killed.path("people.csv"), n)
		for done < kills {
			if code, _ := killed.command(t, 1+rand.N(patience+1)); code >= 0 {
				break
			}
			done++
		}
	}
	code, gotOut := killed.command(t, 0)
	require.Equal(t, exitBadRows, code, gotOut)
	t.Logf("%d rows, killed %d times; uninterrupted in %v", n, done, took.Round(time.Millisecond))

	want, got := digest(whole.everybody(t)), digest(killed.everybody(t))
	if want != got && n <= 20_000 {
		require.Equal(t, whole.people(t), killed.people(t)) // which says what differs
	}
	require.Equal(t, want, got)
	require.Equal(t, digest(whole.kept(t)), digest(killed.kept(t)))
	t.Log(want)
	require.Equal(t, whole.read(t, "people.csv.errors"), killed.read(t, "people.csv.errors"))
	// The summary counts what was done before, too; what was stored after the last checkpoint is known the second time.
	records := regexp.MustCompile(`\d+ records|\d+ skipped, \d+ bad`)
	require.Equal(t, records.FindAllString(wantOut, -1), records.FindAllString(gotOut, -1))
}

// command runs the command in a process of its own, with -resume, and kills it after a while (0: never). A killed one has the code -1.
func (d *desk) command(t *testing.T, killAfter time.Duration) (code int, stdout string) {
	t.Helper()
	var out bytes.Buffer
	c := exec.CommandContext(t.Context(), os.Args[0], "-db", d.db, "-connections", d.path("connections.json"), "-resume", d.path("people.csv")) //nolint:gosec // this very binary
	c.Env = append(os.Environ(), asCommand+"=1")
	c.Stdout = &out
	require.NoError(t, c.Start())
	if killAfter > 0 {
		timer := time.AfterFunc(killAfter, func() { _ = c.Process.Kill() }) // it may be done already
		defer timer.Stop()
	}
	_ = c.Wait() // the code says it
	checkPeak(t, c.ProcessState)
	return c.ProcessState.ExitCode(), out.String()
}

func describe(u *provisioning.User) string {
	var keys, pending []string
	for _, k := range u.Keys {
		keys = append(keys, fmt.Sprintf("%q", k))
	}
	for _, p := range u.Pending {
		pending = append(pending, fmt.Sprint(p.ConnectionID, " ", p.TenantID, " ", p.Address, " ", p.ObjectID))
	}
	return fmt.Sprintf("%+v %v %v %v", u.Profile, sorted(keys), sorted(pending), sorted(u.Organizations))
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// digest is of lines in any order: how many there are, and the sum of their hashes. No more of a million lines is in memory than one, for the memory of the test
// would count as that of the next command it starts.
func digest(lines iter.Seq[string]) string {
	n, sum := 0, new(big.Int)
	for line := range lines {
		hash := sha256.Sum256([]byte(line))
		sum.Add(sum, new(big.Int).SetBytes(hash[:]))
		n++
	}
	return fmt.Sprintf("%d lines, %x", n, sum)
}

// kept is what the command has kept beside the users.
func (d *desk) kept(t *testing.T) iter.Seq[string] {
	return func(yield func(string) bool) {
		_, db, err := openStore(t.Context(), d.db, sqlstore.Config{})
		require.NoError(t, err)
		defer db.Close()
		found, err := db.QueryContext(t.Context(), "SELECT key_hash, source, record, user_id, data FROM entraimport_kept")
		require.NoError(t, err)
		defer found.Close()
		for found.Next() {
			var hash, source, record, user, data string
			require.NoError(t, found.Scan(&hash, &source, &record, &user, &data))
			if !yield(fmt.Sprint(hash, source, record, data)) {
				return
			}
		}
		require.NoError(t, found.Err())
	}
}
