package relocale

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

// program is pg_dump or pg_restore at work.
type program struct {
	command  *exec.Cmd
	problems bytes.Buffer
	output   bytes.Buffer
}

// newProgram prepares a program. A password reaches it by its environment only, and no shell is in between. When ctx ends it is told to
// end its own processes, too.
func newProgram(ctx context.Context, path string, arguments ...string) *program {
	p := &program{command: exec.CommandContext(ctx, path, arguments...)}
	p.command.Cancel = func() error { return p.command.Process.Signal(syscall.SIGTERM) }
	p.command.WaitDelay = endingTime
	p.command.Stdout, p.command.Stderr = &p.output, &p.problems
	return p
}

// on has the program connect as a configuration says.
func (p *program) on(config *postgres.Config, application string) error {
	how, err := config.ForProgram()
	if err != nil {
		return err
	}
	p.command.Args = append(p.command.Args, "--no-password", "--dbname="+how.Conninfo)
	p.command.Env = slices.Concat(how.Environment, []string{"LC_ALL=C", "PGAPPNAME=" + application})
	return nil
}

// explain adds what the program said.
func (p *program) explain(err error) error {
	if err == nil {
		return nil
	}
	if text := strings.TrimSpace(p.problems.String()); text != "" {
		err = errors.New(text)
	}
	return fmt.Errorf("%s failed: %w", filepath.Base(p.command.Path), err)
}

func (p *program) run() error { return p.explain(p.command.Run()) }

// majorVersion is a program's.
func majorVersion(ctx context.Context, path string) (int, error) {
	p := newProgram(ctx, path, "--version")
	if err := p.run(); err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`\) ([0-9]+)`).FindStringSubmatch(p.output.String())
	if found == nil {
		return 0, fmt.Errorf("%s does not say its version; is it PostgreSQL's?", path)
	}
	return strconv.Atoi(found[1])
}

// archive is the folder of the dump within ours.
func (r *run) archive() string { return filepath.Join(r.made.marker.Folder, "dump") }

// mostDumps is how often a dump is begun that waits for itself. REINDEX SYSTEM, which goes on as soon as it has ended, comes to each
// catalog of the whole server once.
const mostDumps = 20

// dump runs pg_dump, again if it waits for itself.
func (r *run) dump(ctx context.Context) error {
	for {
		r.dumps++
		err := r.dumpOnce(ctx)
		waits, is := errors.AsType[*waitError](err)
		if !is || r.dumps == mostDumps {
			return err
		}
		r.options.Log.Info("begin the dump anew", "dumps", r.dumps, "waited_for_pid", waits.pid)
		if err := os.RemoveAll(r.archive()); err != nil {
			return err
		}
	}
}

// dumpOnce: the old database accepts connections until all sessions of pg_dump are in; whoever comes in besides them ends the run.
func (r *run) dumpOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dumping, err := r.newDump(ctx)
	if err != nil {
		return err
	}
	sessions := 1
	if r.options.Jobs > 1 {
		sessions += r.options.Jobs
	}
	if err := setDoor(ctx, r.control, r.source.name, true); err != nil {
		return err
	}
	if err := dumping.command.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	var failure error
	go func() {
		failure = dumping.command.Wait()
		close(ended)
	}()
	if err = r.letIn(ctx, sessions, ended); err != nil {
		cancel()
	}
	<-ended
	if err != nil {
		return err
	}
	return dumping.explain(failure)
}

// newDump prepares pg_dump. It waits for the lock of a table no longer than our own sessions do: nobody else should have one.
func (r *run) newDump(ctx context.Context) (*program, error) {
	config, err := r.options.As.In(r.source.name)
	if err != nil {
		return nil, err
	}
	dumping := newProgram(ctx, r.options.PgDump, "--format=directory", "--compress=1", "--no-sync", "--lock-wait-timeout="+lockTimeout,
		"--jobs="+strconv.Itoa(r.options.Jobs), "--file="+r.archive())
	return dumping, dumping.on(config, r.dumpName())
}

// restore runs pg_restore, which ends at the first error.
func (r *run) restore(ctx context.Context) error {
	r.meter.Enter(PhaseRestore, 0)
	config, err := r.work()
	if err != nil {
		return err
	}
	restoring := newProgram(ctx, r.options.PgRestore, "--format=directory", "--exit-on-error", "--jobs="+strconv.Itoa(r.options.Jobs), r.archive())
	if err := restoring.on(config, restoreApplication); err != nil {
		return err
	}
	return restoring.run()
}
