package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/dump"
	"github.com/synapsedb/synapse/entity/legacy"
	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/entity/table"
)

const entityImportHelp = `Import entities from a file of synapse entity export, or, with --legacy, from a database of
the TypeScript library (tables synapse_entity and synapse_entity_locals), which is only read.

Everything is read and checked before the first write. Entities that are there already with
other values refuse the import, unless --replace; those that are not in the import stay as
they are. Each application is one transaction, and a repeated import changes nothing, so
that one that was interrupted is run again. The programs must not be running.
`

// ImportedEntities is an application, as "synapse entity import --json" prints it.
type ImportedEntities struct {
	// Source is the ID in the file or the database it comes from, Application the one it has now.
	Source      string `json:"source"`
	Application string `json:"application"`
	Name        string `json:"name"`
	// Entities counts what was there to import, and New, Replaced and Equal what it is of.
	Entities int `json:"entities"`
	New      int `json:"new"`
	Replaced int `json:"replaced"`
	Equal    int `json:"equal"`
	// Damaged counts the rows that are set aside now, those that were before too.
	Damaged int `json:"damaged"`
	// Refused, Configuration, Unknown and Notes are of an import of the TypeScript library's: IDs that cannot be taken with the reason, keys that were
	// left out with the number of entities that have them, and what else was decided.
	Refused       map[string]string `json:"refused,omitempty"`
	Configuration map[string]int    `json:"configuration,omitempty"`
	Unknown       map[string]int    `json:"unknown,omitempty"`
	Notes         []string          `json:"notes,omitempty"`
}

type entityImportFlags struct {
	entityFlags

	file, legacy, as string
	replace          bool
}

func (e *environment) entityImport() *cobra.Command {
	flags := &entityImportFlags{}
	command := &cobra.Command{
		Use:     "import {FILE | --legacy URL}",
		Short:   "Import entities from a file, or those of the TypeScript library",
		Long:    entityImportHelp + entityExits,
		Example: "  synapse entity import entities.jsonl\n  synapse entity import --legacy old/synapse_storage.db --as porch",
		Args:    entityArguments(0, 1),
		RunE: func(command *cobra.Command, args []string) error {
			if (len(args) == 1) == (flags.legacy != "") {
				return &usageError{errors.New("say what to import: a file, - for standard input, or a database by --legacy")}
			}
			if len(args) == 1 {
				flags.file = args[0]
			}
			return e.runEntityImport(command.Context(), flags)
		},
	}
	flags.where(command)
	set := command.Flags()
	set.StringVar(&flags.legacy, "legacy", "", "import the entities of the TypeScript library from this database: a path or file: `URL` of SQLite,\npostgresql://… or mysql://…")
	set.StringVar(&flags.application, "application", "", "import only the application with this `ID`; all without it, whatever the environment says")
	set.StringVar(&flags.as, "as", "", "give the application this `ID`, the one that the Go program has")
	set.BoolVar(&flags.replace, "replace", false, "replace entities that are there with other values")
	set.BoolVar(&flags.json, "json", false, "print what was imported as JSON")
	return command
}

func (e *environment) runEntityImport(ctx context.Context, flags *entityImportFlags) error {
	place, err := e.entityPlace(&flags.entityFlags)
	if err != nil {
		return err
	}
	source, err := flags.read(ctx, e)
	if err != nil {
		return err
	}
	if source.applications, err = flags.choose(source); err != nil {
		return &jobError{err}
	}
	imports := &entityImport{replace: flags.replace}
	err = imports.run(ctx, e, place, source)
	if err = errors.Join(err, imports.close()); err != nil {
		return place.failed(ctx, err)
	}
	if flags.json {
		return e.printJSON(imports.reports)
	}
	return e.printImported(imports.reports)
}

// entitySource is what is to be imported.
type entitySource struct {
	name         string // of the file or database
	applications []sourceApplication
}

type sourceApplication struct {
	dump.Application

	report ImportedEntities
}

func (f *entityImportFlags) read(ctx context.Context, e *environment) (*entitySource, error) {
	if f.legacy != "" {
		return e.readLegacy(ctx, f.legacy)
	}
	content, err := readWhole(f.file)
	if err != nil {
		return nil, err
	}
	found, err := dump.Read(bytes.NewReader(content))
	if err != nil {
		return nil, &jobError{fmt.Errorf("read %s: %w", f.file, err)}
	}
	source := &entitySource{name: f.file}
	for _, application := range found {
		source.applications = append(source.applications, sourceApplication{Application: application})
	}
	return source, nil
}

func readWhole(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

// readLegacy reads all applications of the TypeScript library.
func (e *environment) readLegacy(ctx context.Context, url string) (*entitySource, error) {
	database, warnings, err := setting.Parse(url, "--legacy")
	if err != nil {
		return nil, &usageError{err}
	}
	for _, warning := range warnings {
		e.logger().Warn(warning.String())
	}
	contents, err := legacy.Read(ctx, database)
	if err != nil {
		return nil, &jobError{stoppedBy(ctx, err)}
	}
	source, found := &entitySource{name: contents.Name}, time.Now().Truncate(time.Microsecond)
	for _, application := range contents.Applications {
		one := sourceApplication{Application: dump.Application{Application: application.Application, Rows: application.Rows, Damaged: application.Damaged}}
		for i := range one.Damaged {
			one.Damaged[i].Found = found
		}
		one.report = ImportedEntities{Refused: map[string]string{}, Configuration: application.Configuration, Unknown: application.Unknown, Notes: application.Notes}
		for _, refused := range application.Refused {
			one.report.Refused[refused.ID] = refused.Err.Error()
		}
		source.applications = append(source.applications, one)
	}
	return source, nil
}

// choose takes what was asked for, under the ID that was asked for.
func (f *entityImportFlags) choose(source *entitySource) ([]sourceApplication, error) {
	var there []table.Application
	var chosen []sourceApplication
	for _, one := range source.applications {
		there = append(there, one.Application.Application)
		if f.application == "" || one.ID == f.application {
			chosen = append(chosen, one)
		}
	}
	if len(chosen) == 0 {
		return nil, &applicationError{database: source.name, wanted: f.application, there: there}
	}
	if f.as != "" && len(chosen) > 1 {
		return nil, &applicationError{database: source.name, there: there}
	}
	for i := range chosen {
		one := &chosen[i]
		one.report.Source, one.report.Name = one.ID, one.Name
		if f.as != "" {
			one.ID = f.as
		}
		one.report.Application = one.ID
		if err := table.CheckID(one.ID); err != nil {
			return nil, fmt.Errorf("%w; give another one by --as", err)
		}
	}
	return chosen, nil
}

// entityImport brings applications into one database.
type entityImport struct {
	replace bool
	opened  []*table.Table
	changes [][]table.Change
	reports []ImportedEntities
}

func (i *entityImport) close() error {
	var errs []error
	for _, opened := range i.opened {
		errs = append(errs, opened.Close())
	}
	return errors.Join(errs...)
}

// run opens all applications, so that no program runs, looks what is there already, and then writes.
func (i *entityImport) run(ctx context.Context, e *environment, place *entityPlace, source *entitySource) error {
	var conflicts []string
	for _, one := range source.applications {
		opened, err := table.Open(ctx, place.database, one.Application.Application, e.logger())
		if err != nil {
			return err
		}
		i.opened = append(i.opened, opened)
		if opened.ReadOnly() {
			return &table.ReadOnlyError{Database: opened.Name()}
		}
		there, err := loadContents(ctx, opened, one.Application.Application)
		if err != nil {
			return err
		}
		conflicts = append(conflicts, i.plan(&one, there)...)
	}
	if len(conflicts) > 0 && !i.replace {
		return fmt.Errorf("%s there already with other values: %s; nothing was imported; --replace replaces them", areEntities(len(conflicts)), engine.List(conflicts))
	}
	for at, opened := range i.opened {
		if len(i.changes[at]) == 0 {
			continue
		}
		if err := opened.Write(ctx, i.changes[at]); err != nil {
			return fmt.Errorf("import the application %s, of which nothing is written: %w; the same command goes on", shown(i.reports[at].Application), err)
		}
	}
	return nil
}

func areEntities(number int) string {
	if number == 1 {
		return "1 entity is"
	}
	return entities(number) + " are"
}

// plan says what has to be written, and gives the IDs of those that are there with other values.
func (i *entityImport) plan(one *sourceApplication, there *entityContents) (conflicts []string) {
	report, changes := one.report, []table.Change{}
	report.Entities, report.Damaged = len(one.Rows), len(one.Damaged)
	for at := range one.Rows {
		row := &one.Rows[at]
		before, known := there.row(row.ID)
		switch {
		case !known:
			report.New++
		case sameRow(before, *row):
			report.Equal++
			continue
		default:
			report.Replaced++
			conflicts = append(conflicts, shown(row.ID))
		}
		changes = append(changes, table.Change{ID: row.ID, Row: row})
	}
	for at := range one.Damaged {
		aside := &one.Damaged[at]
		if !slices.ContainsFunc(there.damaged, func(known table.Damaged) bool { return sameDamaged(known, *aside) }) {
			changes = append(changes, table.Change{ID: aside.ID, Aside: aside})
		}
	}
	i.changes, i.reports = append(i.changes, changes), append(i.reports, report)
	return conflicts
}

func sameRow(a, b table.Row) bool {
	return bytes.Equal(a.State, b.State) && bytes.Equal(a.Attributes, b.Attributes) && bytes.Equal(a.Locals, b.Locals) && a.Definition == b.Definition &&
		sameMoment(a.LastChanged, b.LastChanged) && sameMoment(a.LastWritten, b.LastWritten) && sameMoment(a.Removed, b.Removed)
}

func sameMoment(a, b time.Time) bool {
	return a.IsZero() == b.IsZero() && (a.IsZero() || a.UnixMicro() == b.UnixMicro())
}

// sameDamaged does not compare when a row was found: a repeated import of the TypeScript library's finds it anew.
func sameDamaged(a, b table.Damaged) bool {
	a.Removed, b.Removed = time.Time{}, time.Time{} // it is not kept
	return a.ID == b.ID && a.Problem == b.Problem && sameRow(a.Row, b.Row)
}

func (e *environment) printImported(reports []ImportedEntities) error {
	w := &reportWriter{writer: e.stdout}
	for _, one := range reports {
		origin := ""
		if one.Source != one.Application {
			origin = ", which was " + shown(one.Source)
		}
		w.line("Imported %s into the application %s%s: %d new, %d replaced, %d as they were", entities(one.Entities),
			applicationText(table.Application{ID: one.Application, Name: one.Name}), origin, one.New, one.Replaced, one.Equal)
		if one.Damaged > 0 {
			w.line("  %s set aside, which synapse entity list --damaged shows", count(one.Damaged, "damaged row"))
		}
		for _, id := range slices.Sorted(maps.Keys(one.Refused)) {
			w.line("  left out %s: %s", shown(id), one.Refused[id])
		}
		if len(one.Configuration) > 0 {
			w.line("  configuration, which the program's code says from now on: %s", keysText(one.Configuration))
		}
		if len(one.Unknown) > 0 {
			w.line("  keys of no known domain, left out: %s", keysText(one.Unknown))
		}
		for _, note := range one.Notes {
			w.line("  %s", note)
		}
	}
	return w.err
}

// keysText lists keys with the number of entities that have them.
func keysText(keys map[string]int) string {
	parts := make([]string, 0, len(keys))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", shown(key), keys[key]))
	}
	return strings.Join(parts, ", ")
}
