package sqlite

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sqlite3 runs a script in the command-line shell, which has the FTS3 and FTS4 that this library lacks.
func sqlite3(tb testing.TB, path, script string) {
	tb.Helper()
	if output, err := exec.CommandContext(tb.Context(), "sqlite3", "-bail", path, script).CombinedOutput(); err != nil {
		tb.Fatalf("sqlite3: %v\n%s", err, output)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	sqlite3(t, path, `
		CREATE TABLE "odd ""name" ("a b" TEXT NOT NULL DEFAULT 'x', n, g AS (n + 1), s INT GENERATED ALWAYS AS (n) STORED, PRIMARY KEY (n, "a b")) WITHOUT ROWID;
		CREATE TABLE taken (rowid TEXT, id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;
		CREATE VIRTUAL TABLE words USING fts4(tokenize=porter, body);
		CREATE TABLE words_about_words (a);
		CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
		CREATE VIEW seen AS SELECT 1;`)
	got, err := open(t, path, 1).Reader(0).Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Table{
		{Name: `odd "name`, WithoutRowID: true, Columns: []Column{
			{Name: "a b", Type: "TEXT", NotNull: true, Default: "'x'", PrimaryKey: 2}, {Name: "n", NotNull: true, PrimaryKey: 1},
			{Name: "g", Hidden: GeneratedVirtual}, {Name: "s", Type: "INT", Hidden: GeneratedStored}}},
		{Name: "taken", Strict: true, Columns: []Column{{Name: "rowid", Type: "TEXT"}, {Name: "id", Type: "INTEGER", PrimaryKey: 1}}},
		{Name: "words", Virtual: true, Module: "fts4"},
		{Name: "words_content", ShadowOf: "words"}, {Name: "words_segments", ShadowOf: "words"}, {Name: "words_segdir", ShadowOf: "words"},
		{Name: "words_docsize", ShadowOf: "words"}, {Name: "words_stat", ShadowOf: "words"},
		{Name: "words_about_words", Columns: []Column{{Name: "a"}}},
		{Name: "boxes", Virtual: true, Module: "rtree"},
		{Name: "boxes_rowid", ShadowOf: "boxes"}, {Name: "boxes_node", ShadowOf: "boxes"}, {Name: "boxes_parent", ShadowOf: "boxes"},
	}
	for i := range got {
		if got[i].ShadowOf != "" || got[i].Virtual {
			got[i].Columns = nil // theirs are the module's business
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Table{}, "SQL")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, want := range []string{"", "_rowid_", "", "rowid"} {
		if name, found := got[i].RowID(); name != want || found != (want != "") {
			t.Errorf("%s: the rowid is called %q", got[i].Name, name)
		}
	}
}

func TestUniqueIndexes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	execute(t, path,
		"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b, c UNIQUE)",
		"CREATE UNIQUE INDEX part ON t (b DESC, a) WHERE b IS NOT NULL AND a <> '(where' -- in part",
		"CREATE UNIQUE INDEX expression ON t (lower(a), b)",
		"CREATE INDEX plain ON t (b)",
		"CREATE TABLE u (x, y, PRIMARY KEY (y, x))",
		"CREATE TABLE none (x)")
	reader := open(t, path, 1).Reader(0)
	tests := map[string][]Index{
		"t": {
			{Primary: true, Columns: []IndexColumn{{Name: "id", Collation: "BINARY"}}},
			{Name: "expression", Columns: []IndexColumn{{Collation: "BINARY"}, {Name: "b", Collation: "BINARY"}}},
			{Name: "part", Where: "b IS NOT NULL AND a <> '(where' -- in part",
				Columns: []IndexColumn{{Name: "b", Collation: "BINARY", Descends: true}, {Name: "a", Collation: "NOCASE"}}},
			{Name: "sqlite_autoindex_t_1", Columns: []IndexColumn{{Name: "c", Collation: "BINARY"}}},
		},
		"u": {{Name: "sqlite_autoindex_u_1", Primary: true,
			Columns: []IndexColumn{{Name: "y", Collation: "BINARY"}, {Name: "x", Collation: "BINARY"}}}},
		"none": nil,
	}
	for table, want := range tests {
		got, err := reader.UniqueIndexes(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table, diff)
		}
	}
}

func TestSequencesAndRowids(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	if got, err := open(t, path, 1).Reader(0).Sequences(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("a database without sequences: %v, %v", got, err)
	}
	other := filepath.Join(t.TempDir(), "b.db")
	execute(t, other, "CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO s VALUES (-5), (41)", "DELETE FROM s WHERE id = 41",
		"CREATE TABLE taken (rowid TEXT)", "INSERT INTO taken VALUES ('x'), ('y')",
		"CREATE TABLE none (a)", "CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID")
	reader := open(t, other, 1).Reader(0)
	got, err := reader.Sequences(t.Context())
	if diff := cmp.Diff(map[string]int64{"s": 41}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	type rowids struct {
		Least, Greatest int64
		Empty           bool
	}
	for table, want := range map[string]rowids{"s": {-5, -5, false}, "taken": {1, 2, false}, "none": {0, 0, true}} {
		least, greatest, empty, err := reader.RowidRange(t.Context(), table)
		if diff := cmp.Diff(want, rowids{least, greatest, empty}); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", table, err, diff)
		}
	}
	if _, _, _, err := reader.RowidRange(t.Context(), "w"); err == nil {
		t.Error("a table without rowids has a range of them")
	}
}

func TestFullTextContent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	sqlite3(t, path, `
		CREATE TABLE source (id INTEGER PRIMARY KEY, title, body);
		CREATE VIRTUAL TABLE plain USING fts4;
		CREATE VIRTUAL TABLE mixed USING fts4 (tokenize=porter "x=y", event_id, notindexed=event_id, 'odd, name' TEXT, /* a (comment), */ value, prefix="2,4");
		CREATE VIRTUAL TABLE "spa ced" USING fts3(tokenize unicode61 "remove_diacritics=1", a, "tokenizer");
		CREATE VIRTUAL TABLE outside USING fts4(content="source", title, body);
		CREATE VIRTUAL TABLE contentless USING fts4(content="", a);
		CREATE VIRTUAL TABLE five USING fts5(a, b UNINDEXED, tokenize = 'porter ascii');
		CREATE VIRTUAL TABLE out5 USING fts5(title, content=source, content_rowid=id);
		CREATE VIRTUAL TABLE contentless5 USING fts5(a, content='');
		INSERT INTO mixed (docid, event_id, value) VALUES (7, '$e', 'text');`)
	reader := open(t, path, 1).Reader(0)
	tests := map[string]struct {
		content string
		columns map[string]string
	}{
		"plain":   {"plain_content", map[string]string{"docid": "docid", "content": "c0content"}},
		"mixed":   {"mixed_content", map[string]string{"docid": "docid", "event_id": "c0event_id", "odd, name": "c1odd, name", "value": "c2value"}},
		"MIXED":   {"mixed_content", map[string]string{"docid": "docid", "event_id": "c0event_id", "odd, name": "c1odd, name", "value": "c2value"}},
		"spa ced": {"spa ced_content", map[string]string{"docid": "docid", "a": "c0a", "tokenizer": "c1tokenizer"}},
		"outside": {"source", map[string]string{"docid": "rowid", "title": "title", "body": "body"}},
		"five":    {"five_content", map[string]string{"rowid": "id", "a": "c0", "b": "c1"}},
		"out5":    {"source", map[string]string{"rowid": "id", "title": "title"}},
	}
	for table, want := range tests {
		content, columns, err := reader.FTSContent(t.Context(), table)
		if err != nil || content != want.content {
			t.Errorf("%s: content table %q, %v, want %q", table, content, err, want.content)
		}
		if diff := cmp.Diff(want.columns, columns); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table, diff)
		}
	}
	got := values(t, reader, "SELECT docid, c0event_id, c2value FROM mixed_content")
	if diff := cmp.Diff([][]string{{`integer "7"`, `text "$e"`, `text "text"`}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, table := range []string{"contentless", "contentless5"} {
		var without *NoContentError
		if _, _, err := reader.FTSContent(t.Context(), table); !errors.As(err, &without) {
			t.Errorf("%s: got %v, want a NoContentError", table, err)
		}
	}
	for _, table := range []string{"source", "missing"} {
		if _, _, err := reader.FTSContent(t.Context(), table); err == nil {
			t.Errorf("%s has full-text content", table)
		}
	}
}

func TestQuoteIdentifier(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	for _, name := range []string{"plain", `with "quotes"`, "with 'other' `quotes` [and] more", "select", "", "é \n"} {
		execute(t, path, "CREATE TABLE "+QuoteIdentifier(name)+" (a)", "INSERT INTO "+QuoteIdentifier(name)+" VALUES (1)")
		snapshot := open(t, path, 1)
		if got := number(t, snapshot.Reader(0), "SELECT a FROM "+QuoteIdentifier(name)); got != 1 {
			t.Errorf("%q: got %d", name, got)
		}
		if err := snapshot.Close(); err != nil { // it would keep the next table from being made
			t.Error(err)
		}
	}
}

func FuzzDeclaredModule(f *testing.F) {
	for _, seed := range []string{
		"CREATE VIRTUAL TABLE a USING fts4(tokenize=porter, b)", `CREATE VIRTUAL TABLE "a`, "CREATE VIRTUAL TABLE a USING x((((", "/*", "--", "'", "[", ")))",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		last := 0
		for _, token := range scan(sql) {
			if token.start < last || token.end <= token.start || sql[token.start:token.end] != token.text {
				t.Fatalf("token %+v after byte %d", token, last)
			}
			last = token.end
		}
		_, arguments := declaredModule(sql)
		for _, argument := range arguments {
			if len(argument) == 0 {
				t.Fatal("an argument without tokens")
			}
		}
	})
}
