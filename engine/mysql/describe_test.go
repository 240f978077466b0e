package mysql_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// everything has one of each thing that a database can consist of.
var everything = []string{
	`CREATE TABLE rooms (
		room_id varchar(255) NOT NULL PRIMARY KEY,
		name text COLLATE utf8mb4_unicode_ci,
		creator varchar(255) CHARACTER SET ascii NOT NULL DEFAULT '' COMMENT 'it''s a user',
		topic varchar(10) DEFAULT 'NULL',
		members int NOT NULL DEFAULT 0 CHECK (members >= 0),
		made datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
		doubled bigint AS (members * 2) STORED,
		CONSTRAINT named CHECK (name <> ''),
		UNIQUE KEY rooms_creator_idx (creator, members DESC),
		KEY rooms_name_idx (name(20)),
		FULLTEXT KEY rooms_topic_idx (topic)
	)`,
	`CREATE TABLE events (
		stream_ordering bigint NOT NULL AUTO_INCREMENT,
		room_id varchar(255) NOT NULL,
		depth bigint unsigned,
		PRIMARY KEY (stream_ordering),
		KEY events_room_idx (room_id, depth),
		CONSTRAINT events_room_fkey FOREIGN KEY (room_id) REFERENCES rooms (room_id) ON DELETE CASCADE
	)`,
	`CREATE TABLE log (line text) ENGINE=Aria ROW_FORMAT=FIXED COLLATE=utf8mb4_general_ci COMMENT='of what was'`,
	`CREATE TABLE parts (year int NOT NULL) PARTITION BY RANGE (year) (PARTITION old VALUES LESS THAN (2000), PARTITION new VALUES LESS THAN MAXVALUE)`,
	`CREATE TABLE Log (line text)`,
	`CREATE SEQUENCE counter START WITH 5`,
	`CREATE VIEW busy_rooms AS SELECT room_id FROM rooms WHERE members > 10 WITH CHECK OPTION`,
	`CREATE TRIGGER rooms_counted BEFORE INSERT ON rooms FOR EACH ROW BEGIN SET NEW.members = 1; SET NEW.topic = ';'; END`,
	`CREATE FUNCTION twice(number bigint) RETURNS bigint DETERMINISTIC RETURN number * 2`,
	`CREATE PROCEDURE clear(IN room varchar(255), OUT left_over int) COMMENT 'all of it' BEGIN DELETE FROM events WHERE room_id = room; SET left_over = 0; END`,
	`CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE DO DELETE FROM log`,
}

func describe(t *testing.T, session engine.Session) *engine.Catalog {
	t.Helper()
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	session := openSession(t, configOf(t, dbtest.NewMySQLDatabase(t)))
	empty := describe(t, session)
	if len(empty.Tables) > 0 || len(empty.Objects) > 0 {
		t.Errorf("an empty database consists of %v", empty)
	}
	execute(t, session, everything...)
	compareGolden(t, "everything.json", describe(t, session))
}

// compareGolden compares with a file of testdata, and writes the file when the environment asks for that.
func compareGolden(t *testing.T, name string, catalog *engine.Catalog) {
	t.Helper()
	encoded, err := json.MarshalIndent(catalog, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if os.Getenv("SYNAPSE_TEST_GOLDEN") == "write" {
		if err := os.WriteFile(path, append(encoded, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(strings.TrimSpace(string(want)), string(encoded)); difference != "" {
		t.Errorf("(-want +got):\n%s", difference)
	}
}

func TestDescriptionsOfTwoDatabasesAreEqual(t *testing.T) {
	t.Parallel()
	var catalogs []*engine.Catalog
	for range 2 {
		session := openSession(t, configOf(t, dbtest.NewMySQLDatabase(t)))
		execute(t, session, everything...)
		catalogs = append(catalogs, describe(t, session))
	}
	if difference := cmp.Diff(catalogs[0], catalogs[1]); difference != "" {
		t.Error(difference)
	}
}

func TestWorkIsNotDescribed(t *testing.T) {
	t.Parallel()
	session := openSession(t, configOf(t, dbtest.NewMySQLDatabase(t)))
	execute(t, session, everything...)
	before := describe(t, session)
	for _, statement := range []string{
		`INSERT INTO rooms (room_id, name, creator) VALUES ('!a', 'a', '@a'), ('!b', 'b', '@b')`,
		`INSERT INTO events (room_id) VALUES ('!a'), ('!b'), ('!b')`,
		`SELECT NEXTVAL(counter)`,
		`ANALYZE TABLE rooms, events`,
		`OPTIMIZE TABLE events`,
		`ALTER TABLE events FORCE`,
		`CREATE TEMPORARY TABLE mine (a int)`,
		`TRUNCATE events`,
	} {
		execute(t, session, statement)
		if difference := cmp.Diff(before, describe(t, session)); difference != "" {
			t.Errorf("%s changes the description:\n%s", statement, difference)
		}
	}
}

func TestEveryChangeOfTheSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	session := openSession(t, configOf(t, dbtest.NewMySQLDatabase(t)))
	execute(t, session, everything...)
	before := describe(t, session)
	for _, statement := range []string{
		`ALTER TABLE rooms ADD COLUMN extra int`,
		`ALTER TABLE rooms MODIFY COLUMN extra bigint`,
		`ALTER TABLE rooms MODIFY COLUMN extra bigint NOT NULL`,
		`ALTER TABLE rooms ALTER COLUMN extra SET DEFAULT 7`,
		`ALTER TABLE rooms MODIFY COLUMN extra bigint NOT NULL DEFAULT 7 FIRST`,
		`ALTER TABLE rooms MODIFY COLUMN extra bigint NOT NULL DEFAULT 7 COMMENT 'more' FIRST`,
		`ALTER TABLE rooms RENAME COLUMN extra TO further`,
		`ALTER TABLE rooms MODIFY COLUMN doubled bigint AS (members * 3) STORED`,
		`ALTER TABLE rooms MODIFY COLUMN name text COLLATE utf8mb4_bin`,
		`ALTER TABLE rooms DROP CONSTRAINT named`,
		`ALTER TABLE rooms ADD CONSTRAINT named CHECK (name <> '?')`,
		`ALTER TABLE rooms DROP INDEX rooms_name_idx, ADD INDEX rooms_name_idx (name(21))`,
		`ALTER TABLE rooms RENAME INDEX rooms_name_idx TO rooms_named_idx`,
		`ALTER TABLE rooms ALTER INDEX rooms_named_idx IGNORED`,
		`CREATE INDEX rooms_made_idx ON rooms (made)`,
		`DROP INDEX rooms_made_idx ON rooms`,
		`CREATE UNIQUE INDEX rooms_made_idx ON rooms (made)`,
		`ALTER TABLE events DROP FOREIGN KEY events_room_fkey`,
		`ALTER TABLE events ADD CONSTRAINT events_room_fkey FOREIGN KEY (room_id) REFERENCES rooms (room_id) ON DELETE RESTRICT`,
		`ALTER TABLE events MODIFY COLUMN stream_ordering bigint NOT NULL`,
		`ALTER TABLE events DROP PRIMARY KEY`,
		`ALTER TABLE log ENGINE=InnoDB ROW_FORMAT=DEFAULT`,
		`ALTER TABLE log CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
		`ALTER TABLE log COMMENT=''`,
		`ALTER TABLE parts REORGANIZE PARTITION old INTO (PARTITION older VALUES LESS THAN (1000), PARTITION old VALUES LESS THAN (2000))`,
		`RENAME TABLE Log TO logs`,
		`ALTER SEQUENCE counter INCREMENT BY 2`,
		`CREATE OR REPLACE VIEW busy_rooms AS SELECT room_id FROM rooms WHERE members > 11 WITH CHECK OPTION`,
		`CREATE OR REPLACE TRIGGER rooms_counted BEFORE INSERT ON rooms FOR EACH ROW SET NEW.members = 2`,
		`CREATE OR REPLACE FUNCTION twice(number int) RETURNS bigint DETERMINISTIC RETURN number * 2`,
		`DROP PROCEDURE clear`,
		`ALTER EVENT nightly ENABLE`,
		`DROP EVENT nightly`,
		`DROP VIEW busy_rooms`,
		`DROP TABLE events`,
	} {
		if err := session.ExecAlone(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		after := describe(t, session)
		if cmp.Equal(before, after) {
			t.Errorf("not to be seen: %s", statement)
		}
		before = after
	}
}
