package oidc_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// patience is how long a peer may live: for all that a test asks it.
const patience = 5 * time.Minute

// peer is one of the programs in folder node. It is asked one thing at a time.
type peer struct {
	in  io.Writer
	out *bufio.Reader
}

// args are what a question comes with.
type args map[string]any

// newPeer runs a program until the test ends.
func newPeer(t *testing.T, script string, env ...string) *peer {
	t.Helper()
	node := program(t, "node")
	folder := t.TempDir() // modules are looked for where the script is
	require.NoError(t, os.Symlink(testservers.NodeModules(t, "node"), filepath.Join(folder, "node_modules")))
	for _, name := range []string{"package.json", "lines.js", "loopback.js", script} {
		data, err := os.ReadFile(filepath.Join("node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o600))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	command := exec.CommandContext(ctx, node, filepath.Join(folder, script))
	command.Env = append(os.Environ(), env...)
	var said strings.Builder
	command.Stderr = &said
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close() // ends it
		_ = command.Wait()
		cancel()
		if t.Failed() && said.Len() > 0 {
			t.Logf("%s said:\n%s", script, said.String())
		}
	})
	return &peer{in, bufio.NewReader(out)}
}

// failure is an error of the peer's library.
type failure struct {
	Type, Name, Message, Description string
	Code                             any
	Status                           int
	Cause                            *failure
}

// ask asks and returns what the peer answered: a value, or its library's error.
func (p *peer) ask(t *testing.T, question string, with args) (json.RawMessage, *failure) {
	t.Helper()
	line := args{"ask": question}
	maps.Copy(line, with)
	data, err := json.Marshal(line)
	require.NoError(t, err)
	_, err = p.in.Write(append(data, '\n'))
	require.NoError(t, err)
	data, err = p.out.ReadBytes('\n')
	require.NoError(t, err, "the peer ended")
	var answer struct {
		Value json.RawMessage
		Error *failure
	}
	require.NoError(t, json.Unmarshal(data, &answer), string(data))
	return answer.Value, answer.Error
}

// must asks what has to work, and reads the answer into what is given.
func (p *peer) must(t *testing.T, question string, with args, into any) {
	t.Helper()
	value, failed := p.ask(t, question, with)
	require.Nil(t, failed, "%s: %+v", question, failed)
	require.NoError(t, json.Unmarshal(value, into), string(value))
}

// absent says that something is not on this machine: a reason to skip, except where everything is required.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("TENANTDOOR_REQUIRE_SERVICES") == "1" {
		t.Fatalf("required: %s", what)
	}
	t.Skipf("skipped: %s", what)
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		absent(t, name+" is not installed (apt-get install nodejs npm)")
	}
	return path
}
