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
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

// viewSet has what our schema set does not have on every engine: views, and on SQLite a check that a test can take away.
func viewSet(t *testing.T) *schema.Set {
	t.Helper()
	const statements = `CREATE TABLE a (i integer, CONSTRAINT a_check CHECK (i > 0)); CREATE VIEW positive AS SELECT i FROM a WHERE i > 1;`
	files := fstest.MapFS{}
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
		files["main/full_schemas/1/full.sql."+string(kind)] = &fstest.MapFile{Data: []byte(statements)}
	}
	set, err := schema.New(schema.Definition{Name: "views", Version: 1, CompatVersion: 1, Engines: []engine.Kind{engine.SQLite, engine.Postgres}, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestViewsAndChecksThatAreMissing(t *testing.T) {
	t.Parallel()
	set := viewSet(t)
	for _, test := range []struct {
		database doctor.Database
		breaks   []string
		check    string   // the evidence
		mend     []string // instead of the finding's commands; SQLite takes a check in a new table alone
	}{
		{
			doctor.Database{Label: "server", Postgres: parsed(t, dbtest.NewDatabase(t))},
			[]string{"DROP VIEW positive", "ALTER TABLE a DROP CONSTRAINT a_check"}, "a_check of a: CHECK", nil,
		},
		{
			doctor.Database{Label: "file", SQLitePath: t.TempDir() + "/homeserver.db"},
			[]string{"DROP VIEW positive", "DROP TABLE a", "CREATE TABLE a (i integer)"}, "a: CHECK (i > 0)",
			[]string{"DROP TABLE a", "CREATE TABLE a (i integer, CHECK (i > 0))"},
		},
	} {
		session, options := open(t, test.database), realOptions(set, test.database)
		options.Deep = true
		if _, err := schema.Prepare(t.Context(), session, set, schema.Options{}); err != nil {
			t.Fatal(err)
		}
		if found := look(t, options); len(found) > 0 {
			t.Errorf("%+v", found)
		}
		doctortest.Exec(t, session, test.breaks...)
		found := look(t, options)
		if len(found) != 2 {
			t.Fatalf("%+v", found)
		}
		check := mustBeOne(t, found, tables.CheckMissing, finding.Warning, test.check)
		view := mustBeOne(t, found, tables.ViewMissing, finding.Error, "positive")
		if (len(check.Remedy.Commands) == 0) != (len(test.mend) > 0) || !strings.HasPrefix(view.Remedy.Commands[0], "CREATE VIEW") {
			t.Errorf("%+v, %+v", check.Remedy, view.Remedy)
		}
		doctortest.Exec(t, session, check.Remedy.Commands...)
		doctortest.Exec(t, session, test.mend...)
		doctortest.Exec(t, session, view.Remedy.Commands...)
		if left := look(t, options); len(left) > 0 {
			t.Errorf("afterwards %+v", left)
		}
	}
}

func mustBeOne(t *testing.T, found []finding.Finding, id string, severity finding.Severity, evidence string) finding.Finding {
	t.Helper()
	some := of(found, id)
	if len(some) != 1 || some[0].Severity != severity || len(some[0].Evidence) != 1 || !strings.HasPrefix(some[0].Evidence[0], evidence) {
		t.Fatalf("of %s: %+v", id, found)
	}
	return some[0]
}
