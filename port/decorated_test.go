package port_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/port"
)

// decorations are what an administrator, or a version to come, may have done to tables with many rows: whatever is
// set aside while they are filled has to come back exactly as it was.
const decorations = `
CREATE INDEX "an index, ""quoted""" ON events (sender DESC NULLS LAST) INCLUDE (room_id) WITH (fillfactor = 70) WHERE type <> 'x';
COMMENT ON INDEX "an index, ""quoted""" IS 'it''s a comment';
CREATE INDEX with_expression ON events (lower(event_id), (depth / 2));
ALTER INDEX with_expression ALTER COLUMN 1 SET STATISTICS 300;
CREATE INDEX of_a_method ON events USING hash (room_id);
CREATE INDEX clustered ON events (topological_ordering);
ALTER TABLE events CLUSTER ON clustered;
CREATE UNIQUE INDEX replicated ON event_json (event_id, internal_metadata);
ALTER TABLE event_json ALTER internal_metadata SET NOT NULL, REPLICA IDENTITY USING INDEX replicated;
ALTER TABLE events ADD CONSTRAINT "deferred, quoted" UNIQUE (event_id, room_id) DEFERRABLE INITIALLY DEFERRED;
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.types (type text PRIMARY KEY);
CREATE TABLE types (kind text PRIMARY KEY, type text REFERENCES elsewhere.types);
COMMENT ON CONSTRAINT "deferred, quoted" ON events IS 'comment on a constraint';
COMMENT ON INDEX "deferred, quoted" IS 'comment on its index';
ALTER TABLE events ADD CONSTRAINT deferrable_later UNIQUE (event_id, sender) INCLUDE (depth) WITH (fillfactor = 80) DEFERRABLE;
ALTER TABLE events ADD CONSTRAINT excluding EXCLUDE (event_id WITH =, stream_ordering WITH =) WHERE (depth >= 0);
COMMENT ON INDEX excluding IS 'comment on an index that comes with its constraint';
ALTER TABLE event_json ADD CONSTRAINT not_valid FOREIGN KEY (event_id) REFERENCES events (event_id)
    ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED NOT VALID;
ALTER TABLE event_json ADD CONSTRAINT valid_too FOREIGN KEY (event_id) REFERENCES events (event_id);
COMMENT ON CONSTRAINT not_valid ON event_json IS 'comment on a foreign key';
ALTER TABLE events ADD CONSTRAINT checked_later CHECK (length(type) < 10000) NOT VALID;
CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a trigger ran'; END $$;
CREATE TRIGGER ordinary BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION forbid();
CREATE TRIGGER "disabled, quoted" BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION forbid();
ALTER TABLE events DISABLE TRIGGER "disabled, quoted";
CREATE TRIGGER only_replica AFTER UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION forbid();
ALTER TABLE events ENABLE REPLICA TRIGGER only_replica;
CREATE TRIGGER always AFTER INSERT OR DELETE ON event_json FOR EACH ROW EXECUTE FUNCTION forbid();
ALTER TABLE event_json ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER on_a_table_left_out BEFORE INSERT ON user_directory FOR EACH ROW EXECUTE FUNCTION forbid();
ALTER TABLE user_directory ENABLE ALWAYS TRIGGER on_a_table_left_out;
ALTER TABLE events ALTER sender SET STATISTICS 500, SET (autovacuum_vacuum_scale_factor = 0.01);
CREATE VIEW of_events AS SELECT event_id, count(*) FROM events GROUP BY event_id;
GRANT SELECT ON events TO PUBLIC;
CREATE STATISTICS correlated ON room_id, sender FROM events;`

// sinceFifteen needs PostgreSQL 15.
const sinceFifteen = `CREATE UNIQUE INDEX nulls_agree ON events (event_id, depth) NULLS NOT DISTINCT;
ALTER TABLE event_json ADD CONSTRAINT nulls_agree_too UNIQUE NULLS NOT DISTINCT (event_id, format_version);`

func TestWhatIsSetAsideComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]port.Policy{"fail": port.Fail, "repair": port.Repair} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// With bad values rows are taken out again, which the triggers forbid.
			source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1, BadValues: policy == port.Repair})
			target := preparedTarget(t)
			asSuperuser(t, target, func(conn *pgx.Conn) error {
				statements := "SET ROLE " + pgx.Identifier{target.Owner}.Sanitize() + ";" + decorations
				if conn.PgConn().ParameterStatus("server_version") >= "15" {
					statements += sinceFifteen
				}
				_, err := conn.Exec(t.Context(), statements)
				return err
			})
			waitForSessionsToEnd(t, target)
			before := schemaDump(t, target)
			for _, word := range []string{"it''s a comment", "NOT VALID", "CLUSTER ON", "ENABLE REPLICA TRIGGER", "DEFERRABLE INITIALLY DEFERRED"} {
				if !strings.Contains(before, word) {
					t.Errorf("the decoration %q is not in the schema", word)
				}
			}
			if _, err := portInto(t, source, target, func(o *port.Options) { o.OnBadValue = policy }); err != nil {
				t.Fatal(err)
			}
			waitForSessionsToEnd(t, target)
			if diff := cmp.Diff(before, schemaDump(t, target)); diff != "" {
				t.Errorf("the schema changed (-before +after):\n%s", diff)
			}
		})
	}
}

// Everything is taken away in one transaction: when one object cannot be, none is.
func TestTargetThatCannotBeEmptiedIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	target := preparedTarget(t)
	asSuperuser(t, target, func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), "SET ROLE "+pgx.Identifier{target.Owner}.Sanitize()+`; CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.refers (event_id text REFERENCES events (event_id))`)
		return err
	})
	waitForSessionsToEnd(t, target)
	before, schema := content(t, target), schemaDump(t, target)
	waitForSessionsToEnd(t, target)
	_, err := portInto(t, source, target, nil)
	if err == nil || !strings.Contains(err.Error(), "refers") || strings.Contains(err.Error(), "unfinished") {
		t.Errorf("the error is %v", err)
	}
	waitForSessionsToEnd(t, target)
	if diff := cmp.Diff(before, content(t, target)); diff != "" {
		t.Errorf("content (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(schema, schemaDump(t, target)); diff != "" {
		t.Errorf("schema (-before +after):\n%s", diff)
	}
}
