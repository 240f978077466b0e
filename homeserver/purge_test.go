package homeserver_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

const demoServer = "demo.example.com"

// fullRoom is the demo's room of which most tables hold something.
const fullRoom = "!texts:" + demoServer

// onBothDemos runs a test on a demo database, and on one that was ported to PostgreSQL.
func onBothDemos(t *testing.T, test func(t *testing.T, s side)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "homeserver.db")
	if _, err := demo.Generate(t.Context(), path, demo.Options{Events: 200, ServerName: demoServer}); err != nil {
		t.Fatal(err)
	}
	target := preparedPostgres(t)
	portInto(t, path, target)
	for _, s := range []side{{engine.SQLite, openSQLiteFile(t, path)}, postgresSide(t, target)} {
		t.Run(string(s.kind), func(t *testing.T) { test(t, s) })
	}
}

func portInto(t *testing.T, path string, target *dbtest.Database) {
	t.Helper()
	config, _, err := postgres.ParseArgs(target.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := port.Run(t.Context(), port.Options{Source: path, Target: config}); err != nil {
		t.Fatal(err)
	}
}

// rest are rows in those tables of which the demo's room holds nothing. "?1" is the room, "?2" one of its events.
var rest = []string{
	`INSERT INTO blocked_rooms (room_id, user_id) VALUES (?1, '@admin:demo.example.com')`,
	`INSERT INTO e2e_room_keys (user_id, room_id, session_id, version, session_data) VALUES ('@a:x', ?1, 's', 1, '{}')`,
	`INSERT INTO event_auth_chain_links (origin_chain_id, origin_sequence_number, target_chain_id, target_sequence_number)
SELECT chain_id, 1, chain_id + 1, 1 FROM event_auth_chains WHERE room_id = ?1`,
	`INSERT INTO event_relations (event_id, room_id, relates_to_id, relation_type) VALUES (?2, ?1, '$other', 'm.reference')`,
	`INSERT INTO partial_state_rooms (room_id, join_event_id, joined_via) VALUES (?1, ?2, 's0.example.net')`,
	`INSERT INTO partial_state_rooms_servers (room_id, server_name) VALUES (?1, 's0.example.net')`,
	`INSERT INTO partial_state_events (room_id, event_id) VALUES (?1, ?2)`,
	`INSERT INTO receipts_graph (room_id, receipt_type, user_id, event_ids, data) VALUES (?1, 'm.read', '@a:x', '[]', '{}')`,
	`INSERT INTO redactions (event_id, room_id, redacts) VALUES (?2, ?1, '$other')`,
	`INSERT INTO room_aliases (room_alias, room_id) VALUES ('#alias-of-' || ?1, ?1)`,
	`INSERT INTO room_alias_servers (room_alias, server) VALUES ('#alias-of-' || ?1, 's0.example.net')`,
	`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) SELECT max(id), 1 FROM state_groups WHERE room_id = ?1
ON CONFLICT DO NOTHING`,
	`INSERT INTO state_groups_persisting (state_group, instance_name) SELECT max(id), 'master' FROM state_groups WHERE room_id = ?1`,
	`INSERT INTO user_directory (user_id, room_id) VALUES ('@found:by.' || ?1, ?1)`,
	`INSERT INTO users_in_public_rooms (user_id, room_id) VALUES ('@found:by.' || ?1, ?1)`,
	`INSERT INTO users_who_share_private_rooms (user_id, other_user_id, room_id) VALUES ('@found:by.x', '@b:x', ?1)`,
}

// fillRest puts something of a room in every table.
func fillRest(t *testing.T, s side, roomID string) {
	t.Helper()
	event := s.text(t, "SELECT min(event_id) FROM events WHERE room_id = ?", roomID)
	for _, statement := range rest {
		statement = strings.ReplaceAll(statement, "?1", "'"+roomID+"'")
		s.must(t, strings.ReplaceAll(statement, "?2", "'"+event+"'"))
	}
}

// stays is which rows of a table without a room_id, or with one that is only forgotten, do not belong to a room.
var stays = map[string]string{
	"event_auth_chain_links":        "origin_chain_id NOT IN (SELECT chain_id FROM event_auth_chains WHERE room_id = ?)",
	"room_alias_servers":            "room_alias NOT IN (SELECT room_alias FROM room_aliases WHERE room_id = ?)",
	"state_group_edges":             "state_group NOT IN (SELECT id FROM state_groups WHERE room_id = ?)",
	"state_groups_pending_deletion": "state_group NOT IN (SELECT id FROM state_groups WHERE room_id = ?)",
	"state_groups_persisting":       "state_group NOT IN (SELECT id FROM state_groups WHERE room_id = ?)",
}

// foreignRows are, table by table, the rows that do not belong to a room, and how many do.
func foreignRows(t *testing.T, s side, roomID string) (others map[string][]string, own map[string]int64) {
	t.Helper()
	others, own = map[string][]string{}, map[string]int64{}
	keys := s.keys(t)
	for table := range keys.columns {
		query, values := `SELECT * FROM "`+table+`"`, []any{}
		all := len(s.rows(t, query))
		_, isKept := kept[table]
		switch {
		case table == "user_directory": // a test of its own
			continue
		case stays[table] != "":
			query, values = query+" WHERE "+stays[table], append(values, roomID)
		case keys.room(table) != nil && !isKept:
			query, values = query+" WHERE room_id IS NULL OR room_id <> ?", append(values, roomID)
		}
		others[table] = s.rows(t, query, values...)
		if rows := int64(all - len(others[table])); rows > 0 {
			own[table] = rows
		}
	}
	return others, own
}

func TestPurgeTakesOneRoomAndNothingElse(t *testing.T) {
	t.Parallel()
	onBothDemos(t, func(t *testing.T, s side) {
		fillRest(t, s, fullRoom)
		fillRest(t, s, s.text(t, "SELECT max(room_id) FROM rooms WHERE room_id <> ? AND room_id IN (SELECT room_id FROM state_groups) "+
			"AND room_id NOT IN (SELECT room_id FROM partial_state_rooms) AND room_id NOT IN (SELECT room_id FROM redactions) "+
			"AND room_id NOT IN (SELECT room_id FROM event_relations)", fullRoom))
		others, own := foreignRows(t, s, fullRoom)
		own["user_directory"] = 1

		var room, state homeserver.PurgeResult
		err := s.transact(t, func(tx engine.Tx) (err error) {
			if room, err = homeserver.PurgeRoom(t.Context(), tx, fullRoom); err != nil {
				return err
			}
			state, err = homeserver.PurgeRoomState(t.Context(), tx, fullRoom)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		left, none := foreignRows(t, s, fullRoom)
		if diff := cmp.Diff(others, left); diff != "" {
			t.Errorf("rows of others changed (-before +after):\n%s", diff)
		}
		if len(none) > 0 {
			t.Errorf("rows of the room are left: %v", none)
		}
		counted := map[string]int64{}
		for _, table := range slices.Concat(room.Tables, state.Tables) {
			counted[table.Table] = table.Rows
		}
		if diff := cmp.Diff(own, counted); diff != "" {
			t.Errorf("rows purged (-were there +counted):\n%s", diff)
		}
		everyTable := slices.Sorted(slices.Values(purgedTables(s.kind)))
		if diff := cmp.Diff(everyTable, slices.Sorted(maps.Keys(counted))); diff != "" {
			t.Errorf("tables that held something (-list +counted):\n%s", diff)
		}
		s.checkSound(t)
	})
}

// checkSound looks at what an engine can check itself; PostgreSQL's keys always hold.
func (s side) checkSound(t *testing.T) {
	t.Helper()
	if s.kind != engine.SQLite {
		return
	}
	if broken := s.rows(t, "PRAGMA foreign_key_check"); len(broken) > 0 {
		t.Errorf("foreign keys are broken: %v", broken)
	}
	if result := s.text(t, "PRAGMA integrity_check"); result != "ok" {
		t.Error(result)
	}
	s.must(t, "INSERT INTO event_search (event_search) VALUES ('integrity-check')")
}

func TestPurgedRoomIsForgottenByTheDirectory(t *testing.T) {
	t.Parallel()
	onBothSides(t, func(t *testing.T, s side) {
		s.must(t, "INSERT INTO rooms (room_id) VALUES ('!a:x'), ('!b:x')")
		s.must(t, "INSERT INTO user_directory (user_id, room_id) VALUES ('@a:x', '!a:x'), ('@b:x', '!b:x'), ('@c:x', NULL)")
		result := s.purge(t, "!a:x")
		want := []homeserver.PurgedTable{{Table: "user_directory", Rows: 1}, {Table: "rooms", Rows: 1}}
		if diff := cmp.Diff(want, result.Tables); diff != "" {
			t.Error(diff)
		}
		if result.Rows() != 2 {
			t.Errorf("%d rows in all, want 2", result.Rows())
		}
		if room := s.text(t, "SELECT max(coalesce(room_id, '')) FROM user_directory WHERE user_id <> '@b:x'"); room != "" {
			t.Errorf("the directory names the room %s", room)
		}
		if room := s.text(t, "SELECT room_id FROM user_directory WHERE user_id = '@b:x'"); room != "!b:x" {
			t.Errorf("the entry of another room now names %s", room)
		}
	})
}

func (s side) purge(t *testing.T, roomID string) homeserver.PurgeResult {
	t.Helper()
	var result homeserver.PurgeResult
	err := s.transact(t, func(tx engine.Tx) (err error) {
		result, err = homeserver.PurgeRoom(t.Context(), tx, roomID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestEveryRoomCanBePurged(t *testing.T) {
	t.Parallel()
	onBothDemos(t, func(t *testing.T, s side) {
		var rooms []string
		s.each(t, "SELECT room_id, '', '' FROM rooms ORDER BY room_id", func(room, _, _ string) { rooms = append(rooms, room) })
		if len(rooms) < 5 {
			t.Fatalf("only %d rooms", len(rooms))
		}
		for _, room := range rooms {
			s.purge(t, room)
			if err := s.transact(t, func(tx engine.Tx) error {
				_, err := homeserver.PurgeRoomState(t.Context(), tx, room)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range []string{"rooms", "events", "event_json", "event_edges", "state_groups", "state_groups_state"} {
			if rows := s.rows(t, "SELECT * FROM "+table); len(rows) > 0 {
				t.Errorf("%d rows are left in %s", len(rows), table)
			}
		}
		s.checkSound(t)
	})
}

func TestRoomThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	onBothSides(t, func(t *testing.T, s side) {
		// Tags and blocks need no room.
		s.must(t, "INSERT INTO room_tags (user_id, room_id, tag, content) VALUES ('@a:x', '!gone:x', 'u.tag', '{}')")
		err := s.transact(t, func(tx engine.Tx) error {
			_, err := homeserver.PurgeRoom(t.Context(), tx, "!gone:x")
			return err
		})
		missing, typed := errors.AsType[*homeserver.NoRoomError](err)
		if !typed || missing.RoomID != "!gone:x" || !strings.Contains(err.Error(), `"!gone:x"`) {
			t.Errorf("got %v, want a *NoRoomError", err)
		}
		if tags := s.rows(t, "SELECT * FROM room_tags"); len(tags) != 1 {
			t.Errorf("%d tags are left, want 1", len(tags))
		}
	})
}

func TestPurgeRefusesAnEngineWithoutSchema(t *testing.T) {
	t.Parallel()
	s := side{engine.MySQL, newSQLite(t)}
	_, err := homeserver.PurgeRoom(t.Context(), s.statements(s.db), "!a:x")
	if err == nil || !strings.Contains(err.Error(), "no schema for mysql") {
		t.Errorf("got %v", err)
	}
}

// The logical database "state" may be the only one in its physical database.
func TestStateIsPurgedOnItsOwn(t *testing.T) {
	t.Parallel()
	onEmptySides(t, func(t *testing.T, s side) {
		script, err := os.ReadFile("schema/state/full_schemas/10001/full.sql." + string(s.kind))
		if err != nil {
			t.Fatal(err)
		}
		s.must(t, string(script))
		s.must(t, "INSERT INTO state_groups (id, room_id, event_id) VALUES (1, '!a:x', '$1'), (2, '!a:x', '$2'), (3, '!b:x', '$3'), (4, '!b:x', '$4')")
		s.must(t, "INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (2, 1), (2, 9), (4, 3)")
		s.must(t, "INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES (1, '!a:x', 't', '', '$1'), (3, '!b:x', 't', '', '$3')")
		for _, want := range []homeserver.PurgeResult{
			{Tables: []homeserver.PurgedTable{{Table: "state_group_edges", Rows: 2}, {Table: "state_groups_state", Rows: 1}, {Table: "state_groups", Rows: 2}}},
			{}, // a second time
		} {
			result, err := homeserver.PurgeRoomState(t.Context(), s.statements(s.db), "!a:x")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, result); diff != "" {
				t.Error(diff)
			}
		}
		const left = "SELECT min(g.room_id) || ' ' || count(*) FROM state_groups AS g JOIN state_group_edges AS e ON e.state_group = g.id"
		if left := s.text(t, left); left != "!b:x 1" {
			t.Errorf("rooms and edges that are left: %s", left)
		}
	})
}

// onEmptySides runs a test on a database of each engine that holds nothing.
func onEmptySides(t *testing.T, test func(t *testing.T, s side)) {
	t.Helper()
	for _, s := range []side{{engine.SQLite, openSQLiteFile(t, filepath.Join(t.TempDir(), "empty.db"))}, postgresSide(t, dbtest.NewDatabase(t))} {
		t.Run(string(s.kind), func(t *testing.T) { test(t, s) })
	}
}

// interrupted does something else before its first statement that deletes.
type interrupted struct {
	engine.Statements
	first *sync.Once
	work  func()
}

func (i interrupted) Exec(ctx context.Context, statement string, values ...any) (int64, error) {
	i.first.Do(i.work)
	return i.Statements.Exec(ctx, statement, values...)
}

// Who adds to a room that is being purged waits for the end of the purge and is refused.
func TestNobodyAddsToARoomThatIsBeingPurged(t *testing.T) {
	t.Parallel()
	s := postgresSide(t, preparedPostgres(t))
	s.must(t, "INSERT INTO rooms (room_id) VALUES ('!a:x')")
	added := make(chan error, 1)
	add := func() {
		go func() {
			_, err := s.db.ExecContext(t.Context(), "INSERT INTO room_depth (room_id, min_depth) VALUES ('!a:x', 1)")
			added <- err
		}()
		// A transaction would be shown the same sessions again and again.
		const blocked = "SELECT (count(*) > 0)::text FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND datname = current_database()"
		for s.text(t, blocked) != "true" && len(added) == 0 {
		}
	}
	err := s.transact(t, func(tx engine.Tx) error {
		statements, _ := tx.(engine.Statements)
		_, err := homeserver.PurgeRoom(t.Context(), interrupted{statements, new(sync.Once), add}, "!a:x")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-added; err == nil || !strings.Contains(err.Error(), "room_depth_room_id_fkey") {
		t.Errorf("got %v, want a violation of the foreign key", err)
	}
}
