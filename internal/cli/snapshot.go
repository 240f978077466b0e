package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

const snapshotHelp = `Copy a SQLite database while its server runs.

The copy is a state that the database was in at one moment, write-ahead log included.
The source is only read and stays as it is. The copy gets its name when it is complete,
examined and on the disk; until then it is FILE.snapshot-partial, which an
interruption removes.

In WAL mode, which the Python homeserver uses, the server goes on undisturbed. Its
-wal file grows until the copy is made. In rollback journal mode every commit of the
server makes the copy begin again: see --block-writers.

A configuration with several SQLite databases needs --output to be a folder that is
there. Each gets a file LABEL.db in it, main before state, and all get their names
when all are complete.

Exit status:
  0    copied and examined
  1    the configuration cannot be read
  2    wrong flags, or a database section without name
  3    the configured database is not SQLite
  4    the configuration has no database
  5    refused, or stopped on the way: no copy was made, the message says why
  130, 143  stopped by SIGINT, SIGTERM`

const snapshotExample = `  synapse snapshot -c /etc/matrix-synapse/homeserver.yaml --output /backup/homeserver.db
  synapse snapshot --sqlite-database homeserver.db --output homeserver.db.snapshot --overwrite`

type snapshotFlags struct {
	configs   []string
	source    string
	output    string
	overwrite bool
	rate      int64
	check     string
	block     bool
	json      bool
}

// Snapshot is a copy that was made, as "synapse snapshot --json" prints it.
type Snapshot struct {
	Label         string             `json:"label,omitempty"`
	Source        string             `json:"source"`
	Output        string             `json:"output"`
	Bytes         int64              `json:"bytes"`
	Pages         int64              `json:"pages"`
	PageSize      int                `json:"page_size"`
	JournalMode   string             `json:"journal_mode"`
	InUse         bool               `json:"in_use"`
	Access        sqlite.Access      `json:"access"`
	Attempts      int                `json:"attempts"`
	WALBytes      int64              `json:"wal_bytes"`
	Check         sqlite.BackupCheck `json:"check"`
	CopySeconds   float64            `json:"copy_seconds"`
	CheckSeconds  float64            `json:"check_seconds"`
	RemovedBroken bool               `json:"removed_broken"`
}

func (e *environment) snapshot() *cobra.Command {
	flags := &snapshotFlags{}
	command := &cobra.Command{
		Use:     "snapshot {--config FILE… | --sqlite-database FILE} --output FILE",
		Short:   "Copy a SQLite database while its server runs",
		Long:    snapshotHelp,
		Example: snapshotExample,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "output"); err != nil {
				return err
			}
			return e.runSnapshot(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	set.StringArrayVarP(&flags.configs, "config", "c", nil,
		"homeserver.yaml, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	set.StringVar(&flags.source, "sqlite-database", "", "the SQLite `file` to copy, in place of --config")
	set.StringVarP(&flags.output, "output", "o", "", "the `file` to make, or the folder for several databases")
	set.BoolVar(&flags.overwrite, "overwrite", false, "replace a file that is there, at the end")
	set.Int64Var(&flags.rate, "rate", sqlite.DefaultBackupRate/1_000_000, "copy at most this many `megabytes` a second; 0 for no limit")
	set.StringVar(&flags.check, "check", string(sqlite.QuickCheck), "how the copy is examined (`quick|integrity|none`)")
	set.BoolVar(&flags.block, "block-writers", false, "in rollback journal mode let the writers wait until the copy is made")
	set.BoolVar(&flags.json, "json", false, "print what was copied as JSON")
	return command
}

// snapshotJob is one database to copy.
type snapshotJob struct{ label, source, output string }

func (e *environment) runSnapshot(ctx context.Context, flags *snapshotFlags) error {
	options, err := flags.options(e)
	if err != nil {
		return err
	}
	jobs, err := e.snapshotJobs(flags)
	if err != nil {
		return err
	}
	for _, job := range jobs { // all refusals come before the first copy
		if err := sqlite.CheckBackup(job.source, job.output, options); err != nil {
			return &jobError{err}
		}
	}
	made, err := e.makeSnapshots(ctx, jobs, options)
	if err != nil {
		return &jobError{explainSnapshotStop(ctx, err)}
	}
	if flags.json {
		return e.printJSON(made)
	}
	for _, snapshot := range made {
		fmt.Fprintln(e.stdout, snapshotText(&snapshot))
	}
	return nil
}

func (f *snapshotFlags) options(e *environment) (sqlite.BackupOptions, error) {
	options := sqlite.BackupOptions{
		Overwrite: f.overwrite, Rate: f.rate * 1_000_000, Check: sqlite.BackupCheck(f.check), BlockWriters: f.block, Log: e.logger(),
	}
	switch {
	case (f.source == "") == (len(f.configs) == 0):
		return options, &usageError{errors.New("give one of --config and --sqlite-database\nsee synapse snapshot --help")}
	case f.rate < 0:
		return options, &usageError{errors.New("--rate must not be below 0")}
	case f.rate == 0:
		options.Rate = -1
	}
	if !slices.Contains([]sqlite.BackupCheck{sqlite.QuickCheck, sqlite.IntegrityCheck, sqlite.NoCheck}, options.Check) {
		return options, &usageError{fmt.Errorf("--check is %q; it can be quick, integrity or none", f.check)}
	}
	return options, nil
}

func (e *environment) snapshotJobs(flags *snapshotFlags) ([]snapshotJob, error) {
	if flags.source != "" {
		return []snapshotJob{{source: flags.source, output: flags.output}}, nil
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return nil, err
	}
	for _, database := range loaded.Databases {
		if database.Engine != engine.SQLite {
			return nil, &notSQLiteError{database}
		}
		if database.SQLitePath == config.InMemory {
			return nil, &jobError{fmt.Errorf("%s: %s is in memory, so there is no file to copy", database.Position, database.Label)}
		}
	}
	if len(loaded.Databases) == 1 {
		database := loaded.Databases[0]
		return []snapshotJob{{label: database.Label, source: database.SQLitePath, output: flags.output}}, nil
	}
	return splitJobs(loaded.Databases, flags.output)
}

// splitJobs puts main before state. A server makes a state group before the event that refers to it, so that a copy of state that is
// made later has all groups that the copy of main needs.
func splitJobs(databases []config.Database, folder string) ([]snapshotJob, error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, &jobError{fmt.Errorf("--output: the configuration has %d databases, so %s has to be a folder that is there", len(databases), folder)}
	}
	var first, rest []snapshotJob
	for _, database := range databases {
		name := url.PathEscape(database.Label) + ".db" // a label may hold any character
		job := snapshotJob{label: database.Label, source: database.SQLitePath, output: filepath.Join(folder, name)}
		if slices.Contains(database.DataStores, "main") {
			first = append(first, job)
		} else {
			rest = append(rest, job)
		}
	}
	return append(first, rest...), nil
}

// notSQLiteError says of a database of PostgreSQL what copies it.
type notSQLiteError struct{ database config.Database }

func (e *notSQLiteError) Error() string {
	return fmt.Sprintf("%s: %s is %s; a snapshot is of SQLite, and PostgreSQL is copied by pg_dump", e.database.Position, e.database.Label, e.database.Engine)
}

func (e *notSQLiteError) Unwrap() error {
	return &config.EngineError{Position: e.database.Position, Section: e.database.Label}
}

// makeSnapshots makes all copies before the first one gets its name.
func (e *environment) makeSnapshots(ctx context.Context, jobs []snapshotJob, options sqlite.BackupOptions) (made []Snapshot, err error) {
	var staged []*sqlite.StagedBackup
	for _, job := range jobs {
		display := e.showSnapshot(job)
		options.Progress = display.update
		copied, err := sqlite.StageBackup(ctx, job.source, job.output, options)
		display.stop()
		if err != nil {
			return nil, errors.Join(err, discardSnapshots(staged))
		}
		staged = append(staged, copied)
	}
	for i, copied := range staged {
		result, err := copied.Publish()
		if err != nil {
			return nil, errors.Join(err, discardSnapshots(staged[i+1:]))
		}
		made = append(made, snapshotOf(jobs[i].label, result))
	}
	return made, nil
}

func discardSnapshots(staged []*sqlite.StagedBackup) error {
	var errs []error
	for _, copied := range staged {
		errs = append(errs, copied.Discard())
	}
	return errors.Join(errs...)
}

func snapshotOf(label string, result *sqlite.BackupResult) Snapshot {
	return Snapshot{
		Label: label, Source: result.Source.Path, Output: result.Destination, Bytes: result.Bytes, Pages: result.Pages,
		PageSize: result.Source.PageSize, JournalMode: result.Source.JournalMode, InUse: result.Source.InUse, Access: result.Source.Access,
		Attempts: result.Attempts, WALBytes: result.WALBytes, Check: result.Check, CopySeconds: result.CopyTime.Seconds(),
		CheckSeconds: result.CheckTime.Seconds(), RemovedBroken: result.RemovedBroken,
	}
}

func snapshotText(made *Snapshot) string {
	text := fmt.Sprintf("%s -> %s\n", made.Source, made.Output)
	text += fmt.Sprintf("  copied   %s in %.1f s", bytesText(made.Bytes), made.CopySeconds)
	if made.Attempts > 1 {
		text += fmt.Sprintf(", begun %d times because the database was changed", made.Attempts)
	}
	if made.InUse && made.JournalMode == "wal" {
		text += "; the write-ahead log of the source is " + bytesText(made.WALBytes)
	}
	switch made.Check {
	case sqlite.NoCheck:
		text += "\n  checked  not, as asked"
	case sqlite.QuickCheck, sqlite.IntegrityCheck:
		text += fmt.Sprintf("\n  checked  by %s_check in %.1f s: ok", made.Check, made.CheckSeconds)
	}
	if made.RemovedBroken {
		text += "\n  removed  the unfinished copy that a killed run had left"
	}
	return text
}

// explainSnapshotStop says of what ended because of a signal that nothing is left of it.
func explainSnapshotStop(ctx context.Context, err error) error {
	stopped, isStopped := errors.AsType[*signalError](context.Cause(ctx))
	if !isStopped || !errors.Is(err, error(stopped)) && !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w; what was copied has been removed", stopped)
}
