package split_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/port/split"
)

func TestRefusalsOfSources(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare []string // on the source
		change  func(t *testing.T, options *split.Options)
		want    split.ProblemID
		says    string
	}{
		"main alone": {change: func(_ *testing.T, o *split.Options) { o.Source.Logical = []string{"main"} }, want: split.SourceNotBoth, says: "does not hold main and state"},
		"guarded":    {prepare: []string{"UPDATE schema_compat_version SET compat_version = 2147483647"}, want: split.SourceSchema, says: "is not complete"},
		"newer":      {prepare: []string{"UPDATE schema_version SET version = 10002"}, want: split.SourceSchema, says: "the schema files are of 10001"},
		"older":      {prepare: []string{"UPDATE schema_version SET version = 10000"}, want: split.SourceSchema, says: "synapse upgrade"},
		"of another set": {
			change: func(t *testing.T, o *split.Options) { t.Helper(); o.Set = upstreams(t) },
			want:   split.SourceSchema, says: "it belongs to \"homeserver\"",
		},
		"of another server": {
			prepare: []string{"INSERT INTO users (name, creation_ts) VALUES ('@a:elsewhere.example', 0)"},
			change:  func(_ *testing.T, o *split.Options) { o.ServerName = serverName },
			want:    split.SourceSchema, says: "elsewhere.example",
		},
		"another column": {prepare: []string{"ALTER TABLE state_groups ADD COLUMN more INTEGER"}, want: split.SourceTables, says: "state_groups.more"},
		"missing table":  {prepare: []string{"DROP TABLE state_groups_persisting"}, want: split.SourceTables, says: "only one side has the table state_groups_persisting"},
	} {
		for engineName, at := range places() {
			if engineName == "postgres" && name != "guarded" && name != "another column" {
				continue // package schema refuses it there too, by its own tests
			}
			t.Run(name+" "+engineName, func(t *testing.T) {
				t.Parallel()
				from, to := at.prepared(t, ours(t), both()...), at.empty(t)
				execute(t, from, test.prepare...)
				options := split.Options{Source: from, Target: to, Set: ours(t)}
				if test.change != nil {
					test.change(t, &options)
				}
				refused := refusedFor(t, options, test.want)
				if !strings.Contains(refused.Error(), test.says) {
					t.Errorf("%v does not say %q", refused, test.says)
				}
				untouched(t, to)
			})
		}
	}
}

// untouched makes sure that nothing was written.
func untouched(t *testing.T, target split.Database) {
	t.Helper()
	if target.Postgres == nil {
		entries, err := os.ReadDir(filepath.Dir(target.SQLitePath))
		if err != nil || len(entries) > 0 {
			t.Errorf("the folder of the target holds %v, %v", entries, err)
		}
		return
	}
	if tables := number(t, target, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"); tables > 0 {
		t.Errorf("%d tables are in the target", tables)
	}
}

func TestPendingUpdatesOfStateAreRefusedAndThoseOfMainAreNot(t *testing.T) {
	t.Parallel()
	set := upstreams(t)
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := at.filled(t, set), at.empty(t)
			execute(t, from, "INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('an_update_of_main', '{}', 1)")
			options := split.Options{Source: from, Target: to, Set: set, Check: true}
			if report := mustRun(t, options); report.Result != split.Clean {
				t.Errorf("the result is %q", report.Result)
			}
			execute(t, from, "INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('state 90/02_state_only.sql', '{}', 9002)")
			options.Check = false
			refusedFor(t, options, split.SourceUpdates)
			untouched(t, to)
		})
	}
}

func TestRefusalsOfTargets(t *testing.T) {
	t.Parallel()
	set := ours(t)
	from, file := onPostgres.filled(t, set), onSQLite.filled(t, set)
	filled, complete, link := onPostgres.empty(t), onPostgres.empty(t), onSQLite.empty(t)
	execute(t, filled, "CREATE TABLE anything (i INTEGER)")
	create(t, split.Database{Postgres: complete.Postgres, Logical: []string{"state"}}, set)
	if err := os.Symlink(file.SQLitePath, link.SQLitePath); err != nil {
		t.Fatal(err)
	}
	wal := onSQLite.empty(t)
	if err := os.WriteFile(wal.SQLitePath+"-wal", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		source, target split.Database
		want           split.ProblemID
	}{
		"the source itself":  {from, split.Database{Postgres: from.Postgres}, split.TargetSame},
		"the source's file":  {file, split.Database{SQLitePath: file.SQLitePath}, split.TargetSame},
		"a link to it":       {file, link, split.TargetSame},
		"another engine":     {file, onPostgres.empty(t), split.EnginesDiffer},
		"somebody's tables":  {from, filled, split.TargetNotEmpty},
		"a state database":   {from, complete, split.TargetNotEmpty},
		"another file":       {file, split.Database{SQLitePath: filepath.Join(dbtest.Repository(t), "go.mod")}, split.TargetNotEmpty},
		"another file's log": {file, wal, split.TargetNotEmpty},
		"no folder":          {file, split.Database{SQLitePath: filepath.Join(t.TempDir(), "none", "x.db")}, split.TargetReachable},
		"another locale":     {from, described(t, dbtest.NewDatabase(t, func(o *server.DatabaseOptions) { o.Locale = "C.UTF-8" })), split.TargetSchema},
		"memory":             {file, split.Database{SQLitePath: ":memory:"}, split.TargetReachable},
	} {
		t.Run(name, func(t *testing.T) {
			refusedFor(t, split.Options{Source: test.source, Target: test.target, Set: set}, test.want)
		})
	}
}

func TestOtherSessionsAreRefused(t *testing.T) {
	t.Parallel()
	set := ours(t)
	for _, side := range []string{"source", "target"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			from, to := onPostgres.filled(t, set), onPostgres.empty(t)
			used, want := from, split.SourceInUse
			if side == "target" {
				used, want = to, split.TargetInUse
			}
			conn, err := used.Postgres.Connect(t.Context(), map[string]string{"application_name": "server"})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			refused := refusedFor(t, split.Options{Source: from, Target: to, Set: set}, want)
			if !strings.Contains(refused.Error(), "server") {
				t.Errorf("%v does not say who", refused)
			}
		})
	}
}

func TestLockedDatabasesAreRefused(t *testing.T) {
	t.Parallel()
	set := ours(t)
	for _, side := range []string{"source", "target"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			from, to := onPostgres.filled(t, set), onPostgres.empty(t)
			used, want := from, split.SourceLocked
			if side == "target" {
				used, want = to, split.TargetLocked
			}
			session, err := used.Postgres.OpenSession(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if _, err := session.LockSchema(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			refusedFor(t, split.Options{Source: from, Target: to, Set: set}, want)
		})
	}
}

func TestFilesOfOthersWithTheNameOfAPartialAreKept(t *testing.T) {
	t.Parallel()
	set := ours(t)
	from, to := onSQLite.filled(t, set), onSQLite.empty(t)
	partial := split.Database{SQLitePath: to.SQLitePath + ".split-partial"}
	execute(t, partial, "CREATE TABLE precious (i INTEGER)", "INSERT INTO precious VALUES (1)")
	refusedFor(t, split.Options{Source: from, Target: to, Set: set}, split.TargetNotEmpty)
	if rows := number(t, partial, "SELECT count(*) FROM precious"); rows != 1 {
		t.Errorf("%d rows", rows)
	}
}

func TestLeftoverWithOtherTablesIsKept(t *testing.T) {
	t.Parallel()
	set := ours(t)
	from, to := onPostgres.filled(t, set), onPostgres.empty(t)
	create(t, split.Database{Postgres: to.Postgres, Logical: []string{"state"}}, set)
	execute(t, to, "CREATE TABLE synapse_split (compat_version INTEGER, run BIGINT)", "CREATE TABLE precious (i INTEGER)",
		"INSERT INTO state_groups (id, room_id, event_id) VALUES (1, '', '')")
	refusedFor(t, split.Options{Source: from, Target: to, Set: set}, split.TargetNotEmpty)
	if rows := number(t, to, "SELECT count(*) FROM state_groups"); rows != 1 {
		t.Errorf("%d rows", rows)
	}
}

func TestCheckWritesNothing(t *testing.T) {
	t.Parallel()
	for engineName, at := range places() {
		for setName, setOf := range sets() {
			t.Run(engineName+" "+setName, func(t *testing.T) {
				t.Parallel()
				set := setOf(t)
				from, to := at.filled(t, set), at.empty(t)
				if report := mustRun(t, split.Options{Source: from, Target: to, Set: set, Check: true}); report.Result != split.Clean {
					t.Errorf("the result is %q", report.Result)
				}
				untouched(t, to)
			})
		}
	}
	t.Run("type", func(t *testing.T) {
		t.Parallel()
		from, to := onPostgres.filled(t, ours(t)), onPostgres.empty(t)
		execute(t, from, "ALTER TABLE state_groups ALTER COLUMN room_id TYPE varchar(500)")
		refused := refusedFor(t, split.Options{Source: from, Target: to, Set: ours(t), Check: true}, split.SourceTables)
		if !strings.Contains(refused.Error(), "state_groups.room_id is character varying(500), and the schema files create text") {
			t.Error(refused)
		}
		refusedFor(t, split.Options{Source: from, Target: to, Set: ours(t)}, split.SourceTables)
		untouched(t, to)
	})
}

// The password stands in no error.
func TestUnreachableTarget(t *testing.T) {
	t.Parallel()
	from := onPostgres.filled(t, ours(t))
	database := dbtest.NewDatabase(t)
	database.Config["password"] = "wrong-S3cr3t"
	database.Config["host"] = "127.0.0.1"
	database.Config["port"] = 1
	refused := refusedFor(t, split.Options{Source: from, Target: described(t, database), Set: ours(t)}, split.TargetReachable)
	if strings.Contains(refused.Error(), "S3cr3t") {
		t.Error(refused)
	}
}

func TestFileInUseIsRefused(t *testing.T) {
	t.Parallel()
	from, to := onSQLite.filled(t, ours(t)), onSQLite.empty(t)
	db, err := sqlite.Open(t.Context(), sqlite.Config{Database: from.SQLitePath}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := split.Run(t.Context(), split.Options{Source: from, Target: to, Set: ours(t)}); err == nil {
		t.Error("it was split while it was open")
	}
	if diff := cmp.Diff(false, exists(to.SQLitePath)); diff != "" {
		t.Error(diff)
	}
}
