package dump_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/dump"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// scene makes databases of a set on one engine.
type scene struct {
	t      *testing.T
	kind   engine.Kind
	finish func(context.Context, engine.Session) error // the background updates
}

func onEngines(t *testing.T, kinds []engine.Kind, test func(t *testing.T, on *scene)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, &scene{t: t, kind: kind, finish: forget})
		})
	}
}

// forget ends the updates of sets whose updates do nothing.
func forget(ctx context.Context, session engine.Session) error {
	_, err := session.Exec(ctx, "DELETE FROM background_updates")
	return err
}

// empty makes a database without tables.
func (s *scene) empty(logical ...string) *dump.Database {
	s.t.Helper()
	made := anyengine.New(s.t, s.kind)
	database := &dump.Database{Logical: logical, Session: made.Session(s.t)}
	if s.kind == engine.Postgres {
		config, _, err := postgres.ParseArgs(made.Args)
		s.check(err)
		database.PgDump = &dump.PgDump{Program: dbtest.Postgres(s.t).Bin("pg_dump"), Config: config}
	}
	return database
}

func (s *scene) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// create makes a database of a set.
func (s *scene) create(set *schema.Set, logical ...string) *dump.Database {
	s.t.Helper()
	return s.createExactly(set, append([]string{}, logical...))
}

// createExactly hands the list on as it is.
func (s *scene) createExactly(set *schema.Set, logical []string) *dump.Database {
	s.t.Helper()
	database := s.empty(logical...)
	_, err := schema.Prepare(s.t.Context(), database.Session, set, schema.Options{Databases: logical})
	s.check(err)
	s.check(s.finish(s.t.Context(), database.Session))
	return database
}

// apart makes a database for each logical one, and one for common.
func (s *scene) apart(set *schema.Set) []dump.Database {
	s.t.Helper()
	databases := []dump.Database{*s.create(set)}
	for _, logical := range set.Databases() {
		databases = append(databases, *s.create(set, logical))
	}
	return databases
}

func (s *scene) make(options dump.Options) []dump.File {
	s.t.Helper()
	files, err := dump.Make(s.t.Context(), options)
	s.check(err)
	return files
}

// scratch is for Options. Each database is made once: nobody changes it.
func (s *scene) scratch(set *schema.Set) func(context.Context, []string) (*dump.Database, error) {
	made := map[string]*dump.Database{}
	return func(_ context.Context, logical []string) (*dump.Database, error) {
		name := strings.Join(logical, " ")
		if made[name] == nil {
			made[name] = s.createExactly(set, logical)
		}
		return made[name], nil
	}
}

// with adds the dumped files to a set's.
func with(t *testing.T, set *schema.Set, files []dump.File) *schema.Set {
	t.Helper()
	all := copyOf(t, set.Files())
	for _, file := range files {
		all[file.Path] = &fstest.MapFile{Data: file.Content}
	}
	changed, err := set.With(all)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func copyOf(t *testing.T, files fs.FS) fstest.MapFS {
	t.Helper()
	copied := fstest.MapFS{}
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		copied[path] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// state is everything in a database but the record of what was applied: the catalog, the rows, and where counters are.
func (s *scene) state(set *schema.Set, database *dump.Database) string {
	s.t.Helper()
	catalog, err := database.Session.Describe(s.t.Context())
	s.check(err)
	var text strings.Builder
	for _, object := range catalog.Objects {
		if object.Type != "definition" {
			fmt.Fprintf(&text, "%s %s on %s: %s\n", object.Type, object.Name, object.Table, object.Definition)
		}
		if object.Type == "sequence" {
			var value string
			s.check(database.Session.QueryRow(s.t.Context(), s.counterQuery(s.quote(object.Name))).Scan(&value))
			fmt.Fprintf(&text, "  at %s\n", value)
		}
	}
	for _, table := range catalog.Tables {
		fmt.Fprintf(&text, "table %s %+v\n", table.Name, table.Columns)
		if kept := append(set.BookkeepingTables(), "sqlite_sequence"); !slices.Contains(kept, table.Name) && !oldFullText(catalog, table.Name) {
			text.WriteString(s.rows(database.Session, "SELECT * FROM "+s.quote(table.Name), len(table.Columns)))
		}
	}
	if s.kind == engine.SQLite && catalogHas(catalog, "AUTOINCREMENT") {
		text.WriteString("counters\n" + s.rows(database.Session, "SELECT name, seq FROM sqlite_sequence", 2))
	}
	return text.String()
}

// oldFullText reports whether a table is of FTS4, which the library cannot read.
func oldFullText(catalog *engine.Catalog, table string) bool {
	return slices.ContainsFunc(catalog.Objects, func(object engine.Object) bool {
		return object.Name == table && strings.Contains(object.Definition, "USING fts4")
	})
}

func catalogHas(catalog *engine.Catalog, word string) bool {
	return slices.ContainsFunc(catalog.Objects, func(object engine.Object) bool { return strings.Contains(object.Definition, word) })
}

func (s *scene) counterQuery(sequence string) string {
	if s.kind == engine.MySQL {
		return "SELECT next_not_cached_value FROM " + sequence
	}
	return "SELECT last_value || ' ' || is_called FROM " + sequence
}

func (s *scene) quote(name string) string {
	switch s.kind {
	case engine.Postgres:
		return postgres.QuoteIdentifier(name)
	case engine.MySQL:
		return mysql.QuoteIdentifier(name)
	default:
		return sqlite.QuoteIdentifier(name)
	}
}

func (s *scene) rows(session engine.Session, query string, columns int) string {
	s.t.Helper()
	var lines []string
	s.check(engine.Each(s.t.Context(), session, query, nil, func(scan func(...any) error) error {
		values, places := make([]any, columns), make([]any, columns)
		for i := range values {
			places[i] = &values[i]
		}
		err := scan(places...)
		lines = append(lines, fmt.Sprintf("  %#v\n", values))
		return err
	}))
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// proves compares a set's deltas from the start with a full schema that was dumped at their end, and nothing more.
func (s *scene) proves(set *schema.Set) {
	s.t.Helper()
	byDeltas := s.apart(set)
	files := s.make(dump.Options{Set: set, Databases: byDeltas})
	again := with(s.t, set, files)
	byDump := s.apart(again)
	for i := range byDeltas {
		if diff := cmp.Diff(s.state(set, &byDeltas[i]), s.state(again, &byDump[i])); diff != "" {
			s.t.Errorf("databases %v (-by deltas +by the dump):\n%s", byDeltas[i].Logical, diff)
		}
	}
	if diff := cmp.Diff(contents(files), contents(s.make(dump.Options{Set: again, Databases: byDump}))); diff != "" {
		s.t.Errorf("the dump of a dump (-want +got):\n%s", diff)
	}
	all := s.create(again, set.Databases()...)
	if diff := cmp.Diff(s.state(set, s.create(set, set.Databases()...)), s.state(again, all)); diff != "" {
		s.t.Errorf("all in one database (-by deltas +by the dump):\n%s", diff)
	}
}

func contents(files []dump.File) map[string]string {
	all := map[string]string{}
	for _, file := range files {
		all[file.Path] = string(file.Content)
	}
	return all
}

// library is the set that package schema is tested with.
func library(t *testing.T) *schema.Set {
	t.Helper()
	set, err := schema.New(schema.Definition{
		Name: "library", Version: 6, CompatVersion: 5, Engines: anyengine.Engines(), Databases: []string{"main", "state"},
		Files: os.DirFS("../testdata/library"),
		GoDeltas: []schema.GoDelta{{Database: "main", Version: 4, Name: "02owner.go", Create: func(ctx context.Context, tx engine.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO settings (name, value) VALUES (?, ?)", "created", string(tx.Engine()))
			return err
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
