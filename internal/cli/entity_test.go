package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
	entitydump "github.com/synapsedb/synapse/entity/dump"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// An import that is killed at any moment is completed by the next one, without a word of what is there already.
func TestImportOfEntitiesThatIsKilledIsCompleted(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, want := manyEntities(t)
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		for range dbtest.Rounds(t, 3) {
			database := entityURL(t, kind)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(300))*time.Millisecond)
			command := exec.CommandContext(ctx, binary, "entity", "import", file, "--database", database) // killed at the end of its context
			command.Env = append(os.Environ(), programVariable+"=1")
			command.Args[0] = "synapse"
			_ = command.Run()
			cancel()
			runSynapse(t, 0, "entity", "import", file, "--database", database)
			output := filepath.Join(t.TempDir(), "exported.jsonl")
			runSynapse(t, 0, "entity", "export", "--database", database, "--output", output)
			got, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Errorf("what was imported into %s is not what was exported", kind)
			}
		}
	})
}

// manyEntities are three applications' in a file.
func manyEntities(t *testing.T) (file string, content []byte) {
	t.Helper()
	moment := time.Date(2026, 11, 21, 20, 30, 0, 0, time.UTC)
	var all []entitydump.Application
	for _, id := range []string{"cellar", "garden", "porch"} {
		application := entitydump.Application{Application: table.Application{ID: id, Name: "Name of " + id}}
		for number := range 1000 {
			row := table.Row{
				ID: fmt.Sprintf("entity %04d", number), State: fmt.Append(nil, number), Attributes: []byte(`{"of":"` + id + `"}`), Locals: []byte(`{}`),
				LastChanged: moment, LastWritten: moment,
			}
			application.Rows = append(application.Rows, row)
			if number%100 == 0 {
				application.Damaged = append(application.Damaged, table.Damaged{Row: row, Found: moment, Problem: "a test"})
			}
		}
		all = append(all, application)
	}
	var text bytes.Buffer
	if err := entitydump.Write(&text, all); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "entities.jsonl")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, text.Bytes()
}

// entityURL is where an empty database is.
func entityURL(t *testing.T, kind engine.Kind) string {
	t.Helper()
	switch kind {
	case engine.Postgres:
		address, _ := postgresURL(t)
		return address
	case engine.MySQL:
		return dbtest.NewMySQLDatabase(t).URL
	default:
		return filepath.Join(t.TempDir(), "home.db")
	}
}

// What a program of the TypeScript library has stored, a Go program begins with.
func TestEntitiesOfTheTypeScriptLibraryAreRestored(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	old, database := filepath.Join(folder, "old.db"), filepath.Join(folder, "home.db")
	anyengine.Database{Engine: engine.SQLite, Path: old}.With(t, func(session engine.Session) error {
		for _, statement := range []string{
			`CREATE TABLE synapse_entity (app_unique_id text NOT NULL, application_name text NOT NULL, base_state text NOT NULL, entity_id text,
				first_observed text DEFAULT CURRENT_TIMESTAMP NOT NULL, id integer PRIMARY KEY AUTOINCREMENT NOT NULL, last_modified text NOT NULL,
				last_reported text NOT NULL, state_json text NOT NULL, unique_id text NOT NULL)`,
			`CREATE TABLE synapse_entity_locals (app_unique_id text NOT NULL, id integer PRIMARY KEY AUTOINCREMENT NOT NULL, "key" text NOT NULL,
				last_modified text DEFAULT CURRENT_TIMESTAMP NOT NULL, unique_id text NOT NULL, value_json text NOT NULL)`,
			`INSERT INTO synapse_entity (app_unique_id, application_name, base_state, last_modified, last_reported, state_json, unique_id) VALUES
				('9b1d', 'home', '{}', '2026-02-06T10:20:30.456Z', '', '{"native_value":21.5,"name":"Old name","attributes":{"mode":"heat"}}', 'thermostat')`,
			`INSERT INTO synapse_entity_locals (app_unique_id, unique_id, "key", value_json) VALUES ('9b1d', 'thermostat', 'night', '{"from":22,"until":6}')`,
		} {
			if _, err := session.Exec(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
	runSynapse(t, 0, "entity", "import", "--legacy", old, "--as", "porch", "--database", database)

	store, err := entity.Open(t.Context(), entity.Config{Application: "porch", URL: database, IgnoreEnvironment: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.WithoutCancel(t.Context()))
	type attributes struct {
		Mode string `json:"mode"`
	}
	thermostat, err := entity.New(store, entity.Definition[float64, attributes]{ID: "thermostat", Name: "New name", State: 18})
	if err != nil {
		t.Fatal(err)
	}
	type hours struct{ From, Until int }
	night, err := entity.NewLocal(thermostat, "night", hours{})
	if err != nil {
		t.Fatal(err)
	}
	changed := time.Date(2026, 2, 6, 10, 20, 30, 456_000_000, time.UTC)
	if thermostat.State() != 21.5 || thermostat.Attributes().Mode != "heat" || night.Get() != (hours{22, 6}) || !thermostat.LastChanged().Equal(changed) {
		t.Errorf("restored: %v, %v, %v, changed %v, %+v", thermostat.State(), thermostat.Attributes(), night.Get(), thermostat.LastChanged(), thermostat.Restored())
	}
}
