package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/port/split"
	"github.com/synapsedb/synapse/schema"
)

const schemaSplitHelp = `Move the logical database state out of the database that it shares with main, into
one of its own on the same engine: from PostgreSQL to PostgreSQL, or from SQLite to
SQLite. --to names a file with a section "database" for the new one, which has to be
empty, or a SQLite file that is not there yet.

Stop the homeserver and its workers first, and leave them stopped until their
configuration names both databases: the section for it is printed at the end, when
both sides were read again and are equal. The database that state is copied from is
not changed at all. Until the copy is complete no homeserver starts on it; when the
command is interrupted or killed, the same command begins anew.

With --drop-source-tables, and the configuration that the homeserver runs with since
the split, the tables of state are dropped that the split has left in the database of
main. It refuses when state's own database ends before they do.

Exit status:
  0    split and verified, or dropped; with --check: nothing hinders
  1    the configuration or the schema files cannot be found or read
  2    wrong flags, or a database section without name
  3    a configured engine is neither SQLite nor PostgreSQL
  4    a configuration has no database
  5    refused, not reachable, or failed: the message says which
  130, 143  stopped by SIGINT, SIGTERM`

const schemaSplitExample = `  synapse schema split -c homeserver.yaml --to state-database.yaml --check
  synapse schema split -c homeserver.yaml --to state-database.yaml
  synapse schema split -c homeserver.yaml --drop-source-tables`

type schemaSplitFlags struct {
	schemaFlags
	to    string
	drop  bool
	check bool
	json  bool
}

// SchemaSplit is what a split did, as "synapse schema split --json" prints it.
type SchemaSplit struct {
	*split.Report
	// Databases is the section for homeserver.yaml, without passwords; empty unless the split was made.
	Databases string `json:"databases,omitempty"`
}

func (e *environment) schemaSplit() *cobra.Command {
	flags := &schemaSplitFlags{}
	command := &cobra.Command{
		Use:     "split --config FILE… {--to FILE | --drop-source-tables}",
		Short:   "Move state into a database of its own",
		Long:    schemaSplitHelp,
		Example: schemaSplitExample,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config"); err != nil {
				return err
			}
			return e.runSchemaSplit(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	flags.register(set)
	set.StringVar(&flags.to, "to", "", "`file` with a section database for the one that state is moved to")
	set.BoolVar(&flags.drop, "drop-source-tables", false, "drop what a split has left of state in the database of main")
	set.BoolVar(&flags.check, "check", false, "only look for what hinders; change nothing")
	set.BoolVar(&flags.json, "json", false, "print the result as JSON")
	return command
}

func (e *environment) runSchemaSplit(ctx context.Context, flags *schemaSplitFlags) error {
	if err := flags.checkFlags(); err != nil {
		return err
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return err
	}
	if flags.drop {
		return e.dropSplit(ctx, flags, loaded)
	}
	to, err := e.loadConfig([]string{flags.to})
	if err != nil {
		return err
	}
	if len(to.Databases) != 1 {
		return &usageError{fmt.Errorf("--to: %s has %d databases; it has to have one section database, without data_stores", flags.to, len(to.Databases))}
	}
	return e.makeSplit(ctx, flags, loaded, to)
}

func (f *schemaSplitFlags) checkFlags() error {
	if (f.to == "") == !f.drop {
		return &usageError{errors.New("give one of --to and --drop-source-tables\nsee synapse schema split --help")}
	}
	return f.schemaFlags.check()
}

// holder is the configured database that holds a logical one; config has made sure that there is one.
func holder(loaded *config.Config, logical string) config.Database {
	for _, database := range loaded.Databases {
		if slices.Contains(database.DataStores, logical) {
			return database
		}
	}
	return config.Database{}
}

func splitDatabase(configured config.Database) split.Database {
	return split.Database{Label: configured.Label, Postgres: configured.Postgres, SQLitePath: configured.SQLitePath, Logical: configured.DataStores}
}

// splitSet finds the schema set of a database, by what that says of itself.
func (e *environment) splitSet(ctx context.Context, flags *schemaFlags, configured config.Database) (*schema.Set, error) {
	found, err := e.openDatabase(ctx, synapse.FromConfig(configured), &setFinder{flags: flags}, false)
	if err != nil {
		return nil, err
	}
	if err := found.session.Close(); err != nil {
		return nil, &jobError{err}
	}
	if found.set == nil {
		return nil, &filesError{database: found.session.Name(), owner: schema.UpstreamsDatabase}
	}
	return found.set, nil
}

func (e *environment) makeSplit(ctx context.Context, flags *schemaSplitFlags, loaded, to *config.Config) error {
	source := holder(loaded, "state")
	section, err := splitSection(loaded, source, to)
	if err != nil {
		return err
	}
	set, err := e.splitSet(ctx, &flags.schemaFlags, source)
	if err != nil {
		return err
	}
	display := e.showSplit()
	report, err := split.Run(ctx, split.Options{
		Source: splitDatabase(source), Target: splitDatabase(to.Databases[0]), Set: set, ServerName: loaded.ServerName,
		Check: flags.check, Progress: display.update, Log: e.logger(),
	})
	display.stop()
	result := &SchemaSplit{Report: report}
	if err == nil && !flags.check {
		result.Databases = section
	}
	if printed := e.printSplit(result, source, flags.json); printed != nil {
		err = errors.Join(err, fmt.Errorf("print the report: %w", printed))
	}
	if err != nil {
		return &jobError{explainSplit(ctx, err)}
	}
	return nil
}

// explainSplit says of what ended on the way how to go on.
func explainSplit(ctx context.Context, err error) error {
	_, refused := errors.AsType[*split.RefusedError](err)
	_, differs := errors.AsType[*split.MismatchError](err)
	if refused || differs {
		return err
	}
	if stopped, isStopped := errors.AsType[*signalError](context.Cause(ctx)); isStopped {
		err = stopped
	}
	return fmt.Errorf("%w; the database that state is copied from is as it was, and the copy is not complete: run the same command again, which begins anew", err)
}

func (e *environment) printSplit(result *SchemaSplit, source config.Database, asJSON bool) error {
	if asJSON {
		return e.printJSON(result)
	}
	w := &reportWriter{writer: e.stdout}
	switch result.Result {
	case split.Done:
		w.splitTables(result.Report)
		w.line("Time     %.1f s", result.Seconds)
		w.line("Split    %s; both sides are equal: counts and checksums of %s, %s.", rowsText(result.Rows),
			count(len(result.Tables), "table"), count(len(result.Sequences), "sequence"))
		w.line("Next     Put this in place of the database section in %s, and only then start the homeserver:\n", source.Position.File)
		w.line("%s", result.Databases)
		w.line("Keep     the tables of state in %s as they are until the homeserver has run well for some days;", result.Source)
		w.line("         until it has written anything, the old configuration leads back to them. Then drop them:")
		w.line("         synapse schema split --drop-source-tables, with the new configuration.")
		w.line("         Back up both databases from now on.")
	case split.Clean:
		w.line("Checked  %s, schema %d: nothing hinders a split. Nothing was changed.", result.Source, result.Version)
	case split.Refused, split.Different, split.Failed: // the error says it all
	}
	return w.err
}

func (w *reportWriter) splitTables(report *split.Report) {
	w.line("Source   %s (%s, schema %d)", report.Source, report.Set, report.Version)
	w.line("Target   %s", report.Target)
	if report.Leftover {
		w.line("Emptied  what an unfinished split had left in the target")
	}
	w.line("")
	w.equalTables(report.Tables)
	for _, sequence := range report.Sequences {
		w.line("%s gives %s next", sequence.Sequence, number(sequence.Next))
	}
	w.line("")
}

func (e *environment) dropSplit(ctx context.Context, flags *schemaSplitFlags, loaded *config.Config) error {
	main, state := holder(loaded, "main"), holder(loaded, "state")
	set, err := e.splitSet(ctx, &flags.schemaFlags, main)
	if err != nil {
		return err
	}
	report, err := split.DropSourceTables(ctx, split.DropOptions{
		Main: splitDatabase(main), State: splitDatabase(state), Set: set, ServerName: loaded.ServerName, Check: flags.check, Log: e.logger(),
	})
	if printed := e.printDrop(report, flags.json); printed != nil {
		err = errors.Join(err, fmt.Errorf("print the report: %w", printed))
	}
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	return nil
}

func (e *environment) printDrop(report *split.DropReport, asJSON bool) error {
	if asJSON {
		return e.printJSON(report)
	}
	w := &reportWriter{writer: e.stdout}
	names := strings.Join(slices.Concat(report.Tables, report.Sequences), ", ")
	switch report.Result {
	case split.Done:
		w.line("Dropped  from %s: %s", report.Source, names)
	case split.Clean:
		w.line("Checked  nothing hinders; these would be dropped from %s: %s. Nothing was changed.", report.Source, names)
	case split.Refused, split.Different, split.Failed:
	}
	return w.err
}
