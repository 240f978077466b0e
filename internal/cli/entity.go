package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/legacy"
	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/schema"
)

const entityExits = `
Exit status:
  0    done
  1    a file cannot be read or written
  2    wrong flags, or a setting that cannot be used, in the environment too
  5    refused (no such entity or application, a program that is running), or
       the database cannot be reached; the message says if anything was written
  130, 143  stopped by SIGINT, SIGTERM`

const entityHelp = `Look at the entities that programs keep by package entity, change them, keep them in a
file, and take over those of the TypeScript library.

The database is the one that --database and --type name, else the variables
SYNAPSE_DATABASE_URL and SYNAPSE_DATABASE_TYPE, else synapse_storage.db in the working
directory. The application is that of --application, else of
SYNAPSE_METADATA_UNIQUE_ID, else the only one in the database.

What only reads may be run beside the program whose entities they are. What changes
something is refused while it is running.`

// entityFlags are those of all commands about entities.
type entityFlags struct {
	database, kind, application string
	json                        bool
}

func (e *environment) entity() *cobra.Command {
	command := &cobra.Command{
		Use:   "entity",
		Short: "Look after the entities that programs keep",
		Long:  entityHelp,
		Args:  noArguments,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(e.entityList(), e.entityShow(), e.entitySet(), e.entityDelete(), e.entityExport(), e.entityImport(), e.entityReset(), e.entityGC())
	return command
}

// where are the flags that say which database it is.
func (f *entityFlags) where(command *cobra.Command) {
	set := command.Flags()
	set.SortFlags = false
	set.StringVar(&f.database, "database", "", "the database: a path or file: `URL` of SQLite, postgresql://… or mysql://…")
	set.StringVar(&f.kind, "type", "", "its `type`: sqlite, postgresql or mysql; follows from the URL without it")
}

// register adds all of them.
func (f *entityFlags) register(command *cobra.Command, printed string) {
	f.where(command)
	command.Flags().StringVar(&f.application, "application", "", "the `ID` of the application; not needed when the database has one only")
	command.Flags().BoolVar(&f.json, "json", false, "print "+printed+" as JSON")
}

// entityPlace is where the entities of a command are.
type entityPlace struct {
	settings *setting.Settings
	database synapse.Database
	// application is the one that was asked for, by a flag or the environment; empty when none was.
	application string
}

// entityPlace finds the database. What the flags say comes before the environment, and a --database without --type is
// not of a type that the environment says of another one.
func (e *environment) entityPlace(flags *entityFlags) (*entityPlace, error) {
	lookup := func(name string) (string, bool) {
		if name == setting.TypeVariable && flags.database != "" {
			return "", false
		}
		return os.LookupEnv(name)
	}
	settings, err := setting.Read(setting.Given{
		Application: flags.application, Name: "none", Type: flags.kind, URL: flags.database, First: true,
		Names: setting.Names{Application: "--application", Name: "none", Type: "--type", URL: "--database"},
	}, lookup)
	if err != nil {
		return nil, &usageError{err}
	}
	for _, warning := range settings.Warnings {
		e.logger().Warn(warning.String())
	}
	place := &entityPlace{settings: settings, database: settings.Database}
	if settings.ApplicationOrigin == "--application" || settings.ApplicationOrigin == setting.Environment {
		place.application = settings.Application.ID
	}
	if place.database.Engine == engine.SQLite && place.database.SQLite.InMemory() {
		return nil, &usageError{errors.New("a database in memory is only seen by the program that has made it; give a file or a server by --database")}
	}
	return place, nil
}

// failed says of an error which setting it is about, and that it is about the job.
func (p *entityPlace) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if other, is := errors.AsType[*schema.OwnerError](err); is && slices.Contains(other.Tables, legacy.EntityTable) {
		err = &legacyTablesError{other}
	}
	return &jobError{stoppedBy(ctx, p.settings.Explain(err))}
}

// legacyTablesError says that a database is the TypeScript library's. Its default has the same name as ours.
type legacyTablesError struct{ err *schema.OwnerError }

func (e *legacyTablesError) Error() string {
	return e.err.Database + " is a database of the TypeScript library, which stays as it is; give another one by --database (or SYNAPSE_DATABASE_URL), " +
		"and have synapse entity import --legacy URL take its entities over"
}

func (e *legacyTablesError) Unwrap() error { return e.err }

// view reads beside whatever program is running.
func (e *environment) viewEntities(ctx context.Context, place *entityPlace, work func(*table.Viewer) error) (err error) {
	viewer, err := table.OpenViewer(ctx, place.database, e.logger())
	if err != nil {
		return place.failed(ctx, err)
	}
	defer func() { err = errors.Join(err, viewer.Close()) }()
	return place.failed(ctx, work(viewer))
}

// changeEntities opens an application that the database has, so that no program can have it open meanwhile.
func (e *environment) changeEntities(ctx context.Context, place *entityPlace, work func(*table.Table, table.Application) error) error {
	var application *table.Known
	err := e.viewEntities(ctx, place, func(viewer *table.Viewer) (err error) {
		application, err = place.choose(ctx, viewer)
		return err
	})
	if err != nil {
		return err
	}
	return e.openEntities(ctx, place, application.Application, work)
}

func (e *environment) openEntities(ctx context.Context, place *entityPlace, application table.Application, work func(*table.Table, table.Application) error) (err error) {
	opened, err := table.Open(ctx, place.database, application, e.logger())
	if err != nil {
		return place.failed(ctx, err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if opened.ReadOnly() {
		return &jobError{&table.ReadOnlyError{Database: opened.Name()}}
	}
	return place.failed(ctx, work(opened, application))
}

// applicationError says that a command does not know whose entities are meant.
type applicationError struct {
	database string
	wanted   string // empty when none was asked for
	there    []table.Application
}

func (e *applicationError) Error() string {
	names := make([]string, len(e.there))
	for i, application := range e.there {
		names[i] = applicationText(application)
	}
	switch {
	case len(e.there) == 0:
		return e.database + " has no application's entities"
	case e.wanted == "":
		return fmt.Sprintf("%s has the entities of several applications: %s; say which by --application", e.database, engine.List(names))
	}
	return fmt.Sprintf("%s has no application %s; it has: %s", e.database, shown(e.wanted), engine.List(names))
}

// applicationText is an application's ID, with its name where it has another one.
func applicationText(application table.Application) string {
	if application.Name == "" || application.Name == application.ID {
		return shown(application.ID)
	}
	return fmt.Sprintf("%s (%s)", shown(application.ID), shown(application.Name))
}

// choose is the application that was asked for, or the only one.
func (p *entityPlace) choose(ctx context.Context, viewer *table.Viewer) (*table.Known, error) {
	known, err := viewer.Applications(ctx)
	if err != nil {
		return nil, err
	}
	if p.application == "" && len(known) == 1 {
		return &known[0], nil
	}
	var there []table.Application
	for i := range known {
		if known[i].ID == p.application {
			return &known[i], nil
		}
		there = append(there, known[i].Application)
	}
	return nil, &applicationError{database: viewer.Name(), wanted: p.application, there: there}
}

// unknownEntitiesError says that there are no entities of some IDs.
type unknownEntitiesError struct {
	application table.Application
	ids         []string
	hint        string
}

func (e *unknownEntitiesError) Error() string {
	quoted := make([]string, len(e.ids))
	for i, id := range e.ids {
		quoted[i] = shown(id)
	}
	text := fmt.Sprintf("the application %s has no entity %s", applicationText(e.application), strings.Join(quoted, ", "))
	if e.hint != "" {
		text += "; " + e.hint
	}
	return text
}

// createEntities opens the application that was asked for, and makes it, and the tables, where they are missing.
func (e *environment) createEntities(ctx context.Context, place *entityPlace, work func(*table.Table, table.Application) error) error {
	application := table.Application{ID: place.application, Name: place.application}
	if viewer, err := table.OpenViewer(ctx, place.database, e.logger()); err == nil { // what is wrong, Open says better
		known, err := place.choose(ctx, viewer)
		if err == nil {
			application = known.Application
		}
		_ = viewer.Close() // it has only read
	}
	return e.openEntities(ctx, place, application, work)
}
