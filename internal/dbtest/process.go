package dbtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// InterruptedCode is how a process exits that SIGTERM has stopped.
const InterruptedCode = 3

// Work is what another process is to do. It becomes JSON on its way there. The context ends at SIGTERM.
type Work interface {
	Run(ctx context.Context) error
}

// Process has the test binary do some work in a process of its own. TestMain calls PlayProcess with the same variable first.
type Process struct {
	// Variable is the environment variable that holds the work.
	Variable string
	Work     Work
}

// PlayProcess does the work of such a process, if this one is such, and does not return then.
func PlayProcess[W Work](variable string) {
	content := os.Getenv(variable)
	if content == "" {
		return
	}
	os.Exit(play[W](content))
}

// play returns the code to exit with.
func play[W Work](content string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var work W
	err := json.Unmarshal([]byte(content), &work)
	if err == nil {
		err = work.Run(ctx)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return InterruptedCode
	}
	return 1
}

// Command is the process, not started yet.
func (p Process) Command(t testing.TB) *exec.Cmd {
	t.Helper()
	content, err := json.Marshal(p.Work)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // the test binary itself
	command.Env = append(os.Environ(), p.Variable+"="+string(content))
	command.WaitDelay = time.Second // what it has started may outlive it, and holds its output
	return command
}

// Start begins the process; what it says goes to output.
func (p Process) Start(t testing.TB, output io.Writer) *exec.Cmd {
	t.Helper()
	command := p.Command(t)
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

// MustEnd runs the process to its end, and returns how long that took.
func (p Process) MustEnd(t testing.TB) time.Duration {
	t.Helper()
	var output bytes.Buffer
	begun := time.Now()
	if err := p.Start(t, &output).Wait(); err != nil {
		t.Fatalf("%v: %s", err, output.String())
	}
	return time.Since(begun)
}

// SignalAfter begins the process, sends it a signal some time later, unless it has ended by then, and reports whether it came to its
// end in spite of it. The test fails when it ended neither so nor by the signal.
func (p Process) SignalAfter(t testing.TB, sent syscall.Signal, after time.Duration) (completed bool) {
	t.Helper()
	var output bytes.Buffer
	command := p.Start(t, &output)
	timer := time.AfterFunc(after, func() { _ = command.Process.Signal(sent) }) // it may have ended by then
	_ = command.Wait()                                                          // its state is looked at below
	timer.Stop()
	state := command.ProcessState
	status, _ := state.Sys().(syscall.WaitStatus)
	interrupted := sent == syscall.SIGTERM && state.ExitCode() == InterruptedCode
	if !state.Success() && !interrupted && status.Signal() != sent {
		t.Fatalf("signalled after %v, the process ended by %v: %s", after, state, output.String())
	}
	return state.Success()
}
