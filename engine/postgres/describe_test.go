package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// described is what the statements of TestDescribe make.
var described = &engine.Catalog{
	Tables: []engine.Table{
		{Name: "empty"},
		{Name: "events", Columns: []engine.Column{
			{Name: "id", Type: "bigint GENERATED ALWAYS AS IDENTITY", NotNull: true},
			{Name: "room", Type: "text", NotNull: true, Default: "'none'::text"},
			{Name: "words", Type: `character varying(20) COLLATE "C"`},
			{Name: "twice", Type: "integer GENERATED ALWAYS AS ((n * 2)) STORED"},
			{Name: "n", Type: "integer", Default: "nextval('counter'::regclass)"},
		}},
		{Name: "part_1", Columns: []engine.Column{{Name: "k", Type: "integer", NotNull: true}}},
		{Name: "parts", Columns: []engine.Column{{Name: "k", Type: "integer", NotNull: true}}},
		{Name: "rooms", Columns: []engine.Column{{Name: "id", Type: "text", NotNull: true}, {Name: "n", Type: "integer"}}},
	},
	Objects: []engine.Object{
		{Type: "view", Name: "all_rooms", Definition: " SELECT rooms.id\n   FROM rooms;"},
		{Type: "function", Name: "check_room()", Definition: "CREATE OR REPLACE FUNCTION check_room()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function$ BEGIN RETURN NEW; END $function$\n"},
		{Type: "trigger", Name: "checked", Table: "events", Definition: "CREATE TRIGGER checked BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION check_room() DISABLED"},
		{Type: "sequence", Name: "counter", Table: "events", Definition: "AS integer START 2 INCREMENT 3 MINVALUE 1 MAXVALUE 2147483647 CACHE 1 OWNED BY events.n"},
		{Type: "comment", Name: "events", Table: "events", Definition: "what happened"},
		{Type: "table options", Name: "events", Table: "events", Definition: "UNLOGGED; REPLICA IDENTITY USING INDEX events_room"},
		{Type: "column options", Name: "events.room", Table: "events", Definition: "n_distinct=-0.5; STATISTICS 50"},
		{Type: "comment", Name: "events.room", Table: "events", Definition: "where"},
		{Type: "sequence", Name: "events_id_seq", Table: "events", Definition: "AS bigint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 1 OWNED BY events.id"},
		{Type: "constraint", Name: "events_n_check", Table: "events", Definition: "CHECK ((n > 0)) NOT VALID"},
		{Type: "index", Name: "events_part", Table: "events", Definition: "CREATE INDEX events_part ON events USING btree (lower(room)) WHERE n > 1"},
		{Type: "index", Name: "events_room", Table: "events", Definition: "CREATE UNIQUE INDEX events_room ON events USING btree (room)"},
		{Type: "foreign key", Name: "events_room_fkey", Table: "events", Definition: "FOREIGN KEY (room) REFERENCES rooms(id) DEFERRABLE"},
		{Type: "table options", Name: "part_1", Table: "part_1", Definition: "PARTITION OF parts FOR VALUES FROM (1) TO (2)"},
		{Type: "table options", Name: "parts", Table: "parts", Definition: "PARTITION BY RANGE (k)"},
		{Type: "constraint", Name: "rooms_n_key", Table: "rooms", Definition: "UNIQUE (n)"},
		{Type: "constraint", Name: "rooms_pkey", Table: "rooms", Definition: "PRIMARY KEY (id)"},
	},
}

var describedStatements = []string{
	"CREATE SEQUENCE counter AS int START 2 INCREMENT 3",
	"CREATE TABLE empty ()",
	"CREATE UNLOGGED TABLE rooms (id text PRIMARY KEY, n int UNIQUE)",
	"ALTER TABLE rooms SET LOGGED",
	`CREATE UNLOGGED TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, gone int, room text NOT NULL DEFAULT 'none', words varchar(20) COLLATE "C",
		twice int GENERATED ALWAYS AS (n * 2) STORED, n int DEFAULT nextval('counter'))`,
	"ALTER TABLE events DROP COLUMN gone",
	"ALTER SEQUENCE counter OWNED BY events.n",
	"CREATE TABLE parts (k int NOT NULL) PARTITION BY RANGE (k)",
	"CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (1) TO (2)",
	"CREATE UNIQUE INDEX events_room ON events (room)",
	"CREATE INDEX events_part ON events (lower(room)) WHERE n > 1",
	"ALTER TABLE events REPLICA IDENTITY USING INDEX events_room",
	"ALTER TABLE events ADD FOREIGN KEY (room) REFERENCES rooms DEFERRABLE",
	"ALTER TABLE events ADD CHECK (n > 0) NOT VALID",
	"ALTER TABLE events ALTER room SET (n_distinct = -0.5), ALTER room SET STATISTICS 50",
	"COMMENT ON TABLE events IS 'what happened'",
	"COMMENT ON COLUMN events.room IS 'where'",
	"CREATE FUNCTION check_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
	"CREATE TRIGGER checked BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION check_room()",
	"ALTER TABLE events DISABLE TRIGGER checked",
	"CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int)",
	"CREATE VIEW all_rooms AS SELECT id FROM rooms",
	"SELECT nextval('counter')",
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	superuser := database.ConnectSuperuser(t)
	if _, err := superuser.Exec(t.Context(), "CREATE EXTENSION citext"); err != nil {
		t.Fatal(err)
	}
	session := openSession(t, configOf(t, database, nil))
	run(t, session, `CREATE SCHEMA "Other one"`)
	for _, path := range []string{"public", `"Other\ one"`} {
		session := openSession(t, configOf(t, database, args{"options": "-c search_path=" + path}))
		run(t, session, describedStatements...)
		catalog, err := session.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(described, catalog); diff != "" {
			t.Errorf("in %s: %s", path, diff)
		}
	}
}

func TestDescribeNothing(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	catalog, err := session.Describe(t.Context())
	if diff := cmp.Diff(&engine.Catalog{}, catalog); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
