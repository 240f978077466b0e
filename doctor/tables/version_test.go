package tables_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/tables"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestVersionsThatDoNotFit(t *testing.T) {
	t.Parallel()
	both := places(t)
	readers := map[string]*place{byName: both[engine.Postgres], inFile: both[engine.SQLite]}
	for name, test := range map[string]struct {
		damage   string
		id       string
		severity finding.Severity
		mend     string
	}{
		"older":             {`UPDATE schema_version SET version = 10000`, tables.SchemaBehind, finding.Info, `UPDATE schema_version SET version = 10001`},
		"newer":             {`UPDATE schema_version SET version = 10002`, tables.SchemaAhead, finding.Info, `UPDATE schema_version SET version = 10001`},
		"too new":           {`UPDATE schema_compat_version SET compat_version = 10005`, tables.SchemaTooNew, finding.Error, `UPDATE schema_compat_version SET compat_version = 10001`},
		"guarded":           {`UPDATE schema_compat_version SET compat_version = 2147483647`, tables.SchemaUnfinished, finding.Error, `UPDATE schema_compat_version SET compat_version = 10001`},
		"being created":     {`INSERT INTO schema_progress (file, checksum, statements) VALUES ('creation', '', 0)`, tables.SchemaUnfinished, finding.Error, `DELETE FROM schema_progress`},
		"of somebody else":  {`UPDATE schema_set SET name = 'library'`, tables.SchemaForeign, finding.Error, `UPDATE schema_set SET name = 'homeserver'`},
		"an unknown delta":  {`INSERT INTO applied_schema_deltas (version, file) VALUES (10001, '10001/99late.sql')`, tables.DeltasUnknown, finding.Info, `DELETE FROM applied_schema_deltas`},
		"main is not here":  {`DELETE FROM schema_databases WHERE name = 'main'`, tables.SchemaRefused, finding.Error, `INSERT INTO schema_databases (name) VALUES ('main')`},
		"without a version": {`UPDATE schema_version SET version = 9`, tables.SchemaBehind, finding.Info, `UPDATE schema_version SET version = 10001`},
	} {
		for side, place := range readers {
			doctortest.Exec(t, place.session, test.damage)
			found := look(t, place.sides[side])
			if some := of(found, test.id); len(some) != 1 || len(some) != len(found) || some[0].Severity != test.severity {
				t.Errorf("%s, %s: %+v", name, side, found)
			}
			doctortest.Exec(t, place.session, test.mend)
		}
	}
	for side, place := range readers { // what one had left would have been found beside the next as well
		if left := look(t, place.sides[side]); len(left) > 0 {
			t.Errorf("%s: afterwards %+v", side, left)
		}
	}
}

func TestUnknownFilesAreToldOnce(t *testing.T) {
	t.Parallel()
	for _, place := range places(t) {
		for side, options := range place.sides {
			options.SetOf = nil
			if found := look(t, options); len(found) != 1 || found[0].ID != tables.SchemaUnknown || found[0].Severity != finding.Info {
				t.Errorf("%s: %+v", side, found)
			}
		}
	}
}

func TestTablesOfNobody(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	options := doctor.Options{Databases: []doctor.Database{{Label: "master", Postgres: parsed(t, database)}}}
	if found := lookFor(t, options, tables.SchemaEmpty); len(found) != 1 {
		t.Errorf("%+v", found)
	}
	doctortest.Exec(t, open(t, options.Databases[0]), "CREATE TABLE of_somebody (i integer)")
	if found := lookFor(t, options, tables.SchemaForeign); len(found) != 1 || found[0].Severity != finding.Error {
		t.Errorf("%+v", found)
	}
}

func parsed(t *testing.T, database *dbtest.Database) *postgres.Config {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// Upstream's rules overlook a delta of a version that the database has passed.
func TestDeltaThatWasNeverApplied(t *testing.T) {
	t.Parallel()
	set, err := upstream.Open("../../homeserver/upstream/testdata/schema")
	if err != nil {
		t.Fatal(err)
	}
	for _, database := range []doctor.Database{
		{Label: "server", Postgres: parsed(t, dbtest.NewDatabase(t))}, {Label: "file", SQLitePath: t.TempDir() + "/homeserver.db"},
	} {
		session, options := open(t, database), realOptions(set, database)
		if _, err := schema.Prepare(t.Context(), session, set, schema.Options{}); err != nil {
			t.Fatal(err)
		}
		if found := lookFor(t, options, tables.NotCompared); (len(found) > 0) != (session.Engine() == engine.Postgres) {
			t.Errorf("before updates are done that build indexes on PostgreSQL alone: %+v", found)
		}
		if _, err := upstream.FinishEmpty(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		if session.Engine() == engine.Postgres { // upstream's own files enqueue an update for it, these imitate fewer
			doctortest.Exec(t, session, "CREATE UNIQUE INDEX full_users_unique_idx ON user_filters (full_user_id, filter_id)")
		}
		mustHaveNothingButInfo(t, options)
		doctortest.Exec(t, session, "DELETE FROM applied_schema_deltas WHERE file = '89/01_alpha.sql'")
		found := lookFor(t, options, tables.DeltasMissing)
		if len(found) != 1 || found[0].Severity != finding.Warning || !strings.HasPrefix(found[0].Evidence[0], "89/01_alpha.sql") {
			t.Errorf("%+v", found)
		}
		doctortest.Exec(t, session, "INSERT INTO applied_schema_deltas (version, file) VALUES (89, '89/01_alpha.sql')")
		mustHaveNothingButInfo(t, options)
	}
}

func TestDeltaWhoseFileWasChanged(t *testing.T) {
	t.Parallel()
	database := doctor.Database{Label: "file", SQLitePath: t.TempDir() + "/homeserver.db"}
	session := open(t, database)
	released, changed := small(t, "CREATE TABLE b (i integer);"), small(t, "CREATE TABLE b (i integer, j integer);")
	for _, set := range []*schema.Set{smallAt(t, 1, ""), released} {
		if _, err := schema.Prepare(t.Context(), session, set, schema.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	mustHaveNothingButInfo(t, realOptions(released, database))
	found := lookFor(t, realOptions(changed, database), tables.DeltasChanged)
	if len(found) != 1 || found[0].Severity != finding.Warning || found[0].Evidence[0] != "2/01b.sql" {
		t.Errorf("%+v", found)
	}
	if found := lookFor(t, realOptions(changed, database), tables.ColumnMissing); len(found) != 1 {
		t.Errorf("%+v", found)
	}
}

func small(t *testing.T, delta string) *schema.Set { t.Helper(); return smallAt(t, 2, delta) }

// smallAt is a set of one table, and one more by a delta.
func smallAt(t *testing.T, version int, delta string) *schema.Set {
	t.Helper()
	files := fstest.MapFS{"main/full_schemas/1/full.sql.sqlite": {Data: []byte("CREATE TABLE a (i integer);")}}
	if delta != "" {
		files["main/delta/2/01b.sql"] = &fstest.MapFile{Data: []byte(delta)}
	}
	set, err := schema.New(schema.Definition{Name: "small", Version: version, CompatVersion: 1, Engines: []engine.Kind{engine.SQLite}, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
