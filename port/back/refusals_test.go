package back_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/back"
	"github.com/synapsedb/synapse/schema"
)

// Every refusal comes before the first write, and tells what to do.
func TestRefusals(t *testing.T) {
	t.Parallel()
	plain := func(t *testing.T) *schema.Set { return tinySet(t, edges, edges) }
	write := func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte("a stranger's"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		files      func(t *testing.T) *schema.Set // other than those that the source was made from
		statements []string
		change     func(t *testing.T, options *back.Options, source *dbtest.Database)
		want       []engine.ProblemID
		says       string
	}{
		"a file that is there": {want: []engine.ProblemID{"target_exists"}, says: "new.db exists already",
			change: func(t *testing.T, options *back.Options, _ *dbtest.Database) { write(t, options.Destination) }},
		"the log of another database": {want: []engine.ProblemID{"target_log", "target_log"}, says: "new.db-wal is there",
			change: func(t *testing.T, options *back.Options, _ *dbtest.Database) {
				write(t, options.Destination+"-wal")
				write(t, options.Destination+"-journal")
			}},
		"no folder": {want: []engine.ProblemID{"target_folder"},
			change: func(_ *testing.T, options *back.Options, _ *dbtest.Database) {
				options.Destination = filepath.Join(options.Destination, "new.db")
			}},
		"a stranger's folder": {want: []engine.ProblemID{"target_partial"}, says: "photograph",
			change: func(t *testing.T, options *back.Options, _ *dbtest.Database) {
				if err := os.Mkdir(options.Destination+".port-back-partial", 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(options.Destination+".port-back-partial", "photograph"))
			}},
		"pending updates": {want: []engine.ProblemID{"source_pending_updates"}, says: "populate_stats_process_rooms",
			statements: []string{"INSERT INTO background_updates (update_name, progress_json) VALUES ('populate_stats_process_rooms', '{}')"}},
		"another version": {want: []engine.ProblemID{"source_version"}, says: "has schema version 93, and the schema files are of version 94",
			statements: []string{"UPDATE schema_version SET version = 93"}},
		"an unfinished port": {want: []engine.ProblemID{"source_schema"}, says: "is not complete: a port or a restore into it was begun",
			statements: []string{"UPDATE schema_compat_version SET compat_version = 2147483647", "UPDATE schema_version SET version = 95"}},
		"a session": {want: []engine.ProblemID{"source_in_use"}, says: "stop the homeserver and its workers",
			change: func(t *testing.T, _ *back.Options, source *dbtest.Database) { source.Connect(t) }},
		"no tables": {want: []engine.ProblemID{"source_empty"},
			change: func(t *testing.T, options *back.Options, _ *dbtest.Database) {
				options.Sources[0].Config = configOf(t, dbtest.NewDatabase(t))
			}},
		"a table that only the source has, with rows": {want: []engine.ProblemID{"table_only_in_source"}, says: "table port_from_sqlite3 of ",
			statements: []string{"CREATE TABLE port_from_sqlite3 (table_name TEXT)", "INSERT INTO port_from_sqlite3 VALUES ('x')", "CREATE TABLE nothing (id BIGINT)"}},
		"a table that only the files have": {want: []engine.ProblemID{"table_only_in_target"}, says: "has no table rooms",
			statements: []string{"DROP TABLE rooms"}},
		"columns": {want: []engine.ProblemID{"column_only_in_target", "column_only_in_source"}, says: "only the source has renamed",
			statements: []string{"ALTER TABLE edges RENAME COLUMN words TO renamed"}},
		"a type that SQLite has not": {want: []engine.ProblemID{"column_type"}, says: "values of type numeric(5,2)",
			statements: []string{"ALTER TABLE edges ALTER COLUMN words TYPE NUMERIC(5,2) USING 0"}},
		"a type that SQLite would change": {want: []engine.ProblemID{"column_type"}, says: `column plain: a column of SQLite that is declared "INTEGER" does not hold values of type text`,
			statements: []string{"ALTER TABLE edges ALTER COLUMN plain TYPE TEXT"}},
		"everything at once": {want: []engine.ProblemID{"target_exists", "source_pending_updates", "table_only_in_target"},
			statements: []string{"DROP TABLE rooms", "INSERT INTO background_updates (update_name, progress_json) VALUES ('x', '{}')"},
			change:     func(t *testing.T, options *back.Options, _ *dbtest.Database) { write(t, options.Destination) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := plain(t)
			database := prepared(t, set)
			execute(t, database, test.statements...)
			var before []string
			path, report, err := moveBack(t, database, set, func(options *back.Options) {
				if test.change != nil {
					test.change(t, options, database)
				}
				before = everything(t, options.Destination)
			})
			refused, isRefused := errors.AsType[*back.RefusedError](err)
			if !isRefused {
				t.Fatalf("%v", err)
			}
			var got []engine.ProblemID
			for _, problem := range refused.Problems {
				got = append(got, problem.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || !strings.Contains(err.Error(), test.says) || !refused.Has(got[0]) || refused.Has("x") {
				t.Errorf("%s\n%v", diff, err)
			}
			if report.Result != back.ResultRefused || len(report.Problems) != len(got) {
				t.Errorf("the report is %+v", report)
			}
			if diff := cmp.Diff(before, everything(t, path)); diff != "" {
				t.Errorf("something was written: %s", diff)
			}
		})
	}
}

// everything lists what is at and beside a path.
func everything(t *testing.T, path string) []string {
	t.Helper()
	found, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Sessions that are known do not hinder, and are told of.
func TestSessionsThatAreKnown(t *testing.T) {
	t.Parallel()
	set := tinySet(t, edges, edges)
	database := prepared(t, set)
	database.Connect(t)
	_, report, err := moveBack(t, database, set, func(options *back.Options) { options.SessionsKnown = true })
	if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "is not moved") {
		t.Errorf("%v, %q", err, report.Warnings)
	}
}

// Two moves into one file: the second one is refused, and the first goes on. A table that is locked has it wait meanwhile.
func TestMovesAtTheSameTime(t *testing.T) {
	t.Parallel()
	const table = `CREATE TABLE held (id BIGINT);` // without an index, whose definition could not be read meanwhile
	set := tinySet(t, table, table)
	first, second := prepared(t, set), prepared(t, set)
	holder := first.Connect(t)
	hold := func(statement string) {
		if _, err := holder.Exec(t.Context(), statement); err != nil {
			t.Error(err)
		}
	}
	hold("BEGIN")
	hold("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
	path, progress, ended := filepath.Join(t.TempDir(), "new.db"), back.NewProgress(), make(chan error, 1)
	go func() {
		_, err := back.Run(t.Context(), back.Options{
			Sources: []back.Source{{Config: configOf(t, first)}}, Destination: path, Set: set, Progress: progress, SessionsKnown: true,
		})
		ended <- err
	}()
	for progress.Snapshot().Phase != back.PhaseCopy {
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
		}
	}
	_, _, err := moveBack(t, second, set, func(options *back.Options) { options.Destination = path })
	if refused, is := errors.AsType[*back.RefusedError](err); !is || !refused.Has("target_busy") {
		t.Errorf("into the same file: %v", err)
	}
	_, _, err = moveBack(t, first, set, func(options *back.Options) { options.SessionsKnown = true })
	if refused, is := errors.AsType[*back.RefusedError](err); !is || !refused.Has("source_locked") {
		t.Errorf("of the same source: %v", err)
	}
	hold("ROLLBACK")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if left := listing(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("there are %q", left)
	}
}

// A move that is stopped removes what it wrote.
func TestStoppedMove(t *testing.T) {
	t.Parallel()
	_, database := demoSource(t)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	progress := back.NewProgress()
	path := filepath.Join(t.TempDir(), "new.db")
	options := back.Options{
		Sources: []back.Source{{Config: configOf(t, database)}}, Destination: path, Set: ours(t), Progress: progress, SessionsKnown: true,
	}
	errStopped := errors.New("stopped by the test")
	go func() {
		for early := []back.Phase{"", back.PhasePreflight, back.PhasePrepare}; slices.Contains(early, progress.Snapshot().Phase); {
			if ctx.Err() != nil {
				return
			}
		}
		stop(errStopped)
	}()
	_, err := back.Run(ctx, options)
	if !errors.Is(err, errStopped) || !is[*back.UnmadeError](err) {
		t.Errorf("%v", err)
	}
	if left := listing(t, filepath.Dir(path)); len(left) > 0 {
		t.Errorf("there are %q", left)
	}
}
