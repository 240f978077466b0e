package back_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/back"
	"github.com/synapsedb/synapse/schema"
)

const tinyBookkeeping = `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, upgraded BOOL NOT NULL);
CREATE TABLE IF NOT EXISTS schema_compat_version (compat_version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS applied_schema_deltas (version INTEGER NOT NULL, file TEXT NOT NULL, UNIQUE (version, file));`

const tinyUpdates = `CREATE TABLE background_updates (update_name TEXT NOT NULL UNIQUE, progress_json TEXT NOT NULL,
depends_on TEXT, ordering INTEGER NOT NULL DEFAULT 0);`

// tinyTables are those of main; a test may take one more.
const tinyTables = `CREATE TABLE rooms (room_id TEXT PRIMARY KEY);
CREATE TABLE events (event_id TEXT PRIMARY KEY, stream_ordering BIGINT);`

// tinySet is of upstream's kind, and has tables of its own for each engine in main.
func tinySet(t testing.TB, onSQLite, onPostgres string) *schema.Set {
	t.Helper()
	files := fstest.MapFS{"common/schema_version.sql": {Data: []byte(tinyBookkeeping)}}
	for kind, tables := range map[string]string{"sqlite": onSQLite, "postgres": onPostgres} {
		files["common/full_schemas/72/full.sql."+kind] = &fstest.MapFile{Data: []byte(tinyUpdates)}
		files["main/full_schemas/72/full.sql."+kind] = &fstest.MapFile{Data: []byte(tinyTables + tables)}
		files["state/full_schemas/72/full.sql."+kind] = &fstest.MapFile{Data: []byte("CREATE TABLE state_groups (id BIGINT PRIMARY KEY);")}
	}
	set, err := schema.New(schema.Definition{
		Name: "upstream", Version: 94, CompatVersion: 84, Engines: []engine.Kind{engine.SQLite, engine.Postgres},
		Databases: []string{"main", "state"}, Files: files, Rules: schema.Upstream,
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// prepared makes the tables in a database.
func prepared(t testing.TB, set *schema.Set, logical ...string) *dbtest.Database {
	t.Helper()
	database := dbtest.NewDatabase(t)
	session, err := configOf(t, database).OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.Prepare(t.Context(), session, set, schema.Options{Databases: logical})
	if err := errors.Join(err, session.Close()); err != nil {
		t.Fatal(err)
	}
	return database
}

const edges = `CREATE TABLE edges (id BIGINT PRIMARY KEY, yes BOOLEAN, small SMALLINT, plain INTEGER, words TEXT, bytes BYTEA, number DOUBLE PRECISION, fields JSONB);`

func TestValuesAtTheEdges(t *testing.T) {
	t.Parallel()
	set := tinySet(t, edges, edges)
	database := prepared(t, set)
	execute(t, database,
		`INSERT INTO edges VALUES (-9223372036854775808, false, -32768, -2147483648, '', '', '-Infinity', '{}')`,
		`INSERT INTO edges VALUES (9223372036854775807, true, 32767, 2147483647, U&'\0001 \007F \07FF \FFFD \FFFF \+010000 \+01F469\200D\+01F467 \+10FFFF', '\x00ff27', 'Infinity', '{"b": [1, 2.50], "a": "\u00e9"}')`,
		`INSERT INTO edges VALUES (1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
		`INSERT INTO edges VALUES (2, true, 0, 0, '007', '007', '-0.0', '"text"')`,
		`INSERT INTO edges VALUES (3, true, 0, 0, '1e3', '1e3', 5e-324, '[]')`,
		`INSERT INTO edges VALUES (4, true, 0, 0, ' x'||chr(10)||chr(39)||chr(92), '', 1.7976931348623157e308, 'null')`,
		`INSERT INTO edges VALUES (5, true, 0, 0, 'NULL', 'NULL', 9007199254740993, 'true')`)
	made, report, err := moveBack(t, database, set, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`-9223372036854775808|0|-32768|-2147483648|integer|text||blob||-Inf|real|text|{}`,
		`1||||null|null||null|||null|null|`,
		`2|1|0|0|integer|text|303037|blob|303037|0.0|real|text|"text"`,
		`3|1|0|0|integer|text|316533|blob|316533|4.94065645841247e-324|real|text|[]`,
		`4|1|0|0|integer|text|20780A275C|blob||1.79769313486232e+308|real|text|null`,
		`5|1|0|0|integer|text|4E554C4C|blob|4E554C4C|9.00719925474099e+15|real|text|true`,
		`9223372036854775807|1|32767|2147483647|integer|text|01207F20DFBF20EFBFBD20EFBFBF20F090808020F09F91A9E2808DF09F91A720F48FBFBF|blob|00FF27|Inf|real|text|{"a": "é", "b": [1, 2.50]}`,
	}
	got := strings.Split(shell(t, made, `SELECT id, yes, small, plain, typeof(small), typeof(words), hex(words), typeof(bytes), hex(bytes), number, typeof(number), typeof(fields), fields FROM edges ORDER BY id`), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if report.Rows != 7 || len(report.Enqueued) != 0 {
		t.Errorf("the report is %+v", report)
	}
}

// What is found on the way leaves nothing behind.
func TestFailuresOnTheWay(t *testing.T) {
	t.Parallel()
	const table, references = `CREATE TABLE more (id BIGINT, number DOUBLE PRECISION);`, `CREATE TABLE more (id BIGINT REFERENCES edges (id), number DOUBLE PRECISION);`
	for name, test := range map[string]struct {
		lite, rows string
		is         func(error) bool
		says       string
	}{
		"NaN": {table, "INSERT INTO more VALUES (1, 'NaN')", is[*back.ValueError],
			"copy table more: table more, column number: SQLite cannot hold the value NaN; correct it in the source\n"},
		"a foreign key of SQLite alone": {references, "INSERT INTO more VALUES (1, 1)", is[*back.KeysError], "a row of more has no parent in edges"},
		"a unique key of SQLite alone": {`CREATE TABLE more (id BIGINT UNIQUE, number DOUBLE PRECISION);`, "INSERT INTO more VALUES (1, 1), (1, 2)", nil,
			"copy table more: "},
		"an index of SQLite alone": {table + "CREATE UNIQUE INDEX more_key ON more (id);", "INSERT INTO more VALUES (1, 1), (1, 2)", nil, "UNIQUE constraint failed: more.id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := tinySet(t, edges+test.lite, edges+table)
			database := prepared(t, set)
			execute(t, database, test.rows)
			made, report, err := moveBack(t, database, set, nil)
			if !is[*back.UnmadeError](err) || test.is != nil && !test.is(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			if report.Result != back.ResultFailed || report.Error == "" {
				t.Errorf("the report is %+v", report)
			}
			if left := listing(t, filepath.Dir(made)); len(left) > 0 {
				t.Errorf("there are %q", left)
			}
		})
	}
}

func is[E error](err error) bool {
	_, found := errors.AsType[E](err)
	return found
}
