package sqltext_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver

	"github.com/synapsedb/synapse/engine"
)

// TestFullSchemasOnSQLite runs the files of the homeserver's set in pieces, and whole: SQLite keeps the text of every
// statement, so that both have to end the same.
func TestFullSchemasOnSQLite(t *testing.T) {
	t.Parallel()
	for path, content := range fullSchemas(t, engine.SQLite) {
		var pieces []string
		for _, statement := range split(t, engine.SQLite, content) {
			pieces = append(pieces, statement.Text)
		}
		if diff := cmp.Diff(schemaAfter(t, []string{content}), schemaAfter(t, pieces)); diff != "" {
			t.Errorf("%s (-whole +pieces):\n%s", path, diff)
		}
	}
}

// TestFullSchemasOnPostgres counts: in these files a statement, and nothing else but comments, begins at the left margin
// with a capital letter.
func TestFullSchemasOnPostgres(t *testing.T) {
	t.Parallel()
	for path, content := range fullSchemas(t, engine.Postgres) {
		body := false
		var want []string
		for line := range strings.Lines(content) {
			if !body && line[0] >= 'A' && line[0] <= 'Z' {
				want = append(want, strings.TrimSpace(line))
			}
			body = body != (strings.Count(line, "$body$")%2 == 1)
		}
		var got []string
		for _, statement := range split(t, engine.Postgres, content) {
			first, _, _ := strings.Cut(statement.Text, "\n")
			got = append(got, first)
		}
		for i := range want {
			want[i] = strings.TrimSuffix(want[i], ";")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-lines +statements):\n%s", path, diff)
		}
	}
}

func fullSchemas(t *testing.T, kind engine.Kind) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../homeserver/schema/*/full_schemas/*/full.sql." + string(kind))
	if err != nil || len(paths) < 3 {
		t.Fatalf("full schemas: %v, %v", paths, err)
	}
	files := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = string(content)
	}
	return files
}

func schemaAfter(t *testing.T, statements []string) []string {
	t.Helper()
	database, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	database.SetMaxOpenConns(1)
	for _, statement := range statements {
		if _, err := database.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	rows, err := database.QueryContext(t.Context(), "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var objects []string
	for rows.Next() {
		var object string
		if err := rows.Scan(&object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	if err := rows.Err(); err != nil || len(objects) == 0 {
		t.Fatalf("%d objects: %v", len(objects), err)
	}
	return objects
}
