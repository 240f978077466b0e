package legacy_test

import (
	"testing"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// definitions are the other library's tables, column by column, as its migrations make them.
var definitions = map[engine.Kind][]string{
	engine.SQLite: {
		`CREATE TABLE synapse_entity (app_unique_id text NOT NULL, application_name text NOT NULL, base_state text NOT NULL, entity_id text,
			first_observed text DEFAULT CURRENT_TIMESTAMP NOT NULL, id integer PRIMARY KEY AUTOINCREMENT NOT NULL, last_modified text NOT NULL,
			last_reported text NOT NULL, state_json text NOT NULL, unique_id text NOT NULL)`,
		`CREATE UNIQUE INDEX synapse_entity_unique_id_unique ON synapse_entity (unique_id)`,
		`CREATE TABLE synapse_entity_locals (app_unique_id text NOT NULL, id integer PRIMARY KEY AUTOINCREMENT NOT NULL, "key" text NOT NULL,
			last_modified text DEFAULT CURRENT_TIMESTAMP NOT NULL, unique_id text NOT NULL, value_json text NOT NULL)`,
		`CREATE UNIQUE INDEX synapse_entity_locals_unique_id_key_unique ON synapse_entity_locals (unique_id, "key")`,
	},
	engine.Postgres: {
		`CREATE TABLE synapse_entity (app_unique_id text NOT NULL, application_name text NOT NULL, base_state text NOT NULL, entity_id text,
			first_observed timestamp DEFAULT now() NOT NULL, id serial PRIMARY KEY NOT NULL, last_modified text NOT NULL,
			last_reported text NOT NULL, state_json jsonb NOT NULL, unique_id text NOT NULL,
			CONSTRAINT synapse_entity_unique_id_unique UNIQUE (unique_id))`,
		`CREATE TABLE synapse_entity_locals (app_unique_id text NOT NULL, id serial PRIMARY KEY NOT NULL, "key" text NOT NULL,
			last_modified timestamp DEFAULT now() NOT NULL, unique_id text NOT NULL, value_json jsonb NOT NULL,
			CONSTRAINT synapse_entity_locals_unique_id_key_unique UNIQUE (unique_id, "key"))`,
	},
	engine.MySQL: {
		"CREATE TABLE synapse_entity (app_unique_id varchar(255) NOT NULL, application_name varchar(255) NOT NULL, base_state text NOT NULL, " +
			"entity_id varchar(255), first_observed timestamp NOT NULL DEFAULT (now()), id int AUTO_INCREMENT NOT NULL, last_modified varchar(255) NOT NULL, " +
			"last_reported varchar(255) NOT NULL, state_json text NOT NULL, unique_id varchar(255) NOT NULL, " +
			"CONSTRAINT synapse_entity_id PRIMARY KEY (id), CONSTRAINT synapse_entity_unique_id_unique UNIQUE (unique_id))",
		"CREATE TABLE synapse_entity_locals (app_unique_id varchar(255) NOT NULL, id int AUTO_INCREMENT NOT NULL, `key` varchar(255) NOT NULL, " +
			"last_modified timestamp NOT NULL DEFAULT (now()), unique_id varchar(255) NOT NULL, value_json varchar(1000) NOT NULL, " +
			"CONSTRAINT synapse_entity_locals_id PRIMARY KEY (id), CONSTRAINT synapse_entity_locals_unique_id_key_unique UNIQUE (unique_id, `key`))",
	},
}

// entity is a row of synapse_entity, local one of synapse_entity_locals.
type (
	entity struct{ application, id, state, modified string }
	local  struct{ application, id, key, value string }
)

const (
	modified      = "2026-02-06T10:20:30.456Z"
	localModified = "2026-02-07 08:00:00"
)

// database makes a database of the other library.
func database(t *testing.T, kind engine.Kind, entities []entity, locals []local) synapse.Database {
	t.Helper()
	made := anyengine.New(t, kind)
	made.With(t, func(session engine.Session) error {
		for _, definition := range definitions[kind] {
			if _, err := session.Exec(t.Context(), definition); err != nil {
				return err
			}
		}
		for _, one := range entities {
			if _, err := session.Exec(t.Context(), `INSERT INTO synapse_entity
				(app_unique_id, application_name, base_state, last_modified, last_reported, state_json, unique_id) VALUES (?, ?, '{}', ?, ?, ?, ?)`,
				one.application, "name of "+one.application, one.modified, one.modified, one.state, one.id); err != nil {
				return err
			}
		}
		for _, one := range locals {
			if _, err := session.Exec(t.Context(), `INSERT INTO synapse_entity_locals (app_unique_id, `+keyColumn(kind)+`, last_modified, unique_id, value_json)
				VALUES (?, ?, ?, ?, ?)`, one.application, one.key, localModified, one.id, one.value); err != nil {
				return err
			}
		}
		return nil
	})
	return open(t, made)
}

func keyColumn(kind engine.Kind) string {
	if kind == engine.MySQL {
		return mysql.QuoteIdentifier("key")
	}
	return `"key"`
}

// open is where the database is, as a program says it.
func open(t *testing.T, made anyengine.Database) synapse.Database {
	t.Helper()
	opened := synapse.Database{Label: "entity", Engine: made.Engine, SQLite: sqlite.Config{Database: made.Path}}
	var err error
	switch made.Engine {
	case engine.Postgres:
		opened.Postgres, _, err = postgres.ParseArgs(made.Args)
	case engine.MySQL:
		opened.MySQL, err = mysql.ParseURL(made.URL)
	case engine.SQLite:
	}
	if err != nil {
		t.Fatal(err)
	}
	return opened
}
