package data_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/data"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// otherCollation tells a catalog that an index is in another order than that in which it was built, as it is after a change of the
// locale's library. In the order of "C", B comes before a; in this one, after it.
const otherCollation = `
UPDATE pg_index SET indcollation = (SELECT oid::text::oidvector FROM pg_collation WHERE collname = 'en-x-icu')
WHERE indexrelid IN (SELECT i.indexrelid FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
                     WHERE i.indisunique AND i.indrelid = 'events'::regclass AND a.attname = 'event_id')`

// corrupt lets an index of events take an id that is there already. What belongs to the event would be deleted with one of the copies.
func corrupt(t *testing.T) (*dbtest.Database, engine.Session, doctor.Options) {
	t.Helper()
	database, session, options := doctortest.Postgres(t)
	prepare(t, session, &options)
	superuser := database.ConnectSuperuser(t)
	if _, err := superuser.Exec(t.Context(), otherCollation); err != nil {
		t.Fatal(err)
	}
	doctortest.Exec(t, session,
		`INSERT INTO un_partial_stated_event_stream (stream_id, instance_name, event_id, rejection_status_changed, room_id) VALUES (1, 'master', '$D', false, '!r:demo.test')`,
		event("B", "7"), event("D", "8"))
	return database, session, options
}

func TestDuplicatesBehindACorruptIndexAreFoundAndDeletedByTheScript(t *testing.T) {
	t.Parallel()
	database, session, options := corrupt(t)
	found := mustFind(t, options, data.DuplicateKeys, finding.Error, "events (event_id)", "2 keys are there more than once, with 2 rows too many",
		"event_id = $B: rows (0,7), (0,1); the newest is (0,7), by received_ts")
	if found.Remedy.Fix != "" || len(found.Remedy.Commands) != 1 {
		t.Errorf("%+v", found.Remedy)
	}
	script := writeScript(t, options)
	if output, err := psql(t, database, script); err != nil {
		t.Fatalf("%v\n%s\n%s", err, output, read(t, script))
	}
	mustNotFind(t, options, data.DuplicateKeys)
	if diff := cmp.Diff([]string{"3", "4", "5", "6", "7", "8"}, column(t, session, "SELECT stream_ordering::text FROM events ORDER BY stream_ordering")); diff != "" {
		t.Error(diff)
	}
	if rows := column(t, session, "SELECT event_id FROM un_partial_stated_event_stream"); len(rows) != 1 {
		t.Errorf("what belongs to the event was deleted with its copy: %v", rows)
	}
	saved := column(t, session, "SELECT relname FROM pg_class WHERE relname LIKE 'synapse_repair_%' AND relkind = 'r'")
	if len(saved) != 1 {
		t.Fatalf("tables with what was deleted: %v", saved)
	}
	if diff := cmp.Diff([]string{"(0,1) $B 1", "(0,2) $D 2"}, column(t, session, "SELECT concat_ws(' ', synapse_place, event_id, stream_ordering) FROM "+saved[0]+" ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
}

func TestScriptRefusesRowsThatHaveChanged(t *testing.T) {
	t.Parallel()
	database, session, options := corrupt(t)
	script := writeScript(t, options)
	doctortest.Exec(t, session, "UPDATE events SET depth = 5 WHERE stream_ordering = 7")
	output, err := psql(t, database, script)
	if err == nil || !strings.Contains(output, "no longer those that were seen") {
		t.Errorf("%v\n%s", err, output)
	}
	if rows := column(t, session, "SELECT event_id FROM events"); len(rows) != 8 {
		t.Errorf("%v", rows)
	}
}

// An index that is gone lets ids in twice as well.
func TestEventsTwiceWithoutAnyIndex(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	prepare(t, session, &options)
	doctortest.Exec(t, session, "ALTER TABLE event_json DROP CONSTRAINT event_json_pkey",
		`INSERT INTO event_json (event_id, room_id, internal_metadata, json) VALUES ('$a', '!r:demo.test', '{"copy": "it''s"}', '{}')`)
	mustFind(t, options, data.EventIDTwice, finding.Error, "in event_json (event_id)", "event_id = $a")
	if output, err := psql(t, database, writeScript(t, options)); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	mustNotFind(t, options, data.EventIDTwice)
}

// corruptFile puts the autoindex of event_json in the place of that of an empty table, so that it knows no row, and adds an id twice.
func corruptFile(t *testing.T) (path string, session engine.Session, options doctor.Options) {
	t.Helper()
	path, session, options = doctortest.SQLite(t)
	prepare(t, session, &options)
	doctortest.Exec(t, session,
		"CREATE TABLE spare (event_id TEXT NOT NULL, PRIMARY KEY (event_id))",
		"PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_spare_1') WHERE name = 'sqlite_autoindex_event_json_1'",
		"DELETE FROM sqlite_schema WHERE tbl_name = 'spare'",
		"PRAGMA writable_schema = RESET",
		`INSERT INTO event_json (event_id, room_id, internal_metadata, json) VALUES ('$a', '!r:demo.test', '{"copy": "it''s"}', '{}')`)
	return path, session, options
}

func TestDuplicatesInSQLite(t *testing.T) {
	t.Parallel()
	for name, run := range sqlitePrograms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, session, options := corruptFile(t)
			mustFind(t, options, data.DuplicateKeys, finding.Error, "in event_json (event_id), 1 key is there more than once", "event_id = $a: rows 4, 7")
			script := writeScript(t, options)
			if err := session.Close(); err != nil {
				t.Fatal(err)
			}
			if output, err := run(t, path, script); err != nil {
				t.Fatalf("%v\n%s\n%s", err, output, read(t, script))
			}
			mustNotFind(t, options, data.DuplicateKeys)
			if output, err := run(t, path, script); err == nil {
				t.Errorf("a script was run twice: %s", output)
			}
			session = openFile(t, path)
			if result := column(t, session, "PRAGMA integrity_check('event_json')"); len(result) != 1 || result[0] != "ok" {
				t.Errorf("%s: %v", path, result)
			}
			if rows := column(t, session, "SELECT event_id FROM event_json"); len(rows) != 6 {
				t.Errorf("%v", rows)
			}
			saved := column(t, session, "SELECT name FROM sqlite_schema WHERE name LIKE 'synapse_repair_%'")
			if len(saved) != 1 {
				t.Fatalf("tables with what was deleted: %v", saved)
			}
			want := []string{`7 $a {"copy": "it's"}`}
			if diff := cmp.Diff(want, column(t, session, "SELECT synapse_place || ' ' || event_id || ' ' || internal_metadata FROM "+saved[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScriptForSQLiteRefusesRowsThatHaveChanged(t *testing.T) {
	t.Parallel()
	for name, run := range sqlitePrograms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, session, options := corruptFile(t)
			script := writeScript(t, options)
			doctortest.Exec(t, session, `UPDATE event_json SET json = '{"changed": true}' WHERE rowid = 7`)
			if err := session.Close(); err != nil {
				t.Fatal(err)
			}
			if output, err := run(t, path, script); err == nil || !strings.Contains(output+err.Error(), "rows_are_still_the_same") {
				t.Errorf("%v\n%s", err, output)
			}
			if rows := column(t, openFile(t, path), "SELECT event_id FROM event_json NOT INDEXED"); len(rows) != 7 {
				t.Errorf("%v", rows)
			}
		})
	}
}

// sqlitePrograms are those that run a script, each by its way to do so.
func sqlitePrograms() map[string]func(t *testing.T, path, script string) (output string, err error) {
	return map[string]func(t *testing.T, path, script string) (output string, err error){"library": runByLibrary, "sqlite3": runBySqlite3}
}

func openFile(t *testing.T, path string) engine.Session {
	t.Helper()
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func runByLibrary(t *testing.T, path, script string) (output string, err error) {
	t.Helper()
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return "", errors.Join(session.ExecAlone(t.Context(), read(t, script)), session.Close())
}

// runBySqlite3 does what the head of the script says.
func runBySqlite3(t *testing.T, path, script string) (output string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sqlite3", "-bail", path)
	command.Stdin = strings.NewReader(read(t, script))
	text, err := command.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	return string(text), err
}

func column(t *testing.T, session engine.Session, query string) (all []string) {
	t.Helper()
	err := engine.Each(t.Context(), session, query, nil, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		all = append(all, text)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

func writeScript(t *testing.T, options doctor.Options) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "repair.sql")
	repairs, err := doctor.WriteRepairs(t.Context(), options, func(string) (io.WriteCloser, error) { return os.Create(path) })
	if err != nil || len(repairs) != 1 {
		t.Fatalf("%v: %v", repairs, err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func psql(t *testing.T, database *dbtest.Database, script string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), dbtest.Postgres(t).Bin("psql"), "--no-psqlrc", "--file="+script, database.DSN)
	output, err := command.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	return string(output), err
}
