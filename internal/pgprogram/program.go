package pgprogram

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/synapsedb/synapse/engine/postgres"
)

// endingTime is what a program gets to end after it was told to.
const endingTime = 10 * time.Second

// Program is one that was not started yet, or is at work.
type Program struct {
	command  *exec.Cmd
	problems bytes.Buffer
	output   bytes.Buffer
}

// New prepares a program of this path. When ctx ends it is told to end its own processes, too.
func New(ctx context.Context, path string, arguments ...string) *Program {
	p := &Program{command: exec.CommandContext(ctx, path, arguments...)}
	p.command.Cancel = func() error { return p.command.Process.Signal(syscall.SIGTERM) }
	p.command.WaitDelay = endingTime
	p.command.Stdout, p.command.Stderr = &p.output, &p.problems
	p.command.Env = append(os.Environ(), "LC_ALL=C")
	return p
}

// On has the program connect as a configuration says. application is the name of its sessions.
func (p *Program) On(config *postgres.Config, application string) error {
	how, err := config.ForProgram()
	if err != nil {
		return err
	}
	p.command.Args = append(p.command.Args, "--no-password", "--dbname="+how.Conninfo)
	p.command.Env = slices.Concat(how.Environment, []string{"LC_ALL=C", "PGAPPNAME=" + application})
	return nil
}

// Run starts the program and waits for its end. An error holds what it said.
func (p *Program) Run() error { return p.explain(p.command.Run()) }

// Start only starts it; Wait has to follow.
func (p *Program) Start() error { return p.explain(p.command.Start()) }

// Wait waits for the end of a program that was started. An error holds what it said.
func (p *Program) Wait() error { return p.explain(p.command.Wait()) }

// Output is what it has written.
func (p *Program) Output() string { return p.output.String() }

// explain adds what the program said.
func (p *Program) explain(err error) error {
	if err == nil {
		return nil
	}
	if text := strings.TrimSpace(p.problems.String()); text != "" {
		err = errors.New(text)
	}
	return fmt.Errorf("%s failed: %w", filepath.Base(p.command.Path), err)
}

var version = regexp.MustCompile(`\) ([0-9]+)`)

// MajorVersion is a program's.
func MajorVersion(ctx context.Context, path string) (int, error) {
	p := New(ctx, path, "--version")
	if err := p.Run(); err != nil {
		return 0, err
	}
	found := version.FindStringSubmatch(p.Output())
	if found == nil {
		return 0, fmt.Errorf("%s does not say its version; is it PostgreSQL's?", path)
	}
	return strconv.Atoi(found[1])
}
