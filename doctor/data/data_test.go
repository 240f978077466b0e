package data_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/data"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// healthy is a room with events and state, so that there is something to break.
func healthy() []string {
	statements := []string{
		`INSERT INTO rooms (room_id, room_version) VALUES ('!r:demo.test', '10')`,
		`INSERT INTO users (name, password_hash, creation_ts) VALUES ('@alice:demo.test', 'not to be shown', 1)`,
		`INSERT INTO state_groups (id, room_id, event_id) VALUES (1, '!r:demo.test', '$B'), (2, '!r:demo.test', '$D')`,
		`INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (2, 1)`,
		`INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES (1, '!r:demo.test', 'm.room.create', '', '$B')`,
	}
	for i, id := range []string{"B", "D", "F", "a", "c", "e"} {
		statements = append(statements, event(id, string(rune('1'+i))),
			`INSERT INTO event_json (event_id, room_id, internal_metadata, json) VALUES ('$`+id+`', '!r:demo.test', '{}', '{}')`)
	}
	return append(statements,
		`INSERT INTO event_to_state_groups (event_id, room_id, state_group) VALUES ('$B', '!r:demo.test', 1), ('$D', '!r:demo.test', 2)`,
		`INSERT INTO event_forward_extremities (event_id, room_id) VALUES ('$e', '!r:demo.test')`)
}

func event(id, position string) string {
	return `INSERT INTO events (stream_ordering, topological_ordering, event_id, type, room_id, processed, outlier, received_ts) ` +
		`VALUES (` + position + `, 1, '$` + id + `', 'm.room.message', '!r:demo.test', true, false, 1000` + position + `)`
}

// each runs a test on both engines, with a healthy room.
func each(t *testing.T, test func(t *testing.T, session engine.Session, options doctor.Options)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		_, session, options := doctortest.Postgres(t)
		prepare(t, session, &options)
		test(t, session, options)
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		_, session, options := doctortest.SQLite(t)
		doctortest.Exec(t, session, "PRAGMA foreign_keys = OFF")
		prepare(t, session, &options)
		test(t, session, options)
	})
}

func prepare(t *testing.T, session engine.Session, options *doctor.Options) {
	t.Helper()
	options.Deep = true
	doctortest.Exec(t, session, healthy()...)
}

// findings are those of one ID. Only the checks of this package are made, as the owner of the database, or who the options say.
func findings(t *testing.T, options doctor.Options, id string) (found []finding.Finding) {
	t.Helper()
	var subjects []*finding.Subject
	for _, database := range options.Databases {
		subject := &finding.Subject{
			Label: database.Label, Path: database.SQLitePath, Postgres: database.Postgres, Logical: database.Logical, ServerName: options.ServerName,
		}
		if id == data.ForeignKeyUnproved {
			set, err := options.SetOf("", "")
			if err != nil {
				t.Fatal(err)
			}
			subject.Set = set
		}
		closeIt := open(t, subject)
		defer closeIt()
		subjects = append(subjects, subject)
	}
	for _, subject := range subjects {
		subject.Others = slices.DeleteFunc(slices.Clone(subjects), func(other *finding.Subject) bool { return other == subject })
		for _, one := range checked(t, subject) {
			if one.ID == id {
				found = append(found, one)
			}
		}
	}
	return found
}

// checked makes all checks of this package.
func checked(t *testing.T, subject *finding.Subject) (found []finding.Finding) {
	t.Helper()
	for _, check := range data.Checks() {
		if !check.Applies(subject.Engine) {
			continue
		}
		some, err := check.Run(t.Context(), subject)
		if err != nil {
			t.Errorf("%s, %s: %v", subject.Label, check.Name, err)
		}
		found = append(found, some...)
	}
	return found
}

// open opens a database as package doctor does: to read only.
func open(t *testing.T, subject *finding.Subject) (closeIt func()) {
	t.Helper()
	var err error
	if subject.Postgres != nil {
		subject.Engine = engine.Postgres
		subject.Session, err = subject.Postgres.OpenSession(t.Context(), nil)
	} else {
		subject.Engine = engine.SQLite
		subject.Session, err = sqlite.OpenSession(t.Context(), sqlite.Config{Database: subject.Path}.ReadOnly(), nil)
	}
	if err == nil && subject.Postgres != nil {
		_, err = subject.Session.Exec(t.Context(), "SET default_transaction_read_only = on")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := subject.Session.Close(); err != nil {
			t.Error(err)
		}
	}
}

// mustFind fails unless there is one finding of an ID, of this severity, with this in its evidence or sentence.
func mustFind(t *testing.T, options doctor.Options, id string, severity finding.Severity, evidence ...string) finding.Finding {
	t.Helper()
	found := findings(t, options, id)
	if len(found) != 1 || found[0].Severity != severity {
		t.Fatalf("want one finding %s: %+v", id, found)
	}
	all := found[0].What + "\n" + strings.Join(found[0].Evidence, "\n")
	for _, text := range evidence {
		if !strings.Contains(all, text) {
			t.Errorf("%s: want %q in %s", id, text, all)
		}
	}
	return found[0]
}

func mustNotFind(t *testing.T, options doctor.Options, id string) {
	t.Helper()
	if found := findings(t, options, id); len(found) > 0 {
		t.Errorf("still there: %+v", found)
	}
}

func TestDamageIsFoundAndGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage, repair []string
		id             string
		severity       finding.Severity
		evidence       []string
	}{
		"an event of a state group that is not there": {
			[]string{`UPDATE event_to_state_groups SET state_group = 9 WHERE event_id = '$D'`},
			[]string{`UPDATE event_to_state_groups SET state_group = 2 WHERE event_id = '$D'`},
			data.StateGroupMissing, finding.Error, []string{"state group 9: 1 events, such as $D"},
		},
		"a state group without predecessor": {
			[]string{`INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (1, 7)`},
			[]string{`DELETE FROM state_group_edges WHERE prev_state_group = 7`},
			data.PredecessorMissing, finding.Error, []string{"state group 7: 1 groups are built on it, such as 1"},
		},
		"state groups that nothing points to": {
			[]string{
				`INSERT INTO state_groups (id, room_id, event_id) VALUES (5, '!r:demo.test', '$x')`,
				`INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES (5, '!r:demo.test', 'a', '', '$x'), (5, '!r:demo.test', 'b', '', '$x')`,
			},
			[]string{`DELETE FROM state_groups WHERE id = 5`},
			data.StateUnreferenced, finding.Info, []string{"1 state group of 3 ", "hold 2 rows"},
		},
		"an event without its content": {
			[]string{`DELETE FROM event_json WHERE event_id = '$F'`},
			[]string{`INSERT INTO event_json (event_id, room_id, internal_metadata, json) VALUES ('$F', '!r:demo.test', '{}', '{}')`},
			data.EventWithoutJSON, finding.Error, []string{"$F"},
		},
		"a content without its event": {
			[]string{`INSERT INTO event_json (event_id, room_id, internal_metadata, json) VALUES ('$z', '!r:demo.test', '{}', '{}')`},
			[]string{`DELETE FROM event_json WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.event_id = event_json.event_id);`},
			data.JSONWithoutEvent, finding.Warning, []string{"$z"},
		},
		"a room without version": {
			[]string{`UPDATE rooms SET room_version = NULL`},
			[]string{`UPDATE rooms SET room_version = '10'`},
			data.RoomWithoutVersion, finding.Warning, []string{"!r:demo.test"},
		},
		"a room without version in which the server is not": {
			[]string{`INSERT INTO rooms (room_id) VALUES ('!gone:demo.test')`},
			[]string{`DELETE FROM rooms WHERE room_id = '!gone:demo.test'`},
			data.RoomWithoutVersion, finding.Info, []string{"!gone:demo.test"},
		},
		"a user of another server": {
			[]string{`INSERT INTO users (name) VALUES ('@bob:elsewhere.test:8448')`},
			[]string{`DELETE FROM users WHERE name LIKE '@bob:%'`},
			data.ForeignUser, finding.Error, []string{"@bob:elsewhere.test:8448"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, session engine.Session, options doctor.Options) {
				mustNotFind(t, options, test.id)
				doctortest.Exec(t, session, test.damage...)
				mustFind(t, options, test.id, test.severity, test.evidence...)
				doctortest.Exec(t, session, test.repair...)
				mustNotFind(t, options, test.id)
			})
		})
	}
}

func TestManyForwardExtremities(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, session engine.Session, options doctor.Options) {
		doctortest.Exec(t, session, moreEnds(100, 11)...)
		mustFind(t, options, data.ManyExtremities, finding.Info, "!r:demo.test: 12")
		doctortest.Exec(t, session, moreEnds(200, 40)...)
		mustFind(t, options, data.ManyExtremities, finding.Warning, "!r:demo.test: 52")
	})
}

// moreEnds gives the room more ends, with events from this position on.
func moreEnds(from, count int) (statements []string) {
	for i := range count {
		position := strconv.Itoa(from + i)
		statements = append(statements, event("end"+position, position),
			"INSERT INTO event_forward_extremities (event_id, room_id) VALUES ('$end"+position+"', '!r:demo.test')")
	}
	return statements
}

func TestLargestRooms(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, session engine.Session, options doctor.Options) {
		mustNotFind(t, options, data.StateLargestRooms)
		doctortest.Exec(t, session, `INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT 2, '!r:demo.test', 'm.room.member', CAST(i AS text), '$D' FROM n`)
		mustFind(t, options, data.StateLargestRooms, finding.Info, "!r:demo.test: 10001 rows")
	})
}

func TestBooleansThatAreNeither(t *testing.T) {
	t.Parallel()
	_, session, options := doctortest.SQLite(t)
	prepare(t, session, &options)
	doctortest.Exec(t, session, `UPDATE events SET outlier = 2, contains_url = 'true' WHERE stream_ordering = 3`)
	mustFind(t, options, data.NotBoolean, finding.Warning, "2 values", "row 3 of events: outlier is 2", "row 3 of events: contains_url is 'true'")
	doctortest.Exec(t, session, `UPDATE events SET outlier = 0, contains_url = NULL WHERE stream_ordering = 3`)
	mustNotFind(t, options, data.NotBoolean)
}

// The events of one database point to the state groups of another one.
func TestStateGroupsOfSplitDatabases(t *testing.T) {
	t.Parallel()
	_, session, options := doctortest.Postgres(t)
	prepare(t, session, &options)
	options.Databases[0].Logical = []string{"main"}
	options.Databases = append(options.Databases, emptyState(t))
	mustFind(t, options, data.StateGroupMissing, finding.Error, "2 state groups", "state group 1: 1 events, such as $B")
}

// emptyState is a database that holds state alone, and no group.
func emptyState(t *testing.T) doctor.Database {
	t.Helper()
	_, _, options := doctortest.Postgres(t)
	second := options.Databases[0]
	second.Label, second.Logical = "state", []string{"state"}
	return second
}

func TestBrokenForeignKeys(t *testing.T) {
	t.Parallel()
	const orphan = `INSERT INTO event_forward_extremities (event_id, room_id) VALUES ('$gone', '!r:demo.test')`
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		_, session, options := doctortest.SQLite(t)
		prepare(t, session, &options)
		doctortest.Exec(t, session, "PRAGMA foreign_keys = OFF", orphan)
		mustFind(t, options, data.ForeignKeyBroken, finding.Error, "event_forward_extremities (event_id) -> events (event_id)", "event_id = $gone")
		doctortest.Exec(t, session, "DELETE FROM event_forward_extremities WHERE event_id = '$gone'")
		mustNotFind(t, options, data.ForeignKeyBroken)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		database, session, options := doctortest.Postgres(t)
		prepare(t, session, &options)
		superuser := database.ConnectSuperuser(t)
		if _, err := superuser.Exec(t.Context(), "SET session_replication_role = replica; "+orphan); err != nil {
			t.Fatal(err)
		}
		mustFind(t, options, data.ForeignKeyBroken, finding.Error, "event_forward_extremities (event_id) -> events (event_id)", "event_id = $gone")
	})
	t.Run("NOT VALID, and lost", func(t *testing.T) {
		t.Parallel()
		_, session, options := doctortest.Postgres(t)
		prepare(t, session, &options)
		drop := "ALTER TABLE event_forward_extremities DROP CONSTRAINT event_forward_extremities_event_id_fkey"
		doctortest.Exec(t, session, drop, orphan)
		lost := mustFind(t, options, data.ForeignKeyUnproved, finding.Warning, "event_id = $gone")
		if !strings.Contains(lost.Meaning, "no longer") {
			t.Error(lost.Meaning)
		}
		doctortest.Exec(t, session, "ALTER TABLE event_forward_extremities ADD CONSTRAINT mine FOREIGN KEY (event_id) REFERENCES events (event_id) NOT VALID")
		loose := mustFind(t, options, data.ForeignKeyUnproved, finding.Warning, "event_id = $gone")
		if !strings.Contains(loose.Meaning, "NOT VALID") {
			t.Error(loose.Meaning)
		}
		for _, command := range loose.Remedy.Commands {
			if _, err := session.Exec(t.Context(), command); err != nil {
				t.Error(err)
			}
		}
	})
}

// A role that may read only some tables is told which it may not.
func TestRoleWithoutRights(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	prepare(t, session, &options)
	superuser := database.ConnectSuperuser(t)
	for _, statement := range []string{"ALTER TABLE access_tokens OWNER TO CURRENT_USER", "REVOKE ALL ON access_tokens FROM PUBLIC"} {
		if _, err := superuser.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	mustFind(t, options, data.TablesUnreadable, finding.Info, "access_tokens")
}
