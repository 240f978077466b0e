package dump

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// What upstream's own server made is read to the last statement: a second database, made from the dump, gives the same.
func TestRealSchemaOfUpstream(t *testing.T) {
	t.Parallel()
	made := dbtest.NewDatabase(t)
	if !dbtest.RestorePrepared(t, made, "94") {
		return // the library and the fixture cover the same
	}
	first := read(t, made, nil)
	if second := read(t, dbtest.NewDatabase(t), first); !slices.Equal(first, second) {
		t.Errorf("-first +second:\n%s", cmp.Diff(first, second, cmp.AllowUnexported(entry{})))
	}
	if len(first) < 500 {
		t.Errorf("there are %d statements only", len(first))
	}
}

// read dumps a database, after it has run statements in it.
func read(t *testing.T, database *dbtest.Database, statements []entry) []entry {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, statement := range statements {
		if _, err := session.Exec(t.Context(), statement.text); err != nil {
			t.Fatalf("%s: %v", statement.text, err)
		}
	}
	reader := &postgresReader{session: session, tool: &PgDump{Program: dbtest.Postgres(t).Bin("pg_dump"), Config: config}}
	entries, err := reader.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
