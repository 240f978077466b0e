package sqlite

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
)

// The statements that make the tables of the same declaration with Debian's sqlite3, which has the module.
var fullTextStatements = []string{
	"CREATE VIRTUAL TABLE event_search USING fts4 (tokenize=porter, event_id, room_id, sender, key, value )",
	"CREATE VIRTUAL TABLE user_directory_search USING fts4 ( user_id, value )",
	"create  virtual table if not exists main . T  using\n\tfts4( a , /* c */ b ) ; -- end",
	"CREATE VIRTUAL TABLE t USING fts3(a)",
	"CREATE VIRTUAL TABLE t USING fts4",
	"CREATE VIRTUAL TABLE t USING FTS4()",
	`CREATE VIRTUAL TABLE "it's ""t" USING "fts4"('it''s' VARCHAR(2) NOT NULL, [x y], ` + "`q`, tokenize=unicode61 \"remove_diacritics=0\")",
	"CREATE VIRTUAL TABLE t USING fts4(a, b, order=DESC, prefix='2,4', notindexed=B)",
	"CREATE VIRTUAL TABLE t USING fts4(a text, matchinfo=fts3)",
	"CREATE VIRTUAL TABLE t USING fts4(a, languageid=l, ORDER=asc)",
	"CREATE VIRTUAL TABLE t USING fts4(tokenize porter, a,,b)",
	"CREATE VIRTUAL TABLE t USING fts4(a, tokenize = porter)",
	"CREATE VIRTUAL TABLE t USING fts4(a, tokenize=simple 'xy' ' ')",
	"CREATE VIRTUAL TABLE t USING fts3(a, order=desc)",
	"CREATE VIRTUAL TABLE t USING fts4(rank, rowid, tokenized, tokenize)",
}

// debianSqlite3 runs Debian's sqlite3 on a database.
func debianSqlite3(tb testing.TB, path string, statements ...string) (string, error) {
	tb.Helper()
	command := exec.CommandContext(tb.Context(), "sqlite3", "-batch", "-bail", path)
	command.Stdin = strings.NewReader(strings.Join(statements, ";\n") + "\n;\n")
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	return output.String(), err
}

func mustSqlite3(tb testing.TB, path string, statements ...string) string {
	tb.Helper()
	output, err := debianSqlite3(tb, path, statements...)
	if err != nil {
		tb.Fatalf("sqlite3: %s: %v", output, err)
	}
	return output
}

const schemaDump = `.mode quote
SELECT rowid, type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid`

func TestFullTextTableIsMadeAsByTheModule(t *testing.T) {
	t.Parallel()
	for _, statement := range fullTextStatements {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			session, path := newSession(t)
			run(t, session, "CREATE TABLE before (a)", statement, "CREATE TABLE later (a)")
			theirs := filepath.Join(t.TempDir(), "theirs.db")
			mustSqlite3(t, theirs, "PRAGMA journal_mode = wal", "CREATE TABLE before (a)", statement+"\n", "CREATE TABLE later (a)")
			want := mustSqlite3(t, theirs, schemaDump)
			if diff := cmp.Diff(want, mustSqlite3(t, path, schemaDump)); diff != "" {
				t.Error(diff)
			}
			name := mustSqlite3(t, path, "SELECT name FROM sqlite_schema LIMIT 1 OFFSET 1")
			useFullText(t, path, strings.TrimSuffix(name, "\n"))
			run(t, session, "DROP TABLE IF EXISTS "+QuoteIdentifier(strings.ToUpper(strings.TrimSuffix(name, "\n"))))
			if got := mustSqlite3(t, path, "SELECT group_concat(name) FROM sqlite_schema"); got != "before,later\n" {
				t.Error(got)
			}
		})
	}
}

// useFullText has the module work on a table, and prove that everything in it is right.
func useFullText(t *testing.T, path, table string) {
	t.Helper()
	name := QuoteIdentifier(table)
	column := QuoteIdentifier(strings.TrimSuffix(mustSqlite3(t, path, "SELECT name FROM pragma_table_info('"+doubled(table)+"') LIMIT 1"), "\n"))
	got := mustSqlite3(t, path,
		"INSERT INTO "+name+" (docid, "+column+") VALUES (1, 'some words'), (2, 'other words'), (3, 'words')",
		"DELETE FROM "+name+" WHERE docid = 2",
		"UPDATE "+name+" SET "+column+" = 'more words' WHERE docid = 3",
		"SELECT docid FROM "+name+" WHERE docid IN (SELECT docid FROM "+name+" WHERE "+name+" MATCH 'words') ORDER BY docid",
		"INSERT INTO "+name+"("+name+") VALUES ('integrity-check')",
		"INSERT INTO "+name+"("+name+") VALUES ('optimize')",
		"PRAGMA integrity_check",
	)
	if want := "1\n3\nok\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFullTextTableIsRefused(t *testing.T) {
	t.Parallel()
	session, path := newSession(t)
	run(t, session, "CREATE TABLE there (a)", "CREATE INDEX there_a ON there (a)", "CREATE TABLE t_stat (a)")
	for declaration, part := range map[string]string{
		"t USING fts4(a, content='')":                      "content",
		"t USING fts4(a, content=there)":                   "content",
		"t USING fts4(a, compress=zip, uncompress=unzip)":  "compress",
		"t USING fts4(a, foo=bar)":                         "foo=bar",
		"t USING fts4(a, order = desc)":                    "order ",
		"t USING fts4(a, order=sideways)":                  "order=sideways",
		"t USING fts4(a, matchinfo=fts4)":                  "matchinfo=fts4",
		"t USING fts4(a, prefix=x)":                        "prefix=x",
		"t USING fts4(a, notindexed=b)":                    "no column b",
		"t USING fts4(a, A)":                               "two columns",
		"t USING fts4(a, docid)":                           "two columns",
		"t USING fts4(a, T)":                               "two columns",
		"t USING fts4(a, languageid=a)":                    "two columns",
		"t USING fts4(a, '')":                              "no name",
		"t USING fts4(a, - b)":                             "no name",
		"t USING fts4(a, tokenize=icu de)":                 "tokenizer",
		"t USING fts4(a, tokenize=)":                       "tokenizer",
		`t USING fts4(a, tokenize=unicode61 "colour=red")`: "tokenizer",
		"t USING fts4(a) b":                                "parentheses",
		"t USING fts4 a":                                   "parentheses",
		"t USING fts4(a":                                   "parentheses",
		"There USING fts4(a)":                              "exists already",
		"IF NOT EXISTS there_a USING fts4(a)":              "exists already",
		"sqlite_t USING fts4(a)":                           "reserved",
	} {
		_, err := session.Exec(t.Context(), "CREATE VIRTUAL TABLE "+declaration)
		told, isTold := errors.AsType[*engine.Error](err)
		if !isTold || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", declaration, err)
		}
		if isTold && told.Hint == "" && part != "parentheses" {
			t.Errorf("%s: no hint: %v", declaration, err)
		}
	}
	for _, statement := range []string{
		"CREATE VIRTUAL TABLE t USING fts4(a)", // whose t_stat is there
		"CREATE VIRTUAL TABLE t USING fts9(a)", "CREATE VIRTUAL TABLE", "CREATE VIRTUAL TABLE t", "DROP TABLE", "DROP TABLE missing", "DROP TABLE other.there",
	} {
		if _, err := session.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s works", statement)
		}
	}
	run(t, session, "CREATE VIRTUAL TABLE IF NOT EXISTS there USING fts4(a)", "DROP TABLE IF EXISTS missing")
	if got := mustSqlite3(t, path, "SELECT group_concat(name) FROM sqlite_schema"); got != "there,there_a,t_stat\n" {
		t.Error(got)
	}
	if one[bool](t, session, "PRAGMA writable_schema") {
		t.Error("the schema is writable")
	}
}

// As in a delta that makes the table anew links other changes.
func TestFullTextTableInATransaction(t *testing.T) {
	t.Parallel()
	session, path := newSession(t)
	run(t, session, "CREATE TABLE events (id TEXT PRIMARY KEY)", "CREATE TABLE gone (a)", fullTextStatements[0], "INSERT INTO events VALUES ('e')")
	useFullText(t, path, "event_search")
	before := mustSqlite3(t, path, schemaDump)
	change := func(wrong error) error {
		return session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
			run(t, tx,
				"ALTER TABLE events ADD COLUMN a INT", "DROP TABLE main.event_search", "CREATE TABLE links (a REFERENCES events, surplus)",
				"CREATE VIRTUAL TABLE event_search USING fts4 (value)", "ALTER TABLE events RENAME TO happenings", "ALTER TABLE happenings RENAME COLUMN a TO b",
				"CREATE INDEX happenings_b ON happenings (b)", "DROP TABLE gone", "ALTER TABLE links DROP COLUMN surplus",
				"CREATE TRIGGER made AFTER INSERT ON happenings BEGIN INSERT INTO links VALUES (NULL); END",
				"INSERT INTO happenings VALUES ('f', 1)", "CREATE VIRTUAL TABLE other USING fts3(a)",
			)
			return wrong
		})
	}
	wrong := errors.New("wrong")
	for range 2 {
		if err := change(wrong); !errors.Is(err, wrong) {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, mustSqlite3(t, path, schemaDump)); diff != "" {
			t.Error(diff)
		}
		run(t, session, "INSERT INTO gone VALUES (1)", "INSERT INTO events VALUES (random())", "INSERT INTO event_search_stat VALUES (9, 9)", "DELETE FROM event_search_stat WHERE id = 9")
	}
	if err := change(nil); err != nil {
		t.Fatal(err)
	}
	if got := mustSqlite3(t, path, "SELECT count(*), (SELECT count(*) FROM links) FROM happenings"); got != "4|1\n" {
		t.Error(got)
	}
	useFullText(t, path, "event_search")
	useFullText(t, path, "other")
	describeFullText(t, session)
}

func describeFullText(t *testing.T, session engine.Session) {
	t.Helper()
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&engine.Table{Name: "event_search", Columns: []engine.Column{{Name: "value"}}}, catalog.Table("event_search")); diff != "" {
		t.Error(diff)
	}
}

// Other connections learn of the table too, and a database that the module made can be worked on.
func TestFullTextTableOfOthers(t *testing.T) {
	t.Parallel()
	session, path := newSession(t)
	mustSqlite3(t, path, "CREATE TABLE there (a)", "INSERT INTO there VALUES ('some words')", "CREATE VIRTUAL TABLE outside USING fts4(content=there, a)",
		"CREATE TABLE outside_content (a)", "CREATE VIRTUAL TABLE theirs USING fts4(a)", "INSERT INTO theirs VALUES ('words')")
	other := openSession(t, path)
	run(t, other, "INSERT INTO there VALUES ('x')")
	run(t, session, "DROP TABLE theirs", "DROP TABLE outside", "CREATE VIRTUAL TABLE theirs USING fts4(b)")
	run(t, other, "INSERT INTO theirs_stat VALUES (9, 9)", "DELETE FROM theirs_stat", "CREATE TABLE later (a)")
	if got := mustSqlite3(t, path, "SELECT group_concat(name) FROM sqlite_schema WHERE rootpage = 0 OR name IN ('there', 'outside_content', 'later')"); got != "there,outside_content,theirs,later\n" {
		t.Error(got)
	}
	useFullText(t, path, "theirs")
}

// Whatever the statement says, it is carried out as a whole or not at all, and the schema can be read afterwards.
func FuzzFullTextTable(f *testing.F) {
	for _, statement := range fullTextStatements {
		f.Add(strings.TrimPrefix(statement, "CREATE VIRTUAL TABLE t USING "))
	}
	f.Fuzz(func(t *testing.T, declaration string) {
		session := openSession(t, ":memory:")
		_, err := session.Exec(t.Context(), "CREATE VIRTUAL TABLE t USING "+declaration)
		made := one[int](t, session, "SELECT count(*) FROM sqlite_schema")
		if err != nil && made != 0 {
			t.Errorf("%d rows in spite of %v", made, err)
		}
		if made > 0 {
			run(t, session, "DROP TABLE t")
		}
		if left := one[int](t, session, "SELECT count(*) FROM sqlite_schema"); left != 0 {
			t.Errorf("%d rows are left", left)
		}
	})
}
