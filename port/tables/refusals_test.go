package tables_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
	"github.com/synapsedb/synapse/schema"
)

// refused are the IDs of what hinders a move.
func refused(t *testing.T, from, to anyengine.Database, set *schema.Set) (ids []tables.ProblemID) {
	t.Helper()
	report, err := tables.Move(t.Context(), tables.Options{From: physical(t, from), To: physical(t, to), Set: set})
	if _, is := errors.AsType[*tables.RefusedError](err); !is || report.Result != tables.ResultRefused {
		t.Fatalf("%+v %v", report, err)
	}
	for _, problem := range report.Problems {
		ids = append(ids, problem.ID)
	}
	return ids
}

// with is a prepared database in which something was done.
func with(t *testing.T, kind engine.Kind, statements ...string) anyengine.Database {
	t.Helper()
	database := prepared(t, kind, sample(t))
	database.With(t, func(session engine.Session) error {
		for _, statement := range statements {
			exec(t, session, statement)
		}
		return nil
	})
	return database
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const pending = "INSERT INTO background_updates (update_name, progress_json) VALUES ('fill', '{}')"
	file := func(name string) anyengine.Database {
		return anyengine.Database{Engine: engine.SQLite, Path: filepath.Join(t.TempDir(), name)}
	}
	for name, c := range map[string]struct {
		from, to func(t *testing.T) anyengine.Database
		want     []tables.ProblemID
	}{
		"no source": {func(*testing.T) anyengine.Database { return file("none.db") }, nil, []tables.ProblemID{tables.SourceMissing}},
		"in memory": {func(*testing.T) anyengine.Database {
			return anyengine.Database{Engine: engine.SQLite, Path: ":memory:"}
		}, nil, []tables.ProblemID{tables.InMemory}},
		"empty source": {func(t *testing.T) anyengine.Database { return anyengine.New(t, engine.Postgres) }, nil, []tables.ProblemID{tables.SourceSet}},
		"older source": {func(t *testing.T) anyengine.Database {
			return with(t, engine.SQLite, "UPDATE schema_version SET version = 0")
		}, nil, []tables.ProblemID{tables.SourceVersion}},
		"newer source": {func(t *testing.T) anyengine.Database {
			return with(t, engine.MySQL, "UPDATE schema_version SET version = 2")
		}, nil, []tables.ProblemID{tables.SourceVersion}},
		"pending": {func(t *testing.T) anyengine.Database { return with(t, engine.Postgres, pending) }, nil, []tables.ProblemID{tables.SourcePending}},
		"guarded": {func(t *testing.T) anyengine.Database {
			return with(t, engine.Postgres, "UPDATE schema_compat_version SET compat_version = 2147483647")
		}, nil, []tables.ProblemID{tables.SourceUnfinished}},
		"other storage": {func(t *testing.T) anyengine.Database { return with(t, engine.MySQL, "ALTER TABLE bare ENGINE=Aria") }, nil, []tables.ProblemID{tables.StorageEngine}},
		"foreign keys": {func(t *testing.T) anyengine.Database {
			return with(t, engine.SQLite, "PRAGMA foreign_keys = OFF", "INSERT INTO books VALUES (1, 5, NULL, 'x')")
		}, nil, []tables.ProblemID{tables.ForeignKeys}},
		"foreign target": {nil, func(t *testing.T) anyengine.Database {
			return made(t, engine.Postgres, "CREATE TABLE other (x INTEGER)")
		}, []tables.ProblemID{tables.TargetForeign}},
		"other set": {nil, func(t *testing.T) anyengine.Database {
			return with(t, engine.MySQL, "UPDATE schema_set SET name = 'other'")
		}, []tables.ProblemID{tables.TargetForeign}},
		"rows in a table": {nil, func(t *testing.T) anyengine.Database {
			return with(t, engine.SQLite, "INSERT INTO bare VALUES (1, 'x')")
		}, []tables.ProblemID{tables.TargetNotEmpty}},
		"another's filling": {nil, func(t *testing.T) anyengine.Database {
			return with(t, engine.Postgres, "UPDATE schema_compat_version SET compat_version = 2147483647")
		}, []tables.ProblemID{tables.TargetUnfinished}},
		"other version": {nil, func(t *testing.T) anyengine.Database {
			return with(t, engine.MySQL, "UPDATE schema_version SET version = 2")
		}, []tables.ProblemID{tables.TargetVersion}},
		"both": {func(t *testing.T) anyengine.Database { return with(t, engine.SQLite, pending) },
			func(t *testing.T) anyengine.Database {
				return with(t, engine.SQLite, "INSERT INTO bare VALUES (1, 'x')")
			}, []tables.ProblemID{tables.SourcePending, tables.TargetNotEmpty}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := c.from, c.to
			if from == nil {
				from = func(t *testing.T) anyengine.Database { return prepared(t, engine.SQLite, sample(t)) }
			}
			if to == nil {
				to = func(*testing.T) anyengine.Database { return file("new.db") }
			}
			if diff := cmp.Diff(c.want, refused(t, from(t), to(t), sample(t))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func made(t *testing.T, kind engine.Kind, statement string) anyengine.Database {
	t.Helper()
	database := anyengine.New(t, kind)
	database.With(t, func(session engine.Session) error {
		exec(t, session, statement)
		return nil
	})
	return database
}

func TestOneDatabaseIsNoMove(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		database := prepared(t, kind, sample(t))
		if diff := cmp.Diff([]tables.ProblemID{tables.SameDatabase}, refused(t, database, database, sample(t))); diff != "" {
			t.Error(diff)
		}
	})
}

// What the two engines' files make has to fit together.
func TestSetsThatDoNotFit(t *testing.T) {
	t.Parallel()
	const one = "library/full_schemas/1/full.sql."
	for name, c := range map[string]struct {
		sqlite, postgres string
		want             []tables.ProblemID
	}{
		"tables":   {"CREATE TABLE a (x TEXT); CREATE TABLE b (x TEXT);", "CREATE TABLE a (x TEXT); CREATE TABLE c (x TEXT);", []tables.ProblemID{tables.TableOnlyInSource, tables.TableOnlyInTarget}},
		"columns":  {"CREATE TABLE a (x TEXT, y TEXT);", "CREATE TABLE a (x TEXT, z TEXT);", []tables.ProblemID{tables.ColumnOnlyInTarget, tables.ColumnOnlyInSource}},
		"types":    {"CREATE TABLE a (x TEXT, y TEXT);", "CREATE TABLE a (x INTERVAL, y TEXT[]);", []tables.ProblemID{tables.ColumnType, tables.ColumnType}},
		"triggers": {"CREATE TABLE a (x TEXT);", "CREATE TABLE a (x TEXT); CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();", []tables.ProblemID{tables.Triggers}},
		"sequence": {"CREATE TABLE a (x TEXT);", "CREATE TABLE a (x TEXT); CREATE SEQUENCE s;", []tables.ProblemID{tables.Sequences}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := newSet(t, fstest.MapFS{one + "sqlite": {Data: []byte(c.sqlite)}, one + "postgres": {Data: []byte(c.postgres)}, one + "mysql": {Data: []byte("CREATE TABLE a (x TEXT);")}})
			target := anyengine.New(t, engine.Postgres)
			if diff := cmp.Diff(c.want, refused(t, prepared(t, engine.SQLite, set), target, set)); diff != "" {
				t.Error(diff)
			}
			untouched(t, target)
		})
	}
}

// The source is as it was, and nothing is left beside it.
func TestSourceStaysAsItIs(t *testing.T) {
	t.Parallel()
	source, target := filled(t, engine.SQLite), anyengine.New(t, engine.Postgres)
	before := dbtest.Listing(t, filepath.Dir(source.Path))
	for _, check := range []bool{true, false} {
		report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: sample(t), Check: check})
		if err != nil {
			t.Fatal(err)
		}
		if check {
			untouched(t, target)
			if report.Result != tables.ResultClean || report.Rows != 14 {
				t.Errorf("%+v", report)
			}
		}
	}
	if diff := cmp.Diff(before, dbtest.Listing(t, filepath.Dir(source.Path))); diff != "" {
		t.Error(diff)
	}
}

// A check leaves no trace of a target, not even an empty file.
func TestCheckWritesNothing(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		source, target := filled(t, engine.SQLite), anyengine.New(t, kind)
		report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: sample(t), Check: true})
		if err != nil || report.Result != tables.ResultClean {
			t.Fatalf("%+v %v", report, err)
		}
		if kind == engine.SQLite {
			if found, err := filepath.Glob(target.Path + "*"); err != nil || len(found) > 0 {
				t.Errorf("%v %v", found, err)
			}
			return
		}
		untouched(t, target)
	})
}

// Another one who is connected to the target, or just fills it, is not disturbed.
func TestTargetInUse(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		source, target := filled(t, engine.SQLite), prepared(t, kind, sample(t))
		if kind != engine.SQLite { // whose connections of one process are not told apart
			opened, err := target.OpenDatabase(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := opened.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]tables.ProblemID{tables.TargetInUse}, refused(t, source, target, sample(t))); diff != "" {
				t.Error(diff)
			}
			if err := opened.Close(); err != nil {
				t.Fatal(err)
			}
		}
		target.With(t, func(session engine.Session) error {
			unlock, err := session.LockNamed(t.Context(), "port", "tables", nil)
			if err != nil {
				return err
			}
			want := []tables.ProblemID{tables.TargetLocked}
			if kind != engine.SQLite {
				want[0] = tables.TargetInUse // a lock by a name is held by somebody at work
			}
			if diff := cmp.Diff(want, refused(t, source, target, sample(t))); diff != "" {
				t.Error(diff)
			}
			return unlock()
		})
		move(t, source, target, sample(t)) // into empty tables that are there already
	})
}

// The set of a source that says which it is of is asked for.
func TestSetIsFound(t *testing.T) {
	t.Parallel()
	source, target := filled(t, engine.SQLite), anyengine.New(t, engine.SQLite)
	var asked []string
	find := func(state *schema.State) (*schema.Set, error) {
		asked = append(asked, string(state.Owner))
		return sample(t), nil
	}
	if _, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), FindSet: find}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(asked, []string{"sample"}) {
		t.Error(asked)
	}
	unknown := func(*schema.State) (*schema.Set, error) { return nil, errors.New("nobody knows it") }
	_, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), FindSet: unknown})
	if err == nil || !strings.Contains(err.Error(), "source_set: nobody knows it") {
		t.Error(err)
	}
}

// A set that was read from files alone has the target know the code that its full schema contains.
func TestCodeThatIsInNoFile(t *testing.T) {
	t.Parallel()
	files, err := fs.Sub(sampleFiles, "testdata/sample")
	if err != nil {
		t.Fatal(err)
	}
	set := newSet(t, files)
	source := with(t, engine.SQLite, "INSERT INTO applied_schema_deltas (version, file) VALUES (1, '1/03fill.go')")
	target := anyengine.New(t, engine.Postgres)
	move(t, source, target, set)
	target.With(t, func(session engine.Session) error {
		state, err := schema.ReadState(t.Context(), session)
		if _, recorded := state.Applied["1/03fill.go"]; !recorded {
			t.Errorf("%v", state.Applied)
		}
		return err
	})
	later := with(t, engine.SQLite, "INSERT INTO applied_schema_deltas (version, file) VALUES (2, '2/03fill.go')")
	if diff := cmp.Diff([]tables.ProblemID{tables.MissingCode}, refused(t, later, anyengine.New(t, engine.Postgres), set)); diff != "" {
		t.Error(diff)
	}
}

// A file that is read without a lock, since nobody was writing to it, must not have been written to at the end.
func TestFileThatIsWrittenToAfterAll(t *testing.T) {
	t.Parallel()
	source, target := filled(t, engine.SQLite), anyengine.New(t, engine.Postgres)
	begun := false
	_, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: sample(t), Progress: func(now tables.Progress) {
		if now.Phase == tables.PhaseCopy && !begun {
			begun = true
			source.With(t, func(session engine.Session) error {
				exec(t, session, "DELETE FROM bare")
				return nil
			})
		}
	}})
	if err == nil {
		t.Error("it did not notice")
	}
	move(t, source, target, sample(t))
}
