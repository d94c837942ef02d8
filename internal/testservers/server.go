package testservers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is for machines with two cores that do other things as well.
const patience = 2 * time.Minute

// Server is a running server.
type Server struct {
	engine engine
	dir    string
	guard  *os.File // closing it ends the guard, which clears up

	mu        sync.Mutex // over what follows
	process   *exec.Cmd
	crash     syscall.Signal
	exited    chan struct{} // closed when process has ended
	databases int
}

// engine is what differs between the servers. Its methods work in the folder that it was made for, as the user who owns the folder.
type engine interface {
	// install makes the data folder.
	install(ctx context.Context) error
	// command is the program that serves in the foreground, with its arguments, and the signal that ends it with all its processes and
	// without any tidying.
	command() (args []string, crash syscall.Signal)
	// ping answers without an error when the server takes commands.
	ping(ctx context.Context) error
	// create makes an empty database, the number-th, and returns its address for a driver, and how to drop it.
	create(ctx context.Context, number int) (address string, drop func(context.Context) error, err error)
}

// shared is the one server of its kind in a test binary.
type shared struct {
	once   sync.Once
	server *Server
	err    error
}

func (s *shared) get(t testing.TB, open func(dir string) (engine, error)) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = start(open) })
	return running(t, s.server, s.err)
}

// own gives a server that ends with the test.
func own(t testing.TB, start func() (*Server, error)) *Server {
	t.Helper()
	s, err := start()
	running(t, s, err)
	t.Cleanup(func() {
		s.Kill(t)
		s.Close()
	})
	return s
}

// missing says which package of Debian's has a program that is not here. "": none has; then a test does without also where services are required.
type missing struct{ program, pkg string }

func (m *missing) Error() string {
	if m.pkg == "" {
		return m.program + " is not in PATH"
	}
	return fmt.Sprintf("%s is not installed: apt-get install %s", m.program, m.pkg)
}

func running(t testing.TB, s *Server, err error) *Server {
	t.Helper()
	var absent *missing
	optional := os.Getenv("TENANTDOOR_REQUIRE_SERVICES") != "1"
	if errors.As(err, &absent) && (optional || absent.pkg == "") || errors.Is(err, errors.ErrUnsupported) && optional {
		t.Skip(err)
	} else if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	return s
}

func start(open func(dir string) (engine, error)) (_ *Server, err error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	if s.guard, err = guard(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.engine, err = open(dir); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.engine.install(ctx); err != nil {
		return nil, err
	}
	return s, s.launch(ctx)
}

// Close ends the server and removes its folder; the guard does it. Tests need not call it.
func (s *Server) Close() { _ = s.guard.Close() }

// Database makes an empty database, which is dropped when the test ends, and returns its address:
//
//	PostgreSQL  a URL for pgx
//	MariaDB     a DSN for go-sql-driver/mysql, without parameters; MySQL too
//	Redis       a URL for go-redis
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	address, drop, err := s.NewDatabase(t.Context())
	if err != nil {
		t.Fatalf("testservers: a new database: %v", err)
	}
	t.Cleanup(func() {
		if !s.Running() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := drop(ctx); err != nil {
			t.Errorf("testservers: dropping a database: %v", err)
		}
	})
	return address
}

// NewDatabase is Database without a test: the caller drops it, or leaves it to the end of the server.
func (s *Server) NewDatabase(ctx context.Context) (address string, drop func(context.Context) error, err error) {
	s.mu.Lock()
	s.databases++
	number := s.databases
	s.mu.Unlock()
	return s.engine.create(ctx, number)
}

// Kill crashes the server: no connection is closed in an orderly way, no log is brought up to date. It returns when the server is gone.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.process.Process.Signal(s.crash); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("testservers: %v", err)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		t.Fatalf("testservers: the server outlives its end: %s", s.log())
	}
}

// Start starts a server that was killed, with its data and at its address. It returns when the server takes commands.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if s.Running() {
		t.Fatalf("testservers: the server runs already")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.launch(ctx); err != nil {
		t.Fatalf("testservers: %v", err)
	}
}

// Running says whether the server's process is there.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// launch runs the server and waits until it takes commands.
func (s *Server) launch(ctx context.Context) error {
	out, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	args, crash := s.engine.command()
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // it outlives the test that started it
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = s.dir, out, out, environment()
	if err := unprivileged(cmd); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // it was killed, or its log says why it went
	}()
	s.mu.Lock()
	s.process, s.crash, s.exited = cmd, crash, exited
	s.mu.Unlock()
	// For the guard.
	if err := os.WriteFile(filepath.Join(s.dir, "process"), fmt.Appendf(nil, "%d %d\n", crash, cmd.Process.Pid), 0o600); err != nil {
		return err
	}
	for {
		err := s.engine.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended: %s", args[0], s.log())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w: %s", args[0], err, s.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// log is the end of what the server has to say.
func (s *Server) log() []byte {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-2000):])
}

// guard starts a process that waits for the end of this one, or of the file returned. Then it crashes the server whose signal and
// process id are in the folder, and removes the folder.
func guard(dir string) (*os.File, error) {
	const script = `cat >/dev/null
if read -r signal pid <"$1/process"; then
  kill -"$signal" "$pid"
  for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" || break; sleep 0.2; done # nobody may be left to bury it
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }`
	end, begin, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer end.Close()
	cmd := exec.Command("/bin/sh", "-c", script, "sh", dir) //nolint:noctx // it outlives this process
	cmd.Stdin, cmd.Dir = end, "/"
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, begin.Close())
	}
	return begin, cmd.Process.Release()
}

// run runs a program that ends by itself, in dir.
func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, environment()
	if err := unprivileged(cmd); err != nil {
		return nil, err
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, bytes.TrimSpace(out[max(0, len(out)-2000):]))
	}
	return out, nil
}

// environment keeps the settings of whoever runs the tests away: no PGHOST, no my.cnf of theirs.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=/nonexistent"}
}
