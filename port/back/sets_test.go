package back_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/back"
	"github.com/synapsedb/synapse/schema"
)

// fixture is the set of files in upstream's form.
func fixture(t testing.TB) *schema.Set {
	t.Helper()
	set, err := upstream.Open("../../homeserver/upstream/testdata/schema")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

const bookkeepingSQL = `SELECT version, upgraded FROM schema_version; SELECT compat_version FROM schema_compat_version;
SELECT version, file FROM applied_schema_deltas ORDER BY 1, 2;`

// A database of upstream's gets the records of a new SQLite one, and a search index that the homeserver's SQLite can fill.
func TestDatabaseOfUpstreams(t *testing.T) {
	t.Parallel()
	set := fixture(t)
	database := prepared(t, set)
	fillUpstreams(t, database)
	made, report, err := moveBack(t, database, set, func(options *back.Options) { options.ServerName = "example.com" })
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: empty}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.Prepare(t.Context(), session, set, schema.Options{})
	_, finishErr := upstream.FinishEmpty(t.Context(), session)
	if err := errors.Join(err, finishErr, session.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shell(t, empty, bookkeepingSQL), shell(t, made, bookkeepingSQL)); diff != "" {
		t.Errorf("records (-new database +made):\n%s", diff)
	}
	if diff := cmp.Diff(catalogOf(t, empty), catalogOf(t, made)); diff != "" {
		t.Errorf("the catalog (-new database +made):\n%s", diff)
	}
	want := `event_search|{"target_min_stream_id_inclusive": -3, "max_stream_id_exclusive": 13}||7310`
	if got := shell(t, made, "SELECT * FROM background_updates WHERE update_name = 'event_search'"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if report.Enqueued[0] != "event_search" {
		t.Errorf("enqueued: %q", report.Enqueued)
	}
	if got := shell(t, made, `INSERT INTO event_search (event_id, value) VALUES ('$x', 'the dogs were running');
SELECT event_id FROM event_search WHERE event_search MATCH 'run dog'; INSERT INTO event_search (event_search) VALUES ('integrity-check'); PRAGMA integrity_check; PRAGMA journal_mode;`); got != "$x\nok\ndelete" {
		t.Error(got)
	}
}

// fillUpstreams writes what a homeserver has written once it ran, in the tables of the fixture.
func fillUpstreams(t testing.TB, database *dbtest.Database) {
	t.Helper()
	execute(t, database, "DELETE FROM background_updates", "ALTER TABLE events DROP COLUMN stream_ordering2",
		"INSERT INTO events (event_id, room_id, stream_ordering) SELECT '$' || n, '!r', n FROM generate_series(-3, 12) AS n WHERE n <> 0")
}

// The databases of a split configuration become one file; what the split left over in main is not taken.
func TestSplitDatabases(t *testing.T) {
	t.Parallel()
	set := ours(t)
	original, whole := demoSource(t)
	mainDatabase, state := prepared(t, set, "main"), prepared(t, set, "state")
	move(t, whole, mainDatabase)
	move(t, whole, state)
	execute(t, mainDatabase, "DELETE FROM background_updates", "CREATE TABLE state_groups (id BIGINT PRIMARY KEY)", "INSERT INTO state_groups VALUES (-77)")
	made, report, err := moveBack(t, mainDatabase, set, func(options *back.Options) {
		options.Sources = []back.Source{
			{Label: "state", Config: configOf(t, state), Logical: []string{"state"}},
			{Label: "main", Config: configOf(t, mainDatabase), Logical: []string{"main"}},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, original, made)
	if diff := cmp.Diff(catalogOf(t, original), catalogOf(t, made)); diff != "" {
		t.Errorf("the catalog (-original +made):\n%s", diff)
	}
	if report.Sources[0].Label != "main" || report.Sources[1].ServerVersion == "" {
		t.Errorf("the sources are %+v", report.Sources)
	}
	leftOver := false
	for _, left := range report.Left {
		leftOver = leftOver || left.Table == "state_groups" && strings.HasPrefix(left.Reason, "left over in ")
	}
	if !leftOver {
		t.Errorf("left: %+v", report.Left)
	}
	mustOpen(t, made, set)
}

// move copies the rows of those tables that the target has.
func move(t testing.TB, from, to *dbtest.Database) {
	t.Helper()
	source, target := from.ConnectSuperuser(t), to.ConnectSuperuser(t)
	if _, err := target.Exec(t.Context(), "SET session_replication_role = replica"); err != nil {
		t.Fatal(err)
	}
	rows, err := target.Query(t.Context(), `SELECT relname::text, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'schema%' AND relname NOT LIKE 'applied_schema%'`)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]string{}
	for rows.Next() {
		var table, columns string
		if err := rows.Scan(&table, &columns); err != nil {
			t.Fatal(err)
		}
		tables[table] = columns
	}
	for table, columns := range tables {
		var copied strings.Builder
		if _, err := source.PgConn().CopyTo(t.Context(), &copied, fmt.Sprintf("COPY %s (%s) TO STDOUT", table, columns)); err != nil {
			t.Fatal(err)
		}
		if _, err := target.Exec(t.Context(), "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
		if _, err := target.PgConn().CopyFrom(t.Context(), strings.NewReader(copied.String()), fmt.Sprintf("COPY %s (%s) FROM STDIN", table, columns)); err != nil {
			t.Fatal(table, err)
		}
	}
	if err := errors.Join(source.Close(t.Context()), target.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// mustOpen opens the file as a server does.
func mustOpen(t testing.TB, path string, set *schema.Set) {
	t.Helper()
	databases, err := synapse.Open(t.Context(), synapse.Config{
		Databases: []synapse.Database{{Engine: engine.SQLite, SQLite: sqlite.Config{Database: path, MustExist: true}}}, Set: set,
		Options: schema.Options{NoUpgrade: true, Config: homeserver.Config{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := databases.Close(); err != nil {
		t.Error(err)
	}
}

func modeOf(t testing.TB, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}
