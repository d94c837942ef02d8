package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// machine is a server's process.
type machine struct {
	task task

	mu      sync.Mutex
	process *exec.Cmd
	input   io.Closer     // the process ends when this does
	exited  chan struct{} // closed when it has ended
}

// start starts the server and returns when it serves.
func (m *machine) start(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program) //nolint:noctx,gosec // this very program; it ends with its input, or is killed
	cmd.Env, cmd.Stderr = append(os.Environ(), nodeVariable+"=1"), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	m.mu.Lock()
	m.process, m.input, m.exited = cmd, in, exited
	m.mu.Unlock()
	told := make(chan error, 1)
	go func() {
		told <- tell(in, out, m.task)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // it was killed, or has said why it ended
		close(exited)
	}()
	select {
	case err := <-told:
		return err
	case <-ctx.Done():
		return errors.Join(ctx.Err(), m.kill())
	}
}

// tell hands over the task and waits until the server serves.
func tell(in io.Writer, out io.Reader, t task) error {
	if err := json.NewEncoder(in).Encode(t); err != nil {
		return fmt.Errorf("%s did not start: %w", t.Name, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		return fmt.Errorf("%s did not start: %w", t.Name, err)
	}
	return nil
}

// kill ends the process as a power failure would, and returns when it is gone.
func (m *machine) kill() error {
	m.mu.Lock()
	process, input, exited := m.process, m.input, m.exited
	m.mu.Unlock()
	if err := process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-exited
	if err := input.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// gone is closed when the process that runs now has ended.
func (m *machine) gone() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.exited
}

func (m *machine) pid() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process.Process.Pid
}
