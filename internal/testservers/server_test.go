package testservers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client talks to a database by the engine's own command, in the words of its language.
type client struct {
	write, read, want string
	ask               func(s *Server, number int, command string) (string, error)
}

var clients = map[string]client{
	"PostgreSQL": {"CREATE TABLE kept AS SELECT 'x' AS v", "SELECT v FROM kept", "x", func(s *Server, number int, command string) (string, error) {
		out, err := s.engine.(*postgres).sql(context.Background(), fmt.Sprint("test_", number), command)
		return string(out), err
	}},
	"MariaDB": {"CREATE TABLE kept AS SELECT 'x' AS v", "SELECT v FROM kept", "x", func(s *Server, number int, command string) (string, error) {
		out, err := s.engine.(*mariadb).sql(context.Background(), fmt.Sprint("test_", number), command)
		return string(out), err
	}},
	"MySQL": {"CREATE TABLE kept AS SELECT 'x' AS v", "SELECT v FROM kept", "x", func(s *Server, number int, command string) (string, error) {
		out, err := s.engine.(*mysql).sql(context.Background(), fmt.Sprint("test_", number), command)
		return string(out), err
	}},
	"Redis": {"SET kept x", "STRLEN kept", ":1", func(s *Server, _ int, command string) (string, error) {
		return s.engine.(*redis).send(context.Background(), command)
	}},
}

var kinds = []struct {
	name        string
	shared, own func(testing.TB) *Server
}{{"PostgreSQL", Postgres, NewPostgres}, {"MariaDB", MariaDB, NewMariaDB}, {"MySQL", MySQL, NewMySQL}, {"Redis", Redis, NewRedis}}

// TestCrash: a server that is killed comes back at the same address, with what it had acknowledged.
func TestCrash(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			s, c := kind.own(t), clients[kind.name]
			s.Database(t)
			_, err := c.ask(s, 1, c.write)
			require.NoError(t, err)
			require.True(t, s.Running())
			s.Kill(t)
			require.False(t, s.Running())
			_, err = c.ask(s, 1, c.read)
			require.Error(t, err)
			s.Start(t)
			got, err := c.ask(s, 1, c.read)
			require.NoError(t, err)
			require.Equal(t, c.want, strings.TrimSpace(got))
		})
	}
}

// TestShared: one server for the binary, a database for each test.
func TestShared(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			s := kind.shared(t)
			require.Same(t, s, kind.shared(t))
			addresses := map[string]bool{}
			for range 2 {
				addresses[s.Database(t)] = true
			}
			require.Len(t, addresses, 2)
		})
	}
	first := Postgres(t)
	before := first.databases
	t.Run("a test of its own", func(t *testing.T) { first.Database(t) })
	_, err := first.engine.(*postgres).sql(t.Context(), fmt.Sprint("test_", before+1), "SELECT 1")
	require.ErrorContains(t, err, "does not exist") // it ended with the test
}

func TestRedisCluster(t *testing.T) {
	s := RedisCluster(t)
	s.Database(t)
	r := s.engine.(*redis)
	_, err := r.send(t.Context(), "MSET a 1 b 2")
	require.ErrorContains(t, err, "CROSSSLOT")
	_, err = r.send(t.Context(), "MSET {one}a 1 {one}b 2")
	require.NoError(t, err)
}

// TestFreeAddress: an outgoing connection never gets the port, so that a server which was away finds it free.
func TestFreeAddress(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Skip(err)
	}
	var outgoing int
	_, err = fmt.Sscan(string(text), &outgoing)
	require.NoError(t, err)
	if outgoing < 32768 {
		t.Skip("this machine gives lower ports to outgoing connections than Linux does")
	}
	for range 100 {
		address, err := FreeAddress()
		require.NoError(t, err)
		port, err := netip.ParseAddrPort(address)
		require.NoError(t, err)
		require.Less(t, int(port.Port()), outgoing)
	}
}

// TestEndsWithTheBinary: when the test binary is killed, its servers and their folders go.
func TestEndsWithTheBinary(t *testing.T) {
	const variable = "TENANTDOOR_TESTSERVERS_VICTIM"
	if os.Getenv(variable) == "1" {
		_, _ = fmt.Fprintln(os.Stdout, "folder", Redis(t).dir)
		select {} // until it is killed
	}
	Redis(t) // or skip
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEndsWithTheBinary$", "-test.v")
	victim.Env = append(os.Environ(), variable+"=1")
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	var dir string
	for dir == "" {
		var line string
		_, err := fmt.Fscanln(out, &line, &dir)
		require.NotErrorIs(t, err, os.ErrClosed)
		if line != "folder" {
			dir = ""
		}
	}
	var signal, pid int
	text, err := os.ReadFile(dir + "/process")
	require.NoError(t, err)
	_, err = fmt.Sscan(string(text), &signal, &pid)
	require.NoError(t, err)
	require.NoError(t, victim.Process.Kill())
	_ = victim.Wait()
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, time.Minute, 20*time.Millisecond)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil {
		require.Contains(t, string(status), ") Z ", "the server runs on")
	}
}

// TestMissing: without the program a test is skipped, and fails where services are required, unless nobody could install it.
func TestMissing(t *testing.T) {
	for _, c := range []struct{ pkg, required, outcome, message string }{
		{"nosuchdb-server", "", "skipped", "nosuchdb is not installed: apt-get install nosuchdb-server"},
		{"nosuchdb-server", "1", "failed", "nosuchdb is not installed: apt-get install nosuchdb-server"},
		{"", "1", "skipped", "nosuchdb is not in PATH"},
	} {
		t.Setenv("TENANTDOOR_REQUIRE_SERVICES", c.required)
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			new(shared).get(r, func(string) (engine, error) { return nil, &missing{"nosuchdb", c.pkg} })
		}()
		<-done
		require.Equal(t, c.outcome, r.outcome)
		require.Contains(t, r.message, c.message)
	}
}

// recorder notes how a test ends, and ends nothing but the goroutine.
type recorder struct {
	testing.TB
	outcome, message string
}

func (r *recorder) Skip(args ...any) { r.end("skipped", fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) { r.end("failed", fmt.Sprintf(format, args...)) }

func (r *recorder) end(outcome, message string) {
	r.outcome, r.message = outcome, message
	runtime.Goexit()
}
