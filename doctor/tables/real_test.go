package tables_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/tables"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

const (
	bookkeeping = `CREATE TABLE IF NOT EXISTS schema_version (Lock CHAR(1) NOT NULL DEFAULT 'X' UNIQUE, version INTEGER NOT NULL, upgraded BOOL NOT NULL, CHECK (Lock = 'X'));
CREATE TABLE IF NOT EXISTS schema_compat_version (Lock CHAR(1) NOT NULL DEFAULT 'X' UNIQUE, compat_version INTEGER NOT NULL, CHECK (Lock = 'X'));
CREATE TABLE IF NOT EXISTS applied_schema_deltas (version INTEGER NOT NULL, file TEXT NOT NULL, UNIQUE (version, file));
CREATE TABLE IF NOT EXISTS applied_module_schemas (module_name TEXT NOT NULL, file TEXT NOT NULL, UNIQUE (module_name, file));`
	updatesTable = `CREATE TABLE background_updates (update_name text NOT NULL, progress_json text NOT NULL, depends_on text,
	ordering integer NOT NULL DEFAULT 0, CONSTRAINT background_updates_uniqueness UNIQUE (update_name));`
)

// upstreamSet is a set of upstream's kind with these tables of main, at version 94.
func upstreamSet(t *testing.T, onSQLite, onPostgres string) *schema.Set {
	t.Helper()
	files := fstest.MapFS{}
	for path, content := range map[string]string{
		"__init__.py":                              "SCHEMA_VERSION = 94\nSCHEMA_COMPAT_VERSION = 84\n",
		"common/schema_version.sql":                bookkeeping,
		"common/full_schemas/94/full.sql.sqlite":   updatesTable,
		"common/full_schemas/94/full.sql.postgres": updatesTable,
		"main/full_schemas/94/full.sql.sqlite":     onSQLite,
		"main/full_schemas/94/full.sql.postgres":   onPostgres,
		"state/full_schemas/94/full.sql.sqlite":    "SELECT 1;",
		"state/full_schemas/94/full.sql.postgres":  "SELECT 1;",
	} {
		files[path] = &fstest.MapFile{Data: []byte(content)}
	}
	set, err := upstream.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// elsewhere are the tables that upstreamSet has in common.
func elsewhere() []string {
	return []string{"schema_version", "schema_compat_version", "applied_schema_deltas", "applied_module_schemas", "background_updates"}
}

// statementsOfFile are those that made the tables of a file, without the shadow tables of full-text indexes.
func statementsOfFile(t *testing.T, path string) string {
	t.Helper()
	const query = `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND tbl_name NOT IN (SELECT value FROM json_each(?))
AND tbl_name NOT GLOB '*_search_*' ORDER BY rowid`
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}.ReadOnly(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var statements []string
	err = engine.Each(t.Context(), session, query, []any{`["` + strings.Join(elsewhere(), `","`) + `"]`}, func(scan func(...any) error) error {
		var statement string
		err := scan(&statement)
		statements = append(statements, statement+";")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(statements, "\n")
}

// statementsOfServer are the same as pg_dump writes them, for whatever schema they are run in.
func statementsOfServer(t *testing.T, database *dbtest.Database) string {
	t.Helper()
	arguments := []string{"--schema-only", "--no-owner", "--no-acl", "--dbname=" + database.DSN}
	for _, table := range elsewhere() {
		arguments = append(arguments, "--exclude-table="+table)
	}
	output, err := exec.CommandContext(t.Context(), dbtest.Postgres(t).Bin("pg_dump"), arguments...).Output()
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^(SET |SELECT pg_catalog|\\).*$`).ReplaceAllString(string(output), "")
	return strings.ReplaceAll(text, "public.", "")
}

// The files that are looked at. The homeserver has not done all background updates of the second one.
const (
	wholeFile   = "homeserver-94.sqlite"
	pendingFile = "homeserver-94-pending.sqlite"
)

// realDatabases are real files of a homeserver, and an empty database as upstream has made it.
type realDatabases struct {
	paths  map[string]string // by the names of the files
	server *postgres.Config
	// onSQLite and onPostgres are the statements that make the same tables.
	onSQLite, onPostgres string
}

func openReal(t *testing.T) (*realDatabases, bool) {
	t.Helper()
	all := &realDatabases{paths: map[string]string{}}
	for _, name := range []string{wholeFile, pendingFile} {
		path, ok := dbtest.CopyData(t, name)
		if !ok {
			return nil, false
		}
		all.paths[name] = path
	}
	server := dbtest.NewDatabase(t)
	dbtest.RestorePrepared(t, server, "94")
	all.server = parsed(t, server)
	all.onSQLite, all.onPostgres = statementsOfFile(t, all.paths[wholeFile]), statementsOfServer(t, server)
	return all, true
}

// set is that of a file. What one has not done of background updates, its set's files enqueue.
func (r *realDatabases) set(t *testing.T, name string) *schema.Set {
	t.Helper()
	onSQLite := r.onSQLite
	if name == pendingFile {
		statement := regexp.MustCompile(`CREATE INDEX sliding_sync_connections_last_used_ts_idx [^;]*;`)
		onSQLite = statement.ReplaceAllString(onSQLite, "") +
			"INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('sliding_sync_connections_last_used_ts_idx', '{}', 9406);"
	}
	return upstreamSet(t, onSQLite, r.onPostgres)
}

func realOptions(set *schema.Set, database doctor.Database) doctor.Options {
	return doctor.Options{
		Databases: []doctor.Database{database},
		SetOf:     func(string, schema.Owner) (*schema.Set, error) { return set, nil },
	}
}

// A real homeserver's databases are as their schema says, by name across the engines and exactly. What is taken away from them is
// found, built, and gone from the findings.
func TestRealDatabases(t *testing.T) {
	t.Parallel()
	opened, ok := openReal(t)
	if !ok {
		return
	}
	for name, path := range opened.paths {
		for _, database := range []doctor.Database{{Label: "file", SQLitePath: path}, {Label: "server", Postgres: opened.server}} {
			options := realOptions(opened.set(t, name), database)
			mustHaveNothingButInfo(t, options)
			if options.Deep = true; name == wholeFile { // the sets differ for SQLite alone, where --deep compares nothing more
				mustHaveNothingButInfo(t, options)
			}
		}
	}
	for _, database := range []doctor.Database{{Label: "file", SQLitePath: opened.paths[wholeFile]}, {Label: "server", Postgres: opened.server}} {
		mustBeMended(t, realOptions(opened.set(t, wholeFile), database))
	}
}

func mustBeMended(t *testing.T, options doctor.Options) {
	t.Helper()
	damage := []string{"DROP INDEX receipts_linearized_event_id", "DROP INDEX state_groups_room_id_idx"}
	session := open(t, options.Databases[0])
	doctortest.Exec(t, session, damage...)
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if found := lookFor(t, options, tables.IndexMissing); len(found) != 1 || len(found[0].Evidence) != len(damage) {
		t.Errorf("%+v", found)
	}
	if err := doctor.ApplyFix(t.Context(), options, tables.FixID, false); err != nil {
		t.Error(err)
	}
	mustHaveNothingButInfo(t, options)
}

func mustHaveNothingButInfo(t *testing.T, options doctor.Options) {
	t.Helper()
	for _, one := range look(t, options) {
		if one.Severity != finding.Info || one.ID == tables.NotCompared || one.ID == tables.ForeignObjects {
			t.Errorf("deep %v: %+v", options.Deep, one)
		}
	}
}

func open(t *testing.T, database doctor.Database) engine.Session {
	t.Helper()
	var session engine.Session
	var err error
	if database.Postgres != nil {
		session, err = database.Postgres.OpenSession(t.Context(), nil)
	} else {
		session, err = sqlite.OpenSession(t.Context(), sqlite.Config{Database: database.SQLitePath}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() }) // a test may have closed it
	return session
}
