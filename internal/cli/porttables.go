package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/port/tables"
	"github.com/synapsedb/synapse/schema"
)

// movesTables reports whether the flags ask for tables of a schema set, and refuses those that have no meaning then.
func movesTables(command *cobra.Command) (bool, error) {
	set := command.Flags()
	if !set.Changed("from") && !set.Changed("to") {
		return false, nil
	}
	if err := required(command, "from", "to"); err != nil {
		return true, err
	}
	for _, other := range []string{
		"sqlite-database", "postgres-config", "on-bad-value", "set-aside-file", "batch-size", "jobs", "no-verify",
		"discard-target-changes", "finish", "abandon", "tui", "curses",
	} {
		if set.Changed(other) {
			return true, &usageError{fmt.Errorf("--%s is for the database of a homeserver; with --from and --to there are --check, --schema-dir and --json\nsee %s --help",
				other, command.CommandPath())}
		}
	}
	return true, nil
}

// runPortTables moves the tables of a schema set.
func (e *environment) runPortTables(ctx context.Context, flags *portFlags) error {
	from, fromWarnings, fromErr := setting.Parse(flags.from, "--from")
	to, toWarnings, toErr := setting.Parse(flags.to, "--to")
	if err := errors.Join(fromErr, toErr); err != nil {
		return &usageError{err}
	}
	for _, warning := range append(fromWarnings, toWarnings...) {
		fmt.Fprintln(e.stderr, "warning:", warning)
	}
	display := e.showPortTables()
	report, err := tables.Move(ctx, tables.Options{
		From: from, To: to, FindSet: func(source *schema.State) (*schema.Set, error) { return findSet(source, flags.schema) },
		Check: flags.check, Progress: display.update, Log: e.logger(),
	})
	display.stop()
	if printed := e.printPortTables(report, flags); printed != nil {
		err = errors.Join(err, fmt.Errorf("print the report: %w", printed))
	}
	if err != nil {
		return &jobError{explainTables(ctx, report, err)}
	}
	return nil
}

// explainTables says of what ended on the way how to go on.
func explainTables(ctx context.Context, report *tables.Report, err error) error {
	err = stoppedBy(ctx, err)
	if report.Result != tables.ResultFailed {
		return err
	}
	if !slices.ContainsFunc(report.Steps, func(step tables.Step) bool { return step.Phase == tables.PhasePrepare }) {
		return fmt.Errorf("%w; nothing was written", err)
	}
	return fmt.Errorf("%w; the source is as it was, and nothing starts on the target: run the same command again, which begins anew", err)
}

// findSet finds the set that the source says it is of: that of package entity is in this program, the files of another one are in a folder.
func findSet(source *schema.State, folder string) (*schema.Set, error) {
	if folder != "" {
		return folderSet(source, folder)
	}
	switch source.Owner { //nolint:exhaustive // a homeserver's has been refused
	case table.SetName:
		return table.Set()
	case schema.Nobody:
		return nil, errors.New("the source is empty: name the database that is meant")
	case schema.Unknown:
		return nil, errors.New("the source has tables, and does not say which schema set they are of")
	}
	return nil, fmt.Errorf("the source is of the schema set %s, which is not in this program: name the folder with its files by --schema-dir", source.Owner)
}

// folderSet reads the files of the set that the source is of. The versions are those of the source: no file tells them.
func folderSet(source *schema.State, folder string) (*schema.Set, error) {
	if source.Owner == schema.Nobody || source.Owner == schema.Unknown || source.CompatVersion == nil {
		return nil, errors.New("the source does not say which schema set it is of")
	}
	files := os.DirFS(folder)
	definition := schema.Definition{Name: string(source.Owner), Version: source.Version, CompatVersion: min(*source.CompatVersion, source.Version), Files: files}
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
		if found, _ := fs.Glob(files, "*/full_schemas/*/full.sql."+string(kind)); len(found) > 0 { // the pattern is right
			definition.Engines = append(definition.Engines, kind)
		}
	}
	if len(definition.Engines) == 0 {
		return nil, fmt.Errorf("--schema-dir: %s holds no DATABASE/full_schemas/VERSION/full.sql.ENGINE", folder)
	}
	return schema.New(definition)
}
