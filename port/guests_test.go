package port_test

import (
	"database/sql"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/schema"
)

// What a run of background updates has recorded of itself, in the source or the target, is nothing to a port.
func TestTablesOfBackgroundUpdatesAreLeft(t *testing.T) {
	t.Parallel()
	source, target := demoSource(t, demo.Options{}), preparedTarget(t)
	file, err := sql.Open("sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const addError = "INSERT INTO background_update_errors VALUES ('gone', 5, 'no space', 1700000000000)"
	const addRate = "INSERT INTO background_update_rates VALUES ('gone', 1, 1, 1, NULL, 1, 1, 1, 1)"
	server := target.Connect(t)
	for _, statement := range []string{schema.CreateUpdateErrors(engine.SQLite), schema.CreateUpdateRates(engine.SQLite), addError, addRate} {
		if _, err := file.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, create := range []string{schema.CreateUpdateErrors(engine.Postgres), schema.CreateUpdateRates(engine.Postgres)} {
		if _, err := server.Exec(t.Context(), create); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := portInto(t, source, target, nil); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{schema.UpdateErrorsTable, schema.UpdateRatesTable} {
		var rows int
		if err := target.Connect(t).QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%s: %d rows, %v", table, rows, err)
		}
	}
}
