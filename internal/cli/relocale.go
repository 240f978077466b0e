package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/server"
)

const relocaleHelp = `Move a PostgreSQL database whose locale is not C into a new one with C, by pg_dump and
pg_restore, and compare both: all rows, sequences, and what pg_dump says of all else.

Stop the homeserver and its workers first, and leave them stopped until their
configuration names the new database: what to change is printed at the end. Before
anything is written, the old database is read for what the new one would not take, such
as keys that are there twice and that a damaged index hides. Then it accepts no more
connections, and stays like this: it is not changed otherwise, and not dropped. The new
one gets its name when it was compared, not before.

When the command fails or is interrupted, the old database accepts connections again
and what was made is dropped; after a kill, the same command begins anew, and --undo
only puts things back. --undo also opens the old database again after a move.

Passwords are taken from the configuration, for --as from PGPASSWORD or a password file.

Exit status:
  0    moved and equal; with --check: nothing hinders; with --undo: put back
  1    the configuration cannot be found or read
  2    wrong flags, or a database section without name
  3    a configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    refused, not reachable, or failed: the message says which
  130, 143  stopped by SIGINT, SIGTERM`

const relocaleExample = `  synapse relocale -c homeserver.yaml --to synapse_c --check
  PGPASSWORD=… synapse relocale -c homeserver.yaml --to synapse_c --as postgres
  synapse relocale -c homeserver.yaml --undo`

type relocaleFlags struct {
	configs  []string
	to       string
	as       string
	database string
	jobs     int
	folder   string
	check    bool
	undo     bool
	yes      bool
	json     bool
}

// Relocale is what a move did, as "synapse relocale --json" prints it.
type Relocale struct {
	*relocale.Report
	// Section is the section for homeserver.yaml, without passwords; empty unless the database was moved.
	Section string `json:"section,omitempty"`
}

func (e *environment) relocale() *cobra.Command {
	flags := &relocaleFlags{}
	command := &cobra.Command{
		Use:     "relocale --config FILE… {--to NAME | --undo}",
		Short:   "Move a database with the wrong locale into a new one with C",
		Long:    relocaleHelp,
		Example: relocaleExample,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config"); err != nil {
				return err
			}
			return e.runRelocale(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	set.StringArrayVarP(&flags.configs, "config", "c", nil, "homeserver.yaml, a `file` or a directory; may be repeated")
	set.StringVar(&flags.to, "to", "", "`name` of the new database; there must be none")
	set.StringVar(&flags.as, "as", "", "do it as this `role`, or by this connection string, on the same server (default: the homeserver's role)")
	set.StringVar(&flags.database, "database", "", "the `label` of the database, when several are configured")
	set.IntVar(&flags.jobs, "jobs", 2, "how many tables are dumped, restored and compared at a time")
	set.StringVar(&flags.folder, "folder", "", "`folder` for the dump, which is removed at the end (default: the system's for temporary files)")
	set.BoolVar(&flags.check, "check", false, "only look for what hinders; change nothing")
	set.BoolVar(&flags.undo, "undo", false, "have the old database accept connections again, and drop what a killed run has left")
	set.BoolVar(&flags.yes, "yes", false, "move without asking")
	set.BoolVar(&flags.json, "json", false, "print the result as JSON")
	return command
}

func (f *relocaleFlags) checkFlags() error {
	switch {
	case (f.to == "") == !f.undo:
		return &usageError{errors.New("give one of --to and --undo\nsee synapse relocale --help")}
	case f.check && f.undo:
		return &usageError{errors.New("--check and --undo do not go together\nsee synapse relocale --help")}
	case f.jobs < 1 || f.jobs > 64:
		return &usageError{fmt.Errorf("--jobs is %d; it can be 1 to 64", f.jobs)}
	}
	return nil
}

func (e *environment) runRelocale(ctx context.Context, flags *relocaleFlags) error {
	if err := flags.checkFlags(); err != nil {
		return err
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return err
	}
	configured, err := flags.choose(loaded)
	if err != nil {
		return err
	}
	options, err := e.relocaleOptions(configured, flags)
	if err != nil {
		return err
	}
	display := e.showRelocale()
	options.Progress = display.update
	if flags.undo {
		return e.undoRelocale(ctx, options, flags)
	}
	result := &Relocale{}
	if result.Section, err = relocaleSection(loaded, configured, flags.to); err != nil {
		return err
	}
	result.Report, err = relocale.Run(ctx, options)
	if result.Result != relocale.Done {
		result.Section = ""
	}
	if printed := e.printRelocale(result, configured, flags.json); printed != nil {
		err = errors.Join(err, fmt.Errorf("print the report: %w", printed))
	}
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	return nil
}

// choose takes the database that the flags name, or the only one of PostgreSQL.
func (f *relocaleFlags) choose(loaded *config.Config) (config.Database, error) {
	var found []config.Database
	var labels []string
	for _, database := range loaded.Databases {
		if database.Engine == engine.Postgres {
			labels = append(labels, database.Label)
			if f.database == "" || f.database == database.Label {
				found = append(found, database)
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(labels) == 0:
		return config.Database{}, &jobError{errors.New("the configuration has no database of PostgreSQL; SQLite has no locale")}
	case len(found) == 0:
		return config.Database{}, &usageError{fmt.Errorf("--database is %q; the configuration has %s", f.database, strings.Join(labels, ", "))}
	}
	return config.Database{}, &usageError{fmt.Errorf("the configuration has several databases: name one by --database: %s", strings.Join(labels, ", "))}
}

func (e *environment) relocaleOptions(configured config.Database, flags *relocaleFlags) (relocale.Options, error) {
	options := relocale.Options{
		Database: configured.Postgres, To: flags.to, Jobs: flags.jobs, Check: flags.check, Folder: flags.folder, Log: e.logger(),
	}
	var err error
	if flags.as != "" {
		if options.As, err = configured.Postgres.As(flags.as); err != nil {
			return options, &usageError{fmt.Errorf("--as: %w", err)}
		}
	}
	if !flags.yes {
		options.Confirm = func(report *relocale.Report) bool { return e.confirmRelocale(report, os.Stdin) }
	}
	if flags.undo {
		return options, nil
	}
	if options.PgDump, err = server.FindPostgresProgram("pg_dump"); err != nil {
		return options, &jobError{err}
	}
	if options.PgRestore, err = server.FindPostgresProgram("pg_restore"); err != nil {
		return options, &jobError{err}
	}
	return options, nil
}

func (e *environment) undoRelocale(ctx context.Context, options relocale.Options, flags *relocaleFlags) error {
	report, err := relocale.Undo(ctx, options)
	if printed := e.printUndo(report, flags.json); printed != nil {
		err = errors.Join(err, fmt.Errorf("print the report: %w", printed))
	}
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	return nil
}
