package relocale

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/synapsedb/synapse/internal/pgprogram"
)

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
	if err := dumping.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	var failure error
	go func() {
		failure = dumping.Wait()
		close(ended)
	}()
	if err = r.letIn(ctx, sessions, ended); err != nil {
		cancel()
	}
	<-ended
	if err != nil {
		return err
	}
	return failure
}

// newDump prepares pg_dump. It waits for the lock of a table no longer than our own sessions do: nobody else should have one.
func (r *run) newDump(ctx context.Context) (*pgprogram.Program, error) {
	config, err := r.options.As.In(r.source.name)
	if err != nil {
		return nil, err
	}
	dumping := pgprogram.New(ctx, r.options.PgDump, "--format=directory", "--compress=1", "--no-sync", "--lock-wait-timeout="+lockTimeout,
		"--jobs="+strconv.Itoa(r.options.Jobs), "--file="+r.archive())
	return dumping, dumping.On(config, r.dumpName())
}

// restore runs pg_restore, which ends at the first error.
func (r *run) restore(ctx context.Context) error {
	r.meter.Enter(PhaseRestore, 0)
	config, err := r.work()
	if err != nil {
		return err
	}
	restoring := pgprogram.New(ctx, r.options.PgRestore, "--format=directory", "--exit-on-error", "--jobs="+strconv.Itoa(r.options.Jobs), r.archive())
	if err := restoring.On(config, restoreApplication); err != nil {
		return err
	}
	return restoring.Run()
}
