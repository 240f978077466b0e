package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
)

func openSession(tb testing.TB, path string) engine.Session {
	tb.Helper()
	session, err := OpenSession(tb.Context(), Config{Database: path}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := session.Close(); err != nil {
			tb.Error(err)
		}
	})
	return session
}

// newSession opens a session on a new file.
func newSession(tb testing.TB) (session engine.Session, path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "homeserver.db")
	return openSession(tb, path), path
}

func run(tb testing.TB, querier engine.Querier, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		if _, err := querier.Exec(tb.Context(), statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
}

// one reads one value.
func one[T any](tb testing.TB, querier engine.Querier, query string, values ...any) T {
	tb.Helper()
	var value T
	if err := querier.QueryRow(tb.Context(), query, values...).Scan(&value); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return value
}

func wantPragmas(t *testing.T, session engine.Session, pragmas ...string) {
	t.Helper()
	for _, pragma := range pragmas {
		name, want, _ := strings.Cut(pragma, " ")
		if got := one[string](t, session, "PRAGMA "+name); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// A session may be there only to look: the journal mode changes when the schema lock is taken, not before.
func TestSessionKeepsTheRulesOfOpen(t *testing.T) {
	t.Parallel()
	session, path := newSession(t)
	wantPragmas(t, session, "journal_mode delete", "foreign_keys 1", "legacy_alter_table 0")
	unlock, err := session.LockSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantPragmas(t, session, "journal_mode wal", "foreign_keys 1", "synchronous 1")
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if session.Name() != path || session.Engine() != engine.SQLite || !session.TransactionalDDL() {
		t.Errorf("%s is %s, DDL is transactional: %v", session.Name(), session.Engine(), session.TransactionalDDL())
	}
	if err := session.ExecAlone(t.Context(), "VACUUM"); err != nil {
		t.Error(err)
	}
}

func TestSessionTransact(t *testing.T) {
	t.Parallel()
	session, path := newSession(t)
	wrong := errors.New("wrong")
	err := session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		run(t, tx, "CREATE TABLE lost (a)")
		return wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
	err = session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		run(t, tx, "CREATE TABLE kept (a)")
		affected, err := tx.Exec(t.Context(), "INSERT INTO kept VALUES (?), (2)", 1)
		if affected != 2 {
			t.Errorf("%d rows", affected)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := one[string](t, openSession(t, path), "SELECT group_concat(name) FROM sqlite_schema"); got != "kept" {
		t.Error(got)
	}
}

// The work is repeated when the lock is another's for as long as a try lasts.
func TestSessionTransactWaitsForAWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "homeserver.db")
	session, err := OpenSession(t.Context(), Config{Database: path, BusyTimeout: time.Millisecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, session, "CREATE TABLE a (b)")
	writer := startHolding(t, path, "BEGIN IMMEDIATE")
	work := func(engine.Tx) error { return nil }
	busy, isBusy := errors.AsType[*BusyError](session.Transact(t.Context(), engine.TxOptions{}, work))
	if !isBusy || busy.Path != path {
		t.Errorf("error %v", busy)
	}
	writer.end(t)
	if err := session.Transact(t.Context(), engine.TxOptions{}, work); err != nil {
		t.Error(err)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}

func TestSessionAfterACancelledContext(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	for _, unchecked := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		err := session.Transact(ctx, engine.TxOptions{KeysUnchecked: unchecked}, func(tx engine.Tx) error {
			run(t, tx, "CREATE TABLE lost (a)")
			cancel()
			_, err := tx.Exec(ctx, "CREATE TABLE lost_too (a)")
			return err
		})
		if err == nil || ctx.Err() == nil {
			t.Errorf("error %v", err)
		}
		if got := one[int](t, session, "SELECT count(*) FROM sqlite_schema"); got != 0 {
			t.Errorf("%d tables", got)
		}
		if !one[bool](t, session, "PRAGMA foreign_keys") {
			t.Error("foreign keys are off")
		}
	}
}

// The rewriting of a table that others refer to: https://www.sqlite.org/lang_altertable.html#otheralter.
func TestSessionKeysUnchecked(t *testing.T) {
	t.Parallel()
	session, path := newSession(t)
	run(t, session, "CREATE TABLE rooms (id TEXT PRIMARY KEY)", "CREATE TABLE events (room TEXT REFERENCES rooms ON DELETE CASCADE)",
		"INSERT INTO rooms VALUES ('a'), ('b')", "INSERT INTO events VALUES ('a'), ('b')")
	rewrite := func(values string) error {
		return session.Transact(t.Context(), engine.TxOptions{KeysUnchecked: true}, func(tx engine.Tx) error {
			run(t, tx, "CREATE TABLE new (id TEXT PRIMARY KEY, n INT)", "INSERT INTO new (id) VALUES "+values, "DROP TABLE rooms", "ALTER TABLE new RENAME TO rooms")
			return nil
		})
	}
	broken, isBroken := errors.AsType[*ForeignKeysError](rewrite("('a')"))
	want := &ForeignKeysError{Path: path, Rows: []BrokenKey{{Table: "events", RowID: 2, Parent: "rooms"}}}
	if diff := cmp.Diff(want, broken); !isBroken || diff != "" {
		t.Errorf("%v %s", broken, diff)
	}
	if err := rewrite("('a'), ('b')"); err != nil {
		t.Error(err)
	}
	if got := one[int](t, session, "SELECT count(n IS NULL) FROM events JOIN rooms ON rooms.id = events.room"); got != 2 {
		t.Errorf("%d events", got)
	}
	if _, err := session.Exec(t.Context(), "INSERT INTO events VALUES ('c')"); err == nil {
		t.Error("foreign keys are off")
	}
}

func TestForeignKeysErrorIsShort(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	run(t, session, "CREATE TABLE a (id INTEGER PRIMARY KEY)", "CREATE TABLE b (id TEXT PRIMARY KEY REFERENCES a) WITHOUT ROWID")
	err := session.Transact(t.Context(), engine.TxOptions{KeysUnchecked: true}, func(tx engine.Tx) error {
		run(t, tx, "INSERT INTO b VALUES (1), (2), (3), (4), (5), (6)")
		return nil
	})
	broken, isBroken := errors.AsType[*ForeignKeysError](err)
	if !isBroken || len(broken.Rows) != brokenKeysShown || !broken.More || !strings.Contains(err.Error(), "and others") {
		t.Errorf("error %v", err)
	}
}

func TestSessionInMemory(t *testing.T) {
	t.Parallel()
	for _, database := range []string{":memory:", "", "file:shared?mode=memory&cache=shared"} {
		session := openSession(t, database)
		unlock, err := session.LockSchema(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		others, err := session.OtherSessions(t.Context())
		if err := errors.Join(err, unlock()); err != nil || len(others) != 0 {
			t.Errorf("%s: %q, %v", database, others, err)
		}
		run(t, session, "CREATE TABLE a (b)")
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	run(t, session,
		"CREATE TABLE  rooms (id TEXT PRIMARY KEY, n INT NOT NULL DEFAULT 1 UNIQUE, twice INT AS (2 * n) STORED) ",
		"CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)", "ANALYZE",
		"CREATE INDEX rooms_n ON rooms (n) WHERE n > 1",
		"CREATE VIEW few AS SELECT id FROM rooms",
		"CREATE TRIGGER counting AFTER INSERT ON rooms BEGIN INSERT INTO counted VALUES (NULL); END",
		"CREATE VIRTUAL TABLE box USING rtree (id, low, high)",
	)
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &engine.Catalog{Tables: []engine.Table{
		{Name: "box", Columns: []engine.Column{{Name: "id", Type: "INT"}, {Name: "low", Type: "REAL"}, {Name: "high", Type: "REAL"}}},
		{Name: "box_node", Columns: []engine.Column{{Name: "nodeno", Type: "INTEGER"}, {Name: "data"}}},
		{Name: "box_parent", Columns: []engine.Column{{Name: "nodeno", Type: "INTEGER"}, {Name: "parentnode"}}},
		{Name: "box_rowid", Columns: []engine.Column{{Name: "rowid", Type: "INTEGER"}, {Name: "nodeno"}}},
		{Name: "counted", Columns: []engine.Column{{Name: "id", Type: "INTEGER"}}},
		{Name: "rooms", Columns: []engine.Column{
			{Name: "id", Type: "TEXT"}, {Name: "n", Type: "INT", NotNull: true, Default: "1"}, {Name: "twice", Type: "INT GENERATED STORED"},
		}},
	}}
	if diff := cmp.Diff(want.Tables, catalog.Tables); diff != "" {
		t.Error(diff)
	}
	var objects []string
	for _, object := range catalog.Objects {
		if !strings.HasPrefix(object.Name, "box") {
			objects = append(objects, strings.Join([]string{object.Type, object.Name, object.Table, object.Definition}, "|"))
		}
	}
	if diff := cmp.Diff([]string{
		"definition|counted|counted|CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)",
		"trigger|counting|rooms|CREATE TRIGGER counting AFTER INSERT ON rooms BEGIN INSERT INTO counted VALUES (NULL); END",
		"view|few||CREATE VIEW few AS SELECT id FROM rooms",
		"definition|rooms|rooms|CREATE TABLE rooms (id TEXT PRIMARY KEY, n INT NOT NULL DEFAULT 1 UNIQUE, twice INT AS (2 * n) STORED)",
		"index|rooms_n|rooms|CREATE INDEX rooms_n ON rooms (n) WHERE n > 1",
	}, objects); diff != "" {
		t.Error(diff)
	}
}
