package testservers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

var sharedRedis, sharedRedisCluster shared

// Redis returns this test binary's Redis.
func Redis(t testing.TB) *Server {
	t.Helper()
	return sharedRedis.get(t, newRedis)
}

// RedisCluster returns this test binary's Redis Cluster: one node that holds every slot, and refuses a command whose keys lie in several.
// It has one database, which is emptied for each test: tests that use it do not run side by side.
func RedisCluster(t testing.TB) *Server {
	t.Helper()
	return sharedRedisCluster.get(t, newRedisCluster)
}

// NewRedis starts a Redis for this test.
func NewRedis(t testing.TB) *Server {
	t.Helper()
	return own(t, StartRedis)
}

// NewRedisCluster starts a Redis Cluster of one node for this test, which may make one of several such nodes.
func NewRedisCluster(t testing.TB) *Server {
	t.Helper()
	return own(t, func() (*Server, error) { return start(newRedisCluster) })
}

// StartRedis starts one without a test, for programs. Its errors say what to install.
func StartRedis() (*Server, error) { return start(newRedis) }

type redis struct {
	dir, server string
	port, bus   string // bus is the port of the cluster's own talk, "" without a cluster
}

func newRedis(dir string) (engine, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, &missing{"redis-server", "redis-server"}
	}
	port, err := freePort()
	return &redis{dir: dir, server: path, port: port}, err
}

func newRedisCluster(dir string) (engine, error) {
	e, err := newRedis(dir)
	if err != nil {
		return nil, err
	}
	r := e.(*redis) //nolint:forcetypeassert // made above
	r.bus, err = freePort()
	return r, err
}

func freePort() (string, error) {
	address, err := FreeAddress()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(address)
	return port, err
}

func (r *redis) install(context.Context) error { return nil }

// Every write is in the operating system's hands before it is acknowledged (an append-only file), so it survives a crash of the server.
func (r *redis) command() ([]string, syscall.Signal) {
	command := []string{
		r.server, "--bind", "127.0.0.1", "--port", r.port, "--dir", r.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "no",
		"--databases", "10000", "--maxmemory-policy", "noeviction",
	}
	if r.bus != "" {
		command = append(command, "--cluster-enabled", "yes", "--cluster-port", r.bus) // by default 10,000 higher, where no port may be
	}
	return command, syscall.SIGKILL
}

// send sends one command and returns the first line of the answer.
func (r *redis) send(ctx context.Context, command string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+r.port)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && strings.HasPrefix(line, "-") {
		err = errors.New(strings.TrimSpace(line))
	}
	return strings.TrimSpace(line), err
}

func (r *redis) ping(ctx context.Context) error {
	_, err := r.send(ctx, "EXISTS ready")
	if r.bus == "" || err == nil {
		return err
	}
	// A new node has no slots. It is up a moment after it got them; that they are taken on the second try says nothing new.
	_, _ = r.send(ctx, "CLUSTER ADDSLOTSRANGE 0 16383")
	return err
}

func (r *redis) create(ctx context.Context, number int) (string, func(context.Context) error, error) {
	if r.bus != "" {
		_, err := r.send(ctx, "FLUSHALL")
		return "redis://127.0.0.1:" + r.port, func(context.Context) error { return nil }, err
	}
	return fmt.Sprintf("redis://127.0.0.1:%s/%d", r.port, number), func(context.Context) error { return nil }, nil
}
