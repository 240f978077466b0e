package homeserver_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

func TestBothEnginesHoldTheSameColumns(t *testing.T) {
	t.Parallel()
	onPostgres := postgresColumns(t, newPostgres(t))
	onSQLite := sqliteColumns(t, newSQLite(t))
	for _, table := range homeserver.PostgresOnlyTables() {
		if _, there := onPostgres[table]; !there {
			t.Errorf("PostgreSQL lacks the table %s", table)
		}
		delete(onPostgres, table)
	}
	for _, table := range homeserver.SQLiteSearchTables() {
		if onPostgres[table] == nil || onSQLite[table] == nil {
			t.Errorf("the search table %s is missing on an engine", table)
		}
		delete(onPostgres, table)
		delete(onSQLite, table)
	}
	if diff := cmp.Diff(onPostgres, onSQLite); diff != "" {
		t.Errorf("tables differ (-postgres +sqlite):\n%s", diff)
	}
}

func TestNewDatabaseSaysWhatItIs(t *testing.T) {
	t.Parallel()
	const bookkeeping = `SELECT s.name, v.version, v.upgraded, c.compat_version,
(SELECT count(*) FROM applied_schema_deltas), (SELECT count(*) FROM background_updates)
FROM schema_set AS s, schema_version AS v, schema_compat_version AS c`
	type row struct {
		Set             string
		Version, Compat int
		Upgraded        bool
		Deltas, Updates int
	}
	want := row{Set: homeserver.SetName, Version: homeserver.Version, Compat: homeserver.CompatVersion}
	var onSQLite, onPostgres row
	into := func(r *row) []any {
		return []any{&r.Set, &r.Version, &r.Upgraded, &r.Compat, &r.Deltas, &r.Updates}
	}
	if err := newSQLite(t).QueryRow(bookkeeping).Scan(into(&onSQLite)...); err != nil {
		t.Error(err)
	}
	if err := newPostgres(t).QueryRow(t.Context(), bookkeeping).Scan(into(&onPostgres)...); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]row{want, want}, []row{onSQLite, onPostgres}); diff != "" {
		t.Error(diff)
	}
}

func TestDatabaseThatHoldsTablesIsRefused(t *testing.T) {
	t.Parallel()
	onSQLite := openSQLite(t)
	onPostgres := connect(t, dbtest.NewDatabase(t))
	const occupy = `CREATE TABLE precious (id integer)`
	if _, err := onSQLite.Exec(occupy); err != nil {
		t.Fatal(err)
	}
	if _, err := onPostgres.Exec(t.Context(), occupy); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, engine.SQLite, homeserver.CreateSQLite(t.Context(), onSQLite))
	checkRefused(t, engine.Postgres, homeserver.CreatePostgres(t.Context(), onPostgres))
	if tables := sqliteColumns(t, onSQLite); len(tables) != 1 {
		t.Errorf("SQLite was changed: %d tables", len(tables))
	}
	if tables := postgresColumns(t, onPostgres); len(tables) != 1 {
		t.Errorf("PostgreSQL was changed: %d tables", len(tables))
	}
}

func checkRefused(t *testing.T, kind engine.Kind, err error) {
	t.Helper()
	var refusal *homeserver.NotEmptyError
	if !errors.As(err, &refusal) {
		t.Fatalf("%s: got %v, want a *NotEmptyError", kind, err)
	}
	want := homeserver.NotEmptyError{Engine: kind, Table: "precious", Tables: 1}
	if diff := cmp.Diff(want, *refusal); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(err.Error(), "give an empty database") {
		t.Errorf("the message does not say what to do: %s", err)
	}
}

func TestOnlyOneOfManyCreatesTheSchema(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "homeserver.db")
	database := dbtest.NewDatabase(t)
	checkOneSucceeds(t, func() error { return homeserver.CreateSQLite(t.Context(), openSQLiteFile(t, file)) })
	checkOneSucceeds(t, func() error { return homeserver.CreatePostgres(t.Context(), connect(t, database)) })
}

func checkOneSucceeds(t *testing.T, create func() error) {
	t.Helper()
	results := make([]error, 4)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = create() })
	}
	all.Wait()
	succeeded := 0
	for _, err := range results {
		var refusal *homeserver.NotEmptyError
		switch {
		case err == nil:
			succeeded++
		case !errors.As(err, &refusal):
			t.Errorf("got %v, want a *NotEmptyError", err)
		}
	}
	if succeeded != 1 {
		t.Errorf("%d creations succeeded, want 1", succeeded)
	}
}

func TestInterruptedCreationLeavesNothing(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := homeserver.CreateSQLite(ctx, db); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if tables := sqliteColumns(t, db); len(tables) != 0 {
		t.Errorf("%d tables are left", len(tables))
	}
}

func newSQLite(t *testing.T) *sql.DB {
	t.Helper()
	db := openSQLite(t)
	if err := homeserver.CreateSQLite(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

func openSQLite(t *testing.T) *sql.DB {
	t.Helper()
	return openSQLiteFile(t, filepath.Join(t.TempDir(), "homeserver.db"))
}

func openSQLiteFile(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newPostgres(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := connect(t, dbtest.NewDatabase(t))
	if err := homeserver.CreatePostgres(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

func connect(t *testing.T, database *dbtest.Database) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// columns are the sorted names of each table's columns, in lower case: PostgreSQL
// folds "Lock", which is not quoted.
type columns map[string][]string

func (c columns) add(table, column string) {
	if column == "Lock" {
		column = "lock"
	}
	c[table] = append(c[table], column)
	slices.Sort(c[table])
}

func sqliteColumns(t *testing.T, db *sql.DB) columns {
	t.Helper()
	rows, err := db.Query(`SELECT l.name, c.name FROM pragma_table_list AS l, pragma_table_info(l.name) AS c
WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND l.name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := columns{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		found.add(table, column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func postgresColumns(t *testing.T, conn *pgx.Conn) columns {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT c.relname, a.attname FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`)
	if err != nil {
		t.Fatal(err)
	}
	found := columns{}
	var table, column string
	if _, err := pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		found.add(table, column)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}
