package demo_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

func TestDatabaseIsSoundAndComplete(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]demo.Options{
		"no event":              {},
		"one event":             {Events: 1},
		"fewer than a room has": {Events: 7, Plain: true},
		"no event, plain":       {Plain: true},
		"some events":           {Events: 2500, Seed: 7},
		"write-ahead log":       {Events: 100, WAL: true},
		"server with a port":    {Events: 100, ServerName: "[2001:db8::1]:8448"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, db := generate(t, options)
			wantTexts(t, db, "PRAGMA integrity_check", "ok")
			wantTexts(t, db, "PRAGMA foreign_key_check")
			wantTexts(t, db, "PRAGMA journal_mode", map[bool]string{true: "wal", false: "delete"}[options.WAL])
			wantTexts(t, db, "SELECT count(*) FROM events", fmt.Sprint(report.Events))
			if difficulties := !options.Plain && options.Events > 0; (report.Events > int64(options.Events)) != difficulties {
				t.Errorf("%d events were asked for and %d are there", options.Events, report.Events)
			}
			if rows := countRows(t, db); rows != report.Rows {
				t.Errorf("the report says %d rows, there are %d", report.Rows, rows)
			}
			if report.BadValues != nil {
				t.Errorf("there are bad values: %v", report.BadValues)
			}
		})
	}
}

func TestOnlyTheDatabaseIsLeft(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	report, err := demo.Generate(t.Context(), filepath.Join(folder, "a b?.db"), demo.Options{Events: 50, WAL: true})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(report.Path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != report.Bytes {
		t.Errorf("the report says %d bytes, the file has %d", report.Bytes, info.Size())
	}
	wantFiles(t, folder, "a b?.db")
}

func TestSchemaIsThatOfANewDatabase(t *testing.T) {
	t.Parallel()
	_, generated := generate(t, demo.Options{Events: 10, BadValues: true})
	path := filepath.Join(t.TempDir(), "new.db")
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(homeserver.Create(t.Context(), session), session.Close()); err != nil {
		t.Fatal(err)
	}
	created := open(t, path)
	const schema = `SELECT concat_ws(' ', type, name, tbl_name, sql) FROM sqlite_schema ORDER BY 1`
	if diff := cmp.Diff(texts(t, created, schema), texts(t, generated, schema)); diff != "" {
		t.Error(diff)
	}
}

func TestSeedDecidesEverything(t *testing.T) {
	t.Parallel()
	hash := func(seed int64) [sha256.Size]byte {
		report, _ := generate(t, demo.Options{Events: 400, Seed: seed, BadValues: true})
		content, err := os.ReadFile(report.Path)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(content)
	}
	first, again := hash(1), hash(1)
	if first != again {
		t.Error("the same seed made two databases")
	}
	if first == hash(2) {
		t.Error("two seeds made the same database")
	}
}

func TestExistingFileIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "precious.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := demo.Generate(t.Context(), path, demo.Options{Events: 10})
	var explained *engine.Error
	if !errors.Is(err, fs.ErrExist) || !errors.As(err, &explained) || explained.Hint == "" {
		t.Errorf("got %v, want fs.ErrExist with a hint", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "precious" {
		t.Errorf("the file holds %q now (%v)", content, err)
	}
	wantFiles(t, filepath.Dir(path), "precious.db")
}

func TestInterruptionLeavesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := demo.Generate(ctx, filepath.Join(folder, "demo.db"), demo.Options{Events: 8_000, Progress: func(events int) {
		if events >= 5_000 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	wantFiles(t, folder)
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for problem, options := range map[string]demo.Options{
		"negative":       {Events: -1},
		"no server name": {ServerName: `x" y`},
	} {
		_, err := demo.Generate(t.Context(), filepath.Join(folder, "demo.db"), options)
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("got %v, want an error with %q", err, problem)
		}
	}
	wantFiles(t, folder)
}

func TestProgressCountsUp(t *testing.T) {
	t.Parallel()
	var seen []int
	generate(t, demo.Options{Events: 6_000, Progress: func(events int) { seen = append(seen, events) }})
	if diff := cmp.Diff([]int{5000, 6_000}, seen); diff != "" {
		t.Error(diff)
	}
}

func generate(t *testing.T, options demo.Options) (*demo.Report, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "homeserver.db")
	report, err := demo.Generate(t.Context(), path, options)
	if err != nil {
		t.Fatal(err)
	}
	return report, open(t, path)
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
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

func wantTexts(t *testing.T, db *sql.DB, query string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, texts(t, db, query)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

// texts is the first column of a result.
func texts(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		found = append(found, fmt.Sprint(*values[0].(*any)))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func wantFiles(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// seeded are the tables that every database starts with, and their rows then.
var seeded = map[string]int64{"appservice_stream_position": 1, "delayed_events_stream_pos": 1,
	"device_lists_changes_converted_stream_position": 1, "federation_stream_position": 2, "stats_incremental_position": 1,
	"user_directory_stream_pos": 1}

func countRows(t *testing.T, db *sql.DB) int64 {
	t.Helper()
	var total int64
	for _, table := range tables(t, db) {
		if slices.Contains(homeserver.BookkeepingTables(), table) {
			continue
		}
		var rows int64
		if err := db.QueryRow(`SELECT count(*) FROM "` + table + `"`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		total += rows - seeded[table]
	}
	return total
}

func tables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	return texts(t, db, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')
AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
}
