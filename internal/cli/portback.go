package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/port/back"
	"github.com/synapsedb/synapse/schema"
)

const portBackHelp = `Move a homeserver's database from PostgreSQL to SQLite.

The configuration names the PostgreSQL database; if it names several (main and
state), they become one file. The file is made, and must not be there yet. Its
tables are those of the schema that the source belongs to, of the same version, from
the schema files of the installed homeserver (found in the usual places, or named by
--schema-dir) or from this program. Stop the homeserver and its workers first. The
source is only read, and stays as it is.

What happens: all checks, listed at once if any fails; a copy of all rows from one
snapshot; SQLite's own checks; a comparison of both sides. Only then the file gets
its name: an interruption at any moment leaves none. The homeserver fills its search
index and its user directory again when it runs on the file.

Exit status:
  0    made and verified; or, with --check, nothing hinders
  1    the configuration or the schema files cannot be found or read
  2    wrong flags, or a database section without name
  3    the configured database is not PostgreSQL
  4    the configuration has no database
  5    refused, or stopped on the way: no file was made, the message says why
  130, 143  stopped by SIGINT, SIGTERM`

const portBackExample = `  synapse port-back -c homeserver-postgres.yaml --sqlite-database homeserver.db --check
  synapse port-back -c homeserver-postgres.yaml --sqlite-database homeserver.db`

type portBackFlags struct {
	schemaFlags
	destination string
	sessions    bool
	check       bool
	noVerify    bool
	json        bool
}

func (e *environment) portBack() *cobra.Command {
	flags := &portBackFlags{}
	command := &cobra.Command{
		Use:     "port-back --config FILE… --sqlite-database FILE",
		Short:   "Move a homeserver's database from PostgreSQL to SQLite",
		Long:    portBackHelp,
		Example: portBackExample,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config", "sqlite-database"); err != nil {
				return err
			}
			return e.runPortBack(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	flags.register(set)
	set.StringVar(&flags.destination, "sqlite-database", "", "the SQLite `file` to make; there must be none")
	set.BoolVar(&flags.check, "check", false, "do all checks, list everything that hinders, write nothing")
	set.BoolVar(&flags.sessions, "sessions-known", false, "copy although others are connected to the source; what they write meanwhile is not moved")
	set.BoolVar(&flags.noVerify, "no-verify", false, "leave out the comparison of both sides at the end")
	set.BoolVar(&flags.json, "json", false, "print the report as JSON")
	return command
}

func (e *environment) runPortBack(ctx context.Context, flags *portBackFlags) error {
	if err := flags.schemaFlags.check(); err != nil {
		return err
	}
	options, err := e.portBackOptions(ctx, flags)
	if err != nil {
		return err
	}
	debug.SetGCPercent(50) // as for a port: most of what is held are buffers
	options.Progress = back.NewProgress()
	stop := e.showPortBack(options.Progress)
	report, err := back.Run(ctx, options)
	stop()
	if report != nil {
		if printErr := e.printPortBack(report, flags); printErr != nil {
			err = errors.Join(err, fmt.Errorf("print the report: %w", printErr))
		}
	}
	if err != nil {
		return &jobError{err}
	}
	return nil
}

func (e *environment) portBackOptions(ctx context.Context, flags *portBackFlags) (back.Options, error) {
	options := back.Options{
		Destination: flags.destination, SessionsKnown: flags.sessions, Check: flags.check, NoVerify: flags.noVerify, Log: e.logger(),
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return options, err
	}
	for _, database := range loaded.Databases {
		if database.Engine != engine.Postgres {
			return options, &config.EngineError{Position: database.Position, Section: database.Label + " is SQLite, but the source"}
		}
		options.Sources = append(options.Sources, back.Source{Label: database.Label, Config: database.Postgres, Logical: database.DataStores})
	}
	if options.ServerName, err = loaded.RequireServerName(); err != nil {
		return options, err
	}
	options.Set, err = e.portBackSet(ctx, loaded, &flags.schemaFlags)
	return options, err
}

// portBackSet is the set that the database belongs to.
func (e *environment) portBackSet(ctx context.Context, loaded *config.Config, flags *schemaFlags) (*schema.Set, error) {
	databases, err := e.openLoaded(ctx, loaded, &setFinder{flags: flags}, false)
	if err != nil {
		return nil, err
	}
	found := databases[0]
	if err := closeAll(databases); err != nil {
		return nil, err
	}
	if found.set == nil {
		return nil, &filesError{database: found.session.Name(), owner: schema.UpstreamsDatabase}
	}
	return found.set, nil
}

func (e *environment) printPortBack(report *back.Report, flags *portBackFlags) error {
	if flags.json {
		return e.printJSON(report)
	}
	if report.Result == back.ResultRefused {
		return nil // the error says it all
	}
	w := &reportWriter{writer: e.stdout}
	w.backSides(report)
	if report.Result == back.ResultOK {
		w.backTables(report)
	}
	w.backNotes(report)
	w.backResult(report, flags)
	return w.err
}

// byRows sorts tables, those with the most rows first.
func byRows(tables []back.TableReport) []back.TableReport {
	return slices.SortedStableFunc(slices.Values(tables), func(a, b back.TableReport) int { return int(min(1, max(-1, b.Rows-a.Rows))) })
}
