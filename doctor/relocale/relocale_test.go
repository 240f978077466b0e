package relocale_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// everything is whatever a database may hold besides a homeserver's tables. %s is its owner.
const everything = `
CREATE SCHEMA other AUTHORIZATION %[1]s;
CREATE TYPE other.mood AS ENUM ('sad', 'good');
CREATE TABLE other.kinds (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood other.mood, moods other.mood[], place regclass, price numeric,
    name text UNIQUE, folded text GENERATED ALWAYS AS (lower(name)) STORED, words tsvector, data jsonb, at timestamptz, bytes bytea, CHECK (price > 0));
INSERT INTO other.kinds (mood, moods, place, price, name, words, data, at, bytes)
    SELECT 'good', '{sad,good}', 'pg_class', i, 'Ä' || i, to_tsvector('simple', 'eins zwei ' || i), '{"a": [1]}', now(), '\x0001' FROM generate_series(1, 50) AS i;
CREATE UNIQUE INDEX some_names ON other.kinds (lower(name)) WHERE price > 3;
CREATE INDEX words ON other.kinds USING gin (words);
CREATE TABLE other.none ();
INSERT INTO other.none DEFAULT VALUES;
CREATE TABLE other.parted (a integer, b text) PARTITION BY RANGE (a);
CREATE TABLE other.low PARTITION OF other.parted FOR VALUES FROM (0) TO (10);
CREATE TABLE other.high PARTITION OF other.parted FOR VALUES FROM (10) TO (100);
INSERT INTO other.parted SELECT i, 'x' || i FROM generate_series(0, 99) AS i;
CREATE TABLE "Other, strange" (id integer REFERENCES other.kinds (id), "a b" text COLLATE "C" NOT NULL);
INSERT INTO "Other, strange" VALUES (1, ''), (NULL, 'y');
CREATE MATERIALIZED VIEW other.counted AS SELECT count(*) AS n FROM other.parted;
CREATE VIEW other.seen AS SELECT name FROM other.kinds;
CREATE SEQUENCE other.unused START 7;
CREATE SEQUENCE other.used; SELECT setval('other.used', 99);
CREATE FUNCTION other.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER touches BEFORE UPDATE ON other.kinds FOR EACH ROW EXECUTE FUNCTION other.touch();
CREATE STATISTICS other.both ON mood, price FROM other.kinds;
COMMENT ON TABLE other.kinds IS 'of all kinds';
GRANT SELECT ON other.kinds TO PUBLIC;
ALTER TABLE other.kinds OWNER TO %[1]s;
SELECT lo_from_bytea(4242, 'large'), lo_from_bytea(4243, ''), lo_from_bytea(4244, convert_to(repeat('more than one piece ', 60000), 'UTF8'));`

func TestEverythingIsMoved(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fill()
	name := postgres.QuoteIdentifier(s.database.Name)
	s.in(s.database.Name, fmt.Sprintf(everything, postgres.QuoteIdentifier(s.database.Owner)))
	s.in("postgres",
		"COMMENT ON DATABASE "+name+" IS 'the homeserver''s'",
		"ALTER DATABASE "+name+" SET search_path TO public, \"Other\"",
		"ALTER DATABASE "+name+" SET work_mem TO '5MB'",
		fmt.Sprintf("ALTER ROLE %s IN DATABASE %s SET random_page_cost TO 1.5", name, name),
		"ALTER DATABASE "+name+" CONNECTION LIMIT 77",
		"REVOKE CONNECT ON DATABASE "+name+" FROM PUBLIC",
		"GRANT CONNECT ON DATABASE "+name+" TO pg_monitor WITH GRANT OPTION")
	before, properties := s.rowsOf(s.database.Name), s.properties(s.database.Name)
	var phases []relocale.Phase
	options := s.options()
	options.Progress = func(progress relocale.Progress) {
		if len(phases) == 0 || phases[len(phases)-1] != progress.Phase {
			phases = append(phases, progress.Phase)
		}
	}
	report := s.mustRun(options)
	if report.Result != relocale.Done || report.Rows < 2000 || report.Sequences < 3 || report.Definitions < 100 || report.Leftover {
		t.Errorf("the report is %+v", report)
	}
	want := []relocale.Phase{relocale.PhaseCheck, relocale.PhaseDump, relocale.PhaseRestore, relocale.PhaseAnalyze, relocale.PhaseVerify, relocale.PhaseFinish}
	if diff := cmp.Diff(want, phases); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(report.Tables, func(one relocale.TableReport) bool { return one.Table == "pg_catalog.pg_largeobject" && one.Rows == 4 }) {
		t.Errorf("the pieces of large objects were not compared: %+v", report.Tables)
	}
	s.moved(strings.ReplaceAll(before, "ä", "Ä")) // a column is computed by lower(), which knows ASCII only under C
	if diff := cmp.Diff(properties, s.properties(s.to)); diff != "" {
		t.Errorf("properties (-old +new):\n%s", diff)
	}
	if got := s.text(s.to, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"); !strings.HasPrefix(got, "the homeserver's\nsynapse relocale: {") {
		t.Errorf("the comment is %q", got)
	}
	if got := s.text(s.to, "SELECT reltuples::text FROM pg_class WHERE relname = 'state_groups'"); got != "2000" {
		t.Errorf("it was not analyzed: %s rows", got)
	}
	s.movedOnce(options)
	s.goBack(before, report)
}

// properties are those of a database that are not within it.
func (s *scene) properties(name string) string {
	return s.text("postgres", fmt.Sprintf(`SELECT concat_ws(' | ', pg_get_userbyid(datdba), datconnlimit, datacl::text,
    (SELECT string_agg(setrole::text || setconfig::text, ' ' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)) FROM pg_database AS d WHERE datname = '%s'`, name))
}

// movedOnce expects that a second move is refused, and says what was done before.
func (s *scene) movedOnce(options relocale.Options) {
	s.t.Helper()
	if err := s.refused(options, relocale.SourceClosed); !strings.Contains(err.Error(), "was moved to "+s.to) {
		s.t.Error(err)
	}
}

// goBack opens the old database again, and finds it as it was.
func (s *scene) goBack(before string, report *relocale.Report) {
	s.t.Helper()
	undone, err := relocale.Undo(context.Background(), s.options())
	if err != nil || undone.Result != relocale.Undone || undone.Target != s.to {
		s.t.Fatalf("%+v, %v", undone, err)
	}
	if diff := cmp.Diff(before, s.rowsOf(s.database.Name)); diff != "" {
		s.t.Errorf("the old database was changed:\n%s", diff)
	}
	again, err := relocale.Undo(context.Background(), s.options())
	if err != nil || again.Result != relocale.Nothing {
		s.t.Fatalf("%+v, %v", again, err)
	}
	s.in("postgres", doorOf(report.GoBack...)...)
	if !s.exists(s.to) {
		s.t.Error("the new database is gone")
	}
	if refused := s.refused(s.options(), relocale.TargetExists); !strings.Contains(refused.Error(), "made of this one before") {
		s.t.Error(refused)
	}
}

func doorOf(statements ...string) []string { return statements }

// A role that owns the database and may create some needs no superuser. The locale is ICU's.
func TestOwnerMovesADatabaseOfICU(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	name := postgres.QuoteIdentifier(s.database.Name)
	s.in("postgres", "ALTER ROLE "+name+" CREATEDB", "DROP DATABASE "+name,
		fmt.Sprintf("CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'", name, name))
	s.fill()
	before := s.rowsOf(s.database.Name)
	options := s.options()
	options.As, options.Jobs = nil, 1
	report := s.mustRun(options)
	if want := (relocale.Locale{Collate: "C", CType: "C", Provider: "icu", Of: "en-US"}); report.Locale != want {
		t.Errorf("the locale is %+v", report.Locale)
	}
	s.moved(before)
	if got := s.text(s.to, "SELECT datlocprovider::text FROM pg_database WHERE datname = current_database()"); got != "c" {
		t.Errorf("the provider is %s", got)
	}
}

// hiddenTwice puts a row into a table again, past its unique index, as damage does.
func hiddenTwice(table, index, insert string) []string {
	ready := "UPDATE pg_index SET indisready = %t WHERE indexrelid = '" + index + "'::regclass"
	return []string{fmt.Sprintf(ready, false), "INSERT INTO " + table + " " + insert, fmt.Sprintf(ready, true)}
}

func TestDuplicatesThatAnIndexHidesAreReportedBefore(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fillSmall()
	s.in(s.database.Name, `CREATE TABLE names (id integer, name text, PRIMARY KEY (id)); CREATE UNIQUE INDEX names_name ON names (name) WHERE id > 2;
		INSERT INTO names SELECT i, 'é' || i FROM generate_series(1, 30) AS i`)
	s.in(s.database.Name, hiddenTwice("names", "names_pkey", "VALUES (2, 'other'), (9, 'nine'), (9, 'neun')")...)
	s.in(s.database.Name, hiddenTwice("names", "names_name", "VALUES (40, 'é7'), (-1, 'é8'), (41, NULL), (42, NULL)")...)
	options := s.options()
	refused := s.refused(options, relocale.DuplicateKeys)
	if len(refused.Problems) != 2 {
		t.Fatal(refused)
	}
	for i, wants := range [][]string{{"names_name", "1 key ", "(é7) 2 times, ctid (0,7) (0,34)"}, {"names_pkey", "2 keys", "(2) 2 times", "(9) 3 times"}} {
		for _, want := range wants {
			if !strings.Contains(refused.Problems[i].What, want) {
				t.Errorf("%q lacks %q", refused.Problems[i].What, want)
			}
		}
	}
	if !strings.Contains(refused.Error(), "synapse check --deep") {
		t.Error(refused)
	}
	s.untouched()
	s.in(s.database.Name, "SET enable_indexscan = off; SET enable_bitmapscan = off; DELETE FROM names WHERE ctid > '(0,30)'")
	before := s.rowsOf(s.database.Name)
	s.mustRun(options)
	s.moved(before)
}

func TestForeignKeysThatLeadNowhereAreReportedBefore(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.in(s.database.Name, `CREATE TABLE one (id text PRIMARY KEY); CREATE TABLE two (one text REFERENCES one);
		INSERT INTO one VALUES ('a'), ('b'); INSERT INTO two VALUES ('a'), ('b'), (NULL)`,
		"SET session_replication_role = replica; DELETE FROM one WHERE id = 'b'")
	if refused := s.refused(s.options(), relocale.KeysWithout); !strings.Contains(refused.Error(), "1 row of public.two (one)") {
		t.Error(refused)
	}
	s.untouched()
}

// Whatever stops it on the way, the old database is open again and nothing is left.
func TestInterruptedMoveIsPutBack(t *testing.T) {
	t.Parallel()
	for _, phase := range []relocale.Phase{relocale.PhaseDump, relocale.PhaseRestore, relocale.PhaseAnalyze, relocale.PhaseVerify, relocale.PhaseFinish} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.fillSmall()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			options := s.options()
			options.Progress = func(progress relocale.Progress) {
				if progress.Phase == phase {
					cancel()
				}
			}
			report, err := relocale.Run(ctx, options)
			if !errors.Is(err, context.Canceled) || report.Result != relocale.Failed {
				t.Errorf("got %v, %s", err, report.Result)
			}
			s.untouched()
		})
	}
}

func TestDifferenceIsNoticed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"row":                     "UPDATE state_groups SET event_id = '$other' WHERE id = 17",
		"table":                   "CREATE TABLE more (id integer)",
		"sequence":                "SELECT setval('state_group_id_seq', 7000)",
		"large object":            "SELECT lo_put(4242, 3, 'x')",
		"another large object":    "SELECT lo_from_bytea(4243, '')",
		"owner of a large object": "ALTER LARGE OBJECT 4242 OWNER TO pg_monitor",
		"definition":              "ALTER TABLE state_groups ALTER COLUMN room_id SET DEFAULT 'x'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.fillSmall()
			s.in(s.database.Name, "SELECT lo_from_bytea(4242, 'large')")
			options := s.options()
			options.Progress = func(progress relocale.Progress) {
				if progress.Phase == relocale.PhaseVerify && progress.Done == 0 {
					conn := s.beside(context.Background())
					work := s.unfinished(context.Background(), conn)
					s.end(conn)
					s.in(work[0], change)
				}
			}
			report, err := relocale.Run(t.Context(), options)
			if _, differs := errors.AsType[*relocale.MismatchError](err); !differs || report.Result != relocale.Different {
				t.Errorf("got %v, %s", err, report.Result)
			}
			s.untouched()
		})
	}
}

// The programs get the password by their environment, and errors of theirs are told.
func TestProgramsGetNoPasswordAsArgument(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fillSmall()
	s.in("postgres", "ALTER ROLE "+postgres.QuoteIdentifier(s.database.Name)+" CREATEDB")
	program, seen := filepath.Join(t.TempDir(), "pg_dump"), filepath.Join(t.TempDir(), "seen")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\" >> %s\nexec %s \"$@\"\n", seen, dbtest.Postgres(t).Bin("pg_dump"))
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	options := s.options()
	options.As, options.PgDump = nil, program
	s.mustRun(options)
	text, err := os.ReadFile(seen)
	if err != nil || !strings.Contains(string(text), "--dbname=") || strings.Contains(string(text), s.database.Password) {
		t.Errorf("%v: %s", err, text)
	}
}

func TestFailureOfAProgramIsToldAndPutBack(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fillSmall()
	program := filepath.Join(t.TempDir(), "pg_restore")
	script := "#!/bin/sh\ncase $1 in --version) echo 'pg_restore (PostgreSQL) 99.1'; exit;; esac\necho no luck >&2; exit 1\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	options := s.options()
	options.PgRestore = program
	if _, err := relocale.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("got %v", err)
	}
	s.untouched()
}

// The Python homeserver's own schema, where this machine has it.
func TestSchemaOfThePythonHomeserverIsMoved(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	if !dbtest.RestorePrepared(t, s.database, "94") {
		return
	}
	before := s.rowsOf(s.database.Name)
	report := s.mustRun(s.options())
	if len(report.Tables) < 100 {
		t.Errorf("%d tables were compared", len(report.Tables))
	}
	s.moved(before)
}
