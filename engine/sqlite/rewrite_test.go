package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
)

// inTransaction runs work in a session of its own.
func inTransaction(t *testing.T, db *DB, keysUnchecked bool, work func(context.Context, engine.Tx) error) (err error) {
	t.Helper()
	session, err := OpenSession(t.Context(), Config{Database: db.place.name, MustExist: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return session.Transact(t.Context(), engine.TxOptions{KeysUnchecked: keysUnchecked}, func(tx engine.Tx) error { return work(t.Context(), tx) })
}

func allRows(t *testing.T, db *DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line sql.NullString
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

const rewriteSchema = `
CREATE TABLE rooms (room_id TEXT PRIMARY KEY);
CREATE TABLE members (id INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT REFERENCES rooms (room_id), name TEXT, level TEXT);
CREATE UNIQUE INDEX members_room_name ON members (room, name);
CREATE INDEX members_level ON members (level) WHERE level IS NOT NULL;
CREATE TABLE votes (member INTEGER REFERENCES members (id) ON DELETE CASCADE, vote TEXT);
CREATE TABLE log (line TEXT);
CREATE TRIGGER members_log AFTER INSERT ON members BEGIN INSERT INTO log VALUES ('member ' || NEW.name); END;
CREATE TRIGGER votes_check BEFORE INSERT ON votes BEGIN
  SELECT RAISE(ABORT, 'no such member; sorry') WHERE NOT EXISTS (SELECT 1 FROM members WHERE id = NEW.member);
END;
CREATE TRIGGER rooms_log AFTER INSERT ON rooms BEGIN INSERT INTO log VALUES ('room'); END;
CREATE VIEW names AS SELECT id, name FROM Members;
CREATE VIEW first_names AS SELECT name FROM names;
CREATE TRIGGER names_insert INSTEAD OF INSERT ON names BEGIN INSERT INTO members (name) VALUES (NEW.name); END;
INSERT INTO rooms VALUES ('!a'), ('!b');
INSERT INTO members (id, room, name, level) VALUES (1, '!a', 'ann', '10'), (2, '!a', 'bob', NULL), (7, '!b', 'cleo', '50'), (9, '!b', 'dan', '0');
INSERT INTO votes VALUES (1, 'yes'), (7, 'no');
DELETE FROM members WHERE id = 9;
DELETE FROM log;
`

func rewriteDB(t *testing.T, schema string) *DB {
	t.Helper()
	db := openDB(t, Config{Database: filepath.Join(t.TempDir(), "rewrite.db")})
	mustExecute(t, db, schema)
	return db
}

func members() Rewrite {
	return Rewrite{
		Table:      "members",
		Definition: "(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, room TEXT NOT NULL REFERENCES rooms (room_id), level BIGINT NOT NULL DEFAULT 0, note TEXT DEFAULT 'none')",
		Columns: []RewriteColumn{
			{Name: "id"}, {Name: "name", Value: "upper(name) || ?"}, {Name: "room"}, {Name: "level", Value: "coalesce(CAST(level AS BIGINT), 0)"},
		},
		Where: "room <> ?", Values: []any{"!", "!z"},
	}
}

func TestRewriteTableKeepsRowsObjectsAndCounter(t *testing.T) {
	t.Parallel()
	db := rewriteDB(t, rewriteSchema)
	objects := allRows(t, db, "SELECT type || ' ' || name || ' ' || sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY 1")
	err := inTransaction(t, db, true, func(ctx context.Context, tx engine.Tx) error { return RewriteTable(ctx, tx, members()) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 ANN! !a 10 none", "2 BOB! !a 0 none", "7 CLEO! !b 50 none"}
	if diff := cmp.Diff(want, allRows(t, db, "SELECT concat_ws(' ', id, name, room, level, note) FROM members ORDER BY id")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(objects, allRows(t, db, "SELECT type || ' ' || name || ' ' || sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1 yes", "7 no"}, allRows(t, db, "SELECT member || ' ' || vote FROM votes ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
	if log := allRows(t, db, "SELECT line FROM log"); len(log) > 0 {
		t.Errorf("the copy ran triggers: %q", log)
	}
	mustExecute(t, db, "INSERT INTO members (name, room) VALUES ('eve', '!a')")
	if diff := cmp.Diff([]string{"10"}, allRows(t, db, "SELECT id FROM members WHERE name = 'eve'")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"member eve"}, allRows(t, db, "SELECT line FROM log")); diff != "" {
		t.Error(diff)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO votes VALUES (99, 'yes')"); err == nil || !strings.Contains(err.Error(), "no such member; sorry") {
		t.Errorf("the trigger of another table: %v", err)
	}
	mustExecute(t, db, "DELETE FROM members WHERE id = 7")
	if diff := cmp.Diff([]string{"1 yes"}, allRows(t, db, "SELECT member || ' ' || vote FROM votes")); diff != "" {
		t.Error("the foreign key of another table: ", diff)
	}
}

func TestRewriteTableCanDropEverything(t *testing.T) {
	t.Parallel()
	db := rewriteDB(t, rewriteSchema+"DELETE FROM votes;")
	err := inTransaction(t, db, true, func(ctx context.Context, tx engine.Tx) error {
		return RewriteTable(ctx, tx, Rewrite{Table: "MEMBERS", Definition: "(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)", Bare: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"first_names", "names", "names_insert", "rooms_log", "votes_check"}
	if diff := cmp.Diff(want, allRows(t, db, "SELECT name FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
	mustExecute(t, db, "INSERT INTO members (name) VALUES ('eve')")
	if diff := cmp.Diff([]string{"10 eve"}, allRows(t, db, "SELECT id || ' ' || name FROM members")); diff != "" {
		t.Error(diff)
	}
}

func TestRewriteTableRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		checked bool
		change  func(*Rewrite)
		refused bool
		want    string
	}{
		"rows refer to it":       {checked: true, change: func(*Rewrite) {}, refused: true, want: "votes"},
		"no such table":          {change: func(r *Rewrite) { r.Table = "member" }, refused: true, want: "no such table"},
		"virtual":                {change: func(r *Rewrite) { r.Table = "search" }, refused: true, want: "virtual table"},
		"index does not fit":     {change: func(r *Rewrite) { r.Definition = "(id INTEGER, name TEXT, level TEXT)"; r.Columns = nil }, want: "make the index members_room_name again"},
		"unknown column":         {change: func(r *Rewrite) { r.Columns = []RewriteColumn{{Name: "note"}}; r.Where, r.Values = "", nil }, want: "copy its rows"},
		"violates a new promise": {change: func(r *Rewrite) { r.Columns = r.Columns[:2]; r.Where, r.Values = "", []any{"!"} }, want: "NOT NULL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := rewriteDB(t, rewriteSchema+"CREATE VIRTUAL TABLE search USING fts5 (text);")
			before := allRows(t, db, "SELECT sql FROM sqlite_schema ORDER BY rowid")
			rewrite := members()
			test.change(&rewrite)
			err := inTransaction(t, db, !test.checked, func(ctx context.Context, tx engine.Tx) error { return RewriteTable(ctx, tx, rewrite) })
			_, refused := errors.AsType[*RewriteError](err)
			if err == nil || refused != test.refused || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q, RewriteError %t", err, test.want, test.refused)
			}
			if diff := cmp.Diff(before, allRows(t, db, "SELECT sql FROM sqlite_schema ORDER BY rowid")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRewriteTableWithItsKeysChecked(t *testing.T) {
	t.Parallel()
	db := rewriteDB(t, rewriteSchema)
	err := inTransaction(t, db, false, func(ctx context.Context, tx engine.Tx) error {
		return RewriteTable(ctx, tx, Rewrite{
			Table: "votes", Definition: "(member INTEGER NOT NULL, vote TEXT NOT NULL) STRICT", Columns: []RewriteColumn{{Name: "member"}, {Name: "vote"}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 yes", "7 no"}, allRows(t, db, "SELECT member || ' ' || vote FROM votes ORDER BY 1")); diff != "" {
		t.Error(diff)
	}
}
