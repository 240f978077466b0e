package split_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
	"github.com/synapsedb/synapse/port/split"
	"github.com/synapsedb/synapse/schema"
)

// realServerName is the server of the collection.
const realServerName = "example.com"

// realSet is a set whose tables of state are those of the real databases, as these themselves say.
func realSet(t *testing.T, sqliteTables, postgresTables string) *schema.Set {
	t.Helper()
	const updates = `CREATE TABLE background_updates (update_name text NOT NULL, progress_json text NOT NULL, depends_on text,
		ordering integer NOT NULL DEFAULT 0, CONSTRAINT background_updates_uniqueness UNIQUE (update_name));`
	const bookkeeping = `CREATE TABLE IF NOT EXISTS schema_version (Lock CHAR(1) NOT NULL DEFAULT 'X' UNIQUE, version INTEGER NOT NULL, upgraded BOOL NOT NULL, CHECK (Lock = 'X'));
		CREATE TABLE IF NOT EXISTS schema_compat_version (Lock CHAR(1) NOT NULL DEFAULT 'X' UNIQUE, compat_version INTEGER NOT NULL, CHECK (Lock = 'X'));
		CREATE TABLE IF NOT EXISTS applied_schema_deltas (version INTEGER NOT NULL, file TEXT NOT NULL, UNIQUE (version, file));
		CREATE TABLE IF NOT EXISTS applied_module_schemas (module_name TEXT NOT NULL, file TEXT NOT NULL, UNIQUE (module_name, file));`
	files := fstest.MapFS{}
	for path, content := range map[string]string{
		"__init__.py":                              "SCHEMA_VERSION = 94\nSCHEMA_COMPAT_VERSION = 84\n",
		"common/schema_version.sql":                bookkeeping,
		"common/full_schemas/94/full.sql.sqlite":   updates,
		"common/full_schemas/94/full.sql.postgres": updates,
		"main/full_schemas/94/full.sql.sqlite":     "CREATE TABLE of_main (i INTEGER);",
		"main/full_schemas/94/full.sql.postgres":   "CREATE TABLE of_main (i INTEGER);",
		"state/full_schemas/94/full.sql.sqlite":    sqliteTables,
		"state/full_schemas/94/full.sql.postgres":  postgresTables,
	} {
		files[path] = &fstest.MapFile{Data: []byte(content)}
	}
	set, err := upstream.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// tablesOfFile are the statements that made the tables of state.
func tablesOfFile(t *testing.T, database split.Database) string {
	t.Helper()
	return text(t, database, `SELECT group_concat(sql, ';'||char(10)) || ';' FROM (SELECT sql FROM sqlite_schema WHERE tbl_name LIKE 'state\_group%' ESCAPE '\' AND sql IS NOT NULL ORDER BY rowid)`)
}

// tablesOfServer are the same as pg_dump writes them.
func tablesOfServer(t *testing.T, database *dbtest.Database) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), dbtest.Postgres(t).Bin("pg_dump"), "--schema-only", "--no-owner", "--no-acl", "--table=state_group*", "--dbname="+database.DSN)
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^(SET |SELECT pg_catalog|\\).*$`).ReplaceAllString(string(output), "")
}

// A real homeserver's database, of schema 94, is split on both engines. Where the collection is not there, the tests with
// generated databases cover the same.
func TestRealDatabaseIsSplit(t *testing.T) {
	t.Parallel()
	path, ok := dbtest.CopyData(t, "homeserver-94.sqlite")
	if !ok {
		return
	}
	server, _ := dbtest.NewRestoredDatabase(t, "94")
	file := split.Database{Label: "master", SQLitePath: path, Logical: both()}
	set := realSet(t, tablesOfFile(t, file), tablesOfServer(t, server))
	ported := described(t, server, both()...)
	if _, err := port.Run(t.Context(), port.Options{Source: path, Target: ported.Postgres, SetAsideFile: filepath.Join(t.TempDir(), "aside"), ServerName: realServerName}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ source, target split.Database }{
		"postgres": {ported, onPostgres.empty(t)},
		"sqlite":   {file, onSQLite.empty(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := mustRun(t, split.Options{Source: test.source, Target: test.target, Set: set, ServerName: realServerName})
			if len(report.Tables) != len(oursTables()) || report.Rows == 0 {
				t.Errorf("%+v", report)
			}
			if diff := cmp.Diff(rowsOf(t, test.source, oursTables()...), rowsOf(t, test.target, oursTables()...)); diff != "" {
				t.Error(diff)
			}
			var verdicts []schema.Verdict
			for database, logical := range map[string]split.Database{"main": test.source, "state": test.target} {
				on(t, logical, func(ctx context.Context, session engine.Session) error {
					status, err := schema.Inspect(ctx, session, set, schema.Options{Databases: []string{database}})
					verdicts = append(verdicts, status.Verdict)
					return err
				})
			}
			if diff := cmp.Diff([]schema.Verdict{schema.Current, schema.Current}, verdicts); diff != "" {
				t.Error(diff)
			}
			if test.target.Postgres != nil && !strings.Contains(text(t, test.target, "SELECT last_value || ' ' || is_called FROM state_group_id_seq"), " true") {
				t.Error("the sequence of state groups was not set")
			}
		})
	}
}
