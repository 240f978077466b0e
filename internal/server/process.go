package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// patience is how long a server may take to end in order before it is killed.
const patience = 20 * time.Second

// home is where a server and its tools run: under whose account, in which folder, watched by which guard.
type home struct {
	account account
	folder  string
	guard   *guard
}

// process is one running program and the knowledge of when it ends.
type process struct {
	command *exec.Cmd
	ended   chan struct{}
	err     error
}

// launch starts a program that writes to the log file. It outlives any context: it ends by stop, by itself, or by the
// guard.
func (h home) launch(log *os.File, program string, arguments ...string) (*process, error) {
	command := exec.Command(program, arguments...) //nolint:noctx // a server lives longer than the call that starts it
	h.settle(command)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("run %s: %w", program, err)
	}
	started := &process{command: command, ended: make(chan struct{})}
	go func() {
		started.err = command.Wait()
		close(started.ended)
	}()
	return started, nil
}

// run runs one of a server's tools to its end and returns a *StartError with its output when it does not succeed.
func (h home) run(ctx context.Context, program string, arguments ...string) error {
	command := exec.CommandContext(ctx, program, arguments...)
	h.settle(command)
	output, err := command.CombinedOutput()
	if err != nil {
		return &StartError{Program: program, Log: tail(output), Err: err}
	}
	return nil
}

// settle gives a program the home's folder, account and guard.
func (h home) settle(command *exec.Cmd) {
	command.Dir, command.Env = h.folder, environment()
	command.SysProcAttr = h.account.attributes(h.guard.group())
}

// environment is what servers and their tools are given: nothing of ours that could change what they do (PGDATA,
// PGPORT, a locale).
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

// running reports whether the program has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop sends the signals one after another, giving each its time, until the program has ended. The last resort is a
// kill.
func (p *process) stop(signals ...os.Signal) error {
	for _, signal := range append(signals, os.Kill) {
		if p.running() {
			// An error means that it has just ended, which the wait below sees.
			_ = p.command.Process.Signal(signal)
		}
		if p.wait(patience) {
			return nil
		}
	}
	return fmt.Errorf("stop %s (process %d): it does not end", p.command.Path, p.command.Process.Pid)
}

// wait reports whether the program has ended within the time given.
func (p *process) wait(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.ended:
		return true
	case <-timer.C:
		return false
	}
}
