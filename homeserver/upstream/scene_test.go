package upstream

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// onBothEngines runs a test with a session of an empty database of each engine.
func onBothEngines(t *testing.T, test func(t *testing.T, on *scene)) {
	t.Helper()
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, newScene(t, kind))
		})
	}
}

// scene is a database and what a test does to it.
type scene struct {
	engine.Session

	t    *testing.T
	open func() (engine.Session, error) // another one of the same database
}

func newScene(t *testing.T, kind engine.Kind) *scene {
	t.Helper()
	if kind == engine.SQLite {
		return openFile(t, filepath.Join(t.TempDir(), "homeserver.db"))
	}
	return openDatabase(t, dbtest.NewDatabase(t))
}

func openFile(t *testing.T, path string) *scene {
	t.Helper()
	return openScene(t, func() (engine.Session, error) {
		return sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	})
}

func openDatabase(t *testing.T, database *dbtest.Database) *scene {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	return openScene(t, func() (engine.Session, error) { return config.OpenSession(t.Context(), nil) })
}

func openScene(t *testing.T, open func() (engine.Session, error)) *scene {
	t.Helper()
	session, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return &scene{Session: session, t: t, open: open}
}

// release gives the files of a release; those of later versions are there too, and must not matter.
func release(version, compat int) fstest.MapFS {
	files := fstest.MapFS{}
	root := os.DirFS("testdata/schema")
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		panic(err)
	}
	files[constantsFile].Data = fmt.Appendf(nil, "SCHEMA_VERSION = %d\nSCHEMA_COMPAT_VERSION = %d\n", version, compat)
	return files
}

// with adds files.
func with(files fstest.MapFS, added map[string]string) fstest.MapFS {
	files = maps.Clone(files)
	for path, content := range added {
		files[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return files
}

func readSet(t *testing.T, files fs.FS) *schema.Set {
	t.Helper()
	set, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// example is the configuration of the homeserver that the tests are about.
func example() schema.Options {
	return schema.Options{Config: homeserver.Config{ServerName: "example.com"}}
}

func worker() schema.Options {
	options := example()
	options.NoUpgrade = true
	return options
}

// prepare creates or upgrades.
func (s *scene) prepare(files fs.FS, options schema.Options) (*schema.Result, error) {
	s.t.Helper()
	return schema.Prepare(s.t.Context(), s, readSet(s.t, files), options)
}

func (s *scene) mustPrepare(files fs.FS, options schema.Options) *schema.Result {
	s.t.Helper()
	result, err := s.prepare(files, options)
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

// mustExecute runs statements.
func (s *scene) mustExecute(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		if _, err := s.Exec(s.t.Context(), statement); err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// run applies a step of an upgrade.
func (s *scene) run(step func(context.Context, engine.Tx) error) error {
	return s.Transact(s.t.Context(), engine.TxOptions{}, func(tx engine.Tx) error { return step(s.t.Context(), tx) })
}

func (s *scene) mustRun(step func(context.Context, engine.Tx) error) {
	s.t.Helper()
	if err := s.run(step); err != nil {
		s.t.Fatal(err)
	}
}

// lines reads a query's rows, with "|" between the values.
func (s *scene) lines(query string) []string {
	s.t.Helper()
	rows, err := s.Query(s.t.Context(), query)
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		s.t.Fatal(err)
	}
	found := []string{}
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			s.t.Fatal(err)
		}
		found = append(found, line(values))
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return found
}

func line(values []any) string {
	words := make([]string, len(values))
	for i, value := range values {
		switch value := value.(type) {
		case nil:
			words[i] = "NULL"
		case []byte:
			words[i] = string(value)
		default:
			words[i] = fmt.Sprint(value)
		}
	}
	return strings.Join(words, "|")
}

// expect compares a query's rows with what they should be.
func (s *scene) expect(query string, want ...string) {
	s.t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, s.lines(query)); diff != "" {
		s.t.Errorf("%s:\n%s", query, diff)
	}
}

// expectVersion looks at the three numbers of the record.
func (s *scene) expectVersion(version int, upgraded bool, compat int) {
	s.t.Helper()
	s.expect("SELECT version, CASE WHEN upgraded THEN 'true' ELSE 'false' END FROM schema_version", fmt.Sprintf("%d|%t", version, upgraded))
	s.expect("SELECT compat_version FROM schema_compat_version", fmt.Sprint(compat))
}

const appliedQuery = `SELECT version, file FROM applied_schema_deltas`

// applied gives the record of deltas in the order in which it was written.
func (s *scene) applied() []string {
	s.t.Helper()
	if s.Engine() == engine.Postgres {
		return s.lines(appliedQuery + " ORDER BY ctid")
	}
	return s.lines(appliedQuery + " ORDER BY rowid")
}

// everything is the catalog and the record, to see that nothing was written.
func (s *scene) everything() string {
	s.t.Helper()
	catalog, err := s.Describe(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", catalog)
	for _, table := range []string{"schema_version", "schema_compat_version", "applied_schema_deltas", "step_log", "background_updates"} {
		if catalog.Table(table) != nil {
			text += "\n" + table + "\n" + strings.Join(s.lines("SELECT * FROM "+table+" ORDER BY 1, 2"), "\n")
		}
	}
	return text
}

// object finds something in the catalog by its name, nil if it is not there.
func (s *scene) object(name string) *engine.Object {
	s.t.Helper()
	catalog, err := s.Describe(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range catalog.Objects {
		if catalog.Objects[i].Name == name {
			return &catalog.Objects[i]
		}
	}
	return nil
}

// column describes one.
func (s *scene) column(table, name string) engine.Column {
	s.t.Helper()
	catalog, err := s.Describe(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	found := catalog.Table(table)
	if found == nil || found.Column(name) == nil {
		s.t.Fatalf("there is no %s.%s", table, name)
	}
	return *found.Column(name)
}
