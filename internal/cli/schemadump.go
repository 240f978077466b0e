package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/dump"
)

const schemaDumpHelp = `Write the full schema of every logical database as SQL, from which a new database is
created without running the deltas before it.

With --config the configured databases are read, which have to be as they were
created: one that a server has filled is refused. Without it, databases are made
from the schema's own files, their background updates are finished, and they are
removed at the end; for PostgreSQL a throw-away server is started. What is read is
never changed.

What is written is the same whenever and wherever it is made. A file that is there
already and makes the same database stays as it is, with its comments. All files are
written or none. PostgreSQL needs pg_dump, of the server's version or later.

Exit status:
  0    written, or nothing had to be
  1    the configuration or the schema files cannot be found or read, or a file
       cannot be written
  2    wrong flags, or a database section without name
  3    the configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    refused (another version, background updates that are not done, rows), not
       reachable, or pg_dump failed: nothing was written
  130, 143  stopped by SIGINT, SIGTERM: nothing was written`

const schemaDumpExample = `  synapse schema dump --set homeserver --output homeserver/schema
  synapse schema dump --schema-dir synapse/storage/schema --engine sqlite --output /tmp/schema`

type schemaDumpFlags struct {
	schemaFlags
	engines []string
	output  string
	json    bool
}

// DumpedFile is a full schema, as "synapse schema dump --json" prints it.
type DumpedFile struct {
	File            string      `json:"file"`
	LogicalDatabase string      `json:"logical_database"`
	Engine          engine.Kind `json:"engine"`
	Version         int         `json:"version"`
	Change          Change      `json:"change"`
}

// Change is what became of a file.
type Change string

// The changes.
const (
	Written   Change = "written"   // there was none, or another one
	Unchanged Change = "unchanged" // it was there, byte by byte
	Kept      Change = "kept"      // another text was there that makes the same database
)

func (e *environment) schema() *cobra.Command {
	command := &cobra.Command{
		Use:   "schema",
		Short: "Work on a schema: its files, and where its tables are",
		Args:  noArguments,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(e.schemaDump(), e.schemaSplit())
	return command
}

func (e *environment) schemaDump() *cobra.Command {
	flags := &schemaDumpFlags{}
	command := &cobra.Command{
		Use:     "dump --output FOLDER",
		Short:   "Write full schemas, from which new databases are created",
		Long:    schemaDumpHelp,
		Example: schemaDumpExample,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "output"); err != nil {
				return err
			}
			return e.runSchemaDump(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	flags.register(set)
	set.StringArrayVar(&flags.engines, "engine", nil,
		"make databases on this engine only (`sqlite|postgres`); may be repeated; without --config (default: all)")
	set.StringVarP(&flags.output, "output", "o", "", "`folder` to write to: DATABASE/full_schemas/VERSION/full.sql.ENGINE in it")
	set.BoolVar(&flags.json, "json", false, "print what was written as JSON")
	return command
}

func (e *environment) runSchemaDump(ctx context.Context, flags *schemaDumpFlags) (err error) {
	if err := flags.checkDump(); err != nil {
		return err
	}
	workshop := &workshop{env: e}
	defer func() { err = errors.Join(err, workshop.close()) }()
	var set *schema.Set
	var files []dump.File
	if len(flags.configs) > 0 {
		set, files, err = e.dumpConfigured(ctx, flags, workshop)
	} else {
		set, files, err = e.dumpNew(ctx, flags, workshop)
	}
	if err != nil {
		return err
	}
	return e.writeDump(ctx, flags, workshop, set, files)
}

func (f *schemaDumpFlags) checkDump() error {
	if err := f.check(); err != nil {
		return err
	}
	switch {
	case len(f.configs) > 0 && len(f.engines) > 0:
		return &usageError{errors.New("--config says which databases are read, and --engine on which engines databases are made; give one of them")}
	case len(f.configs) == 0 && f.set == "" && f.schemaDir == "":
		return &usageError{errors.New("say whose schema: --set homeserver, --schema-dir or --set upstream; or name databases by --config")}
	}
	for _, name := range f.engines {
		if name != string(engine.SQLite) && name != string(engine.Postgres) {
			return &usageError{fmt.Errorf("--engine is %q; it can be %s or %s", name, engine.SQLite, engine.Postgres)}
		}
	}
	return nil
}

// dumpNew dumps databases that are made for it.
func (e *environment) dumpNew(ctx context.Context, flags *schemaDumpFlags, workshop *workshop) (*schema.Set, []dump.File, error) {
	set, err := flags.namedSet()
	if err != nil {
		return nil, nil, err
	}
	var files []dump.File
	for _, kind := range set.Engines() {
		if len(flags.engines) > 0 && !slices.Contains(flags.engines, string(kind)) {
			continue
		}
		found, err := dump.Refresh(ctx, set, workshop.creates(kind))
		if err != nil {
			return nil, nil, &jobError{err}
		}
		files = append(files, found...)
	}
	return set, files, nil
}

// namedSet is the one that the flags alone name.
func (f *schemaDumpFlags) namedSet() (*schema.Set, error) {
	if f.set == homeserver.SetName {
		return homeserver.Set()
	}
	set, err := upstreamSet(f.schemaDir)
	if err == nil && set == nil {
		_, tried, _ := upstream.Find()
		return nil, &filesError{database: "the databases to be made", tried: tried}
	}
	return set, err
}

// dumpConfigured dumps the databases of a configuration.
func (e *environment) dumpConfigured(ctx context.Context, flags *schemaDumpFlags, workshop *workshop) (*schema.Set, []dump.File, error) {
	databases, err := e.openDatabases(ctx, &flags.schemaFlags, false)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = closeAll(databases) }() // nothing is pending on them
	set, byEngine, err := dumpable(databases)
	if err != nil {
		return nil, nil, err
	}
	var files []dump.File
	for _, kind := range set.Engines() {
		if len(byEngine[kind]) == 0 {
			continue
		}
		create := workshop.creates(kind)
		found, err := dump.Make(ctx, dump.Options{
			Set: set, Databases: byEngine[kind], Config: databases[0].options.Config,
			Scratch: func(ctx context.Context, logical []string) (*dump.Database, error) { return create(ctx, set, logical) },
		})
		if err != nil {
			return nil, nil, &jobError{err}
		}
		files = append(files, found...)
	}
	return set, files, nil
}

// dumpable are the databases by engine; all are of one set.
func dumpable(databases []*physical) (*schema.Set, map[engine.Kind][]dump.Database, error) {
	set, found := databases[0].set, map[engine.Kind][]dump.Database{}
	for _, database := range databases {
		switch {
		case database.set == nil:
			return nil, nil, &filesError{database: database.session.Name(), owner: schema.UpstreamsDatabase}
		case database.set != set:
			return nil, nil, &jobError{fmt.Errorf("%s belongs to another schema set than %s", database.session.Name(), databases[0].session.Name())}
		}
		one := dump.Database{Session: database.session, Logical: database.database.Logical}
		if database.database.Engine == engine.Postgres {
			program, err := pgDump()
			if err != nil {
				return nil, nil, &jobError{err}
			}
			one.PgDump = &dump.PgDump{Program: program, Config: database.database.Postgres}
		}
		found[database.database.Engine] = append(found[database.database.Engine], one)
	}
	return set, found, nil
}

// writeDump writes what differs from the files that are there, and from what these make.
func (e *environment) writeDump(ctx context.Context, flags *schemaDumpFlags, workshop *workshop, set *schema.Set, files []dump.File) error {
	var kept []string
	for _, kind := range set.Engines() {
		ofEngine := slices.DeleteFunc(slices.Clone(files), func(file dump.File) bool { return file.Engine != kind })
		if len(ofEngine) == 0 {
			continue
		}
		found, err := dump.Keep(ctx, set, ofEngine, os.DirFS(flags.output), workshop.creates(kind))
		if err != nil {
			return &jobError{err}
		}
		kept = append(kept, found...)
	}
	others := slices.DeleteFunc(slices.Clone(files), func(file dump.File) bool { return slices.Contains(kept, file.Path) })
	written, err := dump.Write(ctx, flags.output, others)
	if err != nil {
		return fmt.Errorf("write into %s, where nothing was changed: %w", flags.output, err)
	}
	results := make([]DumpedFile, len(files))
	for i, file := range files {
		path := filepath.Join(flags.output, filepath.FromSlash(file.Path))
		results[i] = DumpedFile{File: path, LogicalDatabase: file.Database, Engine: file.Engine, Version: set.Version(), Change: Unchanged}
		switch {
		case slices.Contains(kept, file.Path):
			results[i].Change = Kept
		case slices.Contains(written, path):
			results[i].Change = Written
		}
	}
	return e.printDump(results, flags.json)
}

func (e *environment) printDump(results []DumpedFile, asJSON bool) error {
	if asJSON {
		return e.printJSON(results)
	}
	for _, result := range results {
		if _, err := fmt.Fprintf(e.stdout, "%-10s %s\n", result.Change, result.File); err != nil {
			return err
		}
	}
	return nil
}
