package upstream

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

const updatesTable = `CREATE TABLE background_updates (update_name TEXT NOT NULL UNIQUE, progress_json TEXT NOT NULL, depends_on TEXT, ordering INTEGER NOT NULL DEFAULT 0)`

// TestRowUpdates runs each update with small batches and with large ones: what comes of it does not depend on where batches
// end. All share a database, as making one takes longer than an update.
func TestRowUpdates(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		for _, test := range rowTests {
			for _, batch := range []int{1, 2, 100} {
				on.mustExecute(updatesTable)
				on.mustExecute(test.tables...)
				if err := on.addUpdate(test.update, test.from(), 0); err != nil {
					t.Fatal(err)
				}
				on.mustRunUpdates(batch)
				for query, want := range test.want {
					on.expect(query, want...)
				}
				on.dropTables()
			}
		}
	})
}

// dropTables empties the database.
func (s *scene) dropTables() {
	s.t.Helper()
	catalog, err := s.Describe(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, table := range catalog.Tables {
		s.mustExecute("DROP TABLE " + quoteFor(s)(table.Name))
	}
}

type rowTest struct {
	update   string
	progress string // {} when empty
	tables   []string
	want     map[string][]string
}

func (r rowTest) from() string {
	if r.progress == "" {
		return "{}"
	}
	return r.progress
}

var rowTests = []rowTest{
	{
		update: "threads_backfill",
		tables: []string{
			"CREATE TABLE events (event_id TEXT, room_id TEXT, topological_ordering BIGINT, stream_ordering BIGINT)",
			"CREATE TABLE event_relations (event_id TEXT, relates_to_id TEXT, relation_type TEXT)",
			"CREATE TABLE threads (room_id TEXT, thread_id TEXT, latest_event_id TEXT, topological_ordering BIGINT, stream_ordering BIGINT, UNIQUE (room_id, thread_id))",
			"INSERT INTO events VALUES ('$1', '!a', 5, 1), ('$2', '!a', 3, 2), ('$3', '!b', 1, 3), ('$4', '!a', 1, 4), ('$5', '!a', 9, 5)",
			"INSERT INTO event_relations VALUES ('$1', '$A', 'm.thread'), ('$2', '$A', 'm.thread'), ('$3', '$A', 'm.thread'), ('$4', '$B', 'm.thread'), ('$5', '$B', 'm.annotation'), ('$gone', '$C', 'm.thread')",
			"INSERT INTO threads VALUES ('!b', '$A', '$older', 0, 0)",
		},
		want: map[string][]string{"SELECT * FROM threads ORDER BY 1, 2": {"!a|$A|$2|5|2", "!a|$B|$4|1|4", "!b|$A|$older|0|0"}},
	},
	{
		update: "set_device_id_for_pushers",
		tables: []string{
			"CREATE TABLE pushers (id BIGINT PRIMARY KEY, access_token BIGINT, device_id TEXT)",
			"CREATE TABLE access_tokens (id BIGINT PRIMARY KEY, device_id TEXT)",
			"INSERT INTO access_tokens VALUES (10, 'D10'), (11, 'D11'), (12, NULL)",
			"INSERT INTO pushers VALUES (1, 10, NULL), (2, 11, 'HAD'), (3, 12, NULL), (4, 99, NULL), (5, NULL, 'KEPT')",
		},
		want: map[string][]string{
			"SELECT id, access_token, device_id FROM pushers ORDER BY id": {"1|NULL|D10", "2|NULL|HAD", "3|NULL|NULL", "4|NULL|NULL", "5|NULL|KEPT"},
		},
	},
	{
		update: "delete_e2e_backup_keys_for_deactivated_users", progress: `{"last_user": "@a:x"}`,
		tables: []string{
			"CREATE TABLE users (name TEXT, deactivated SMALLINT NOT NULL)",
			"CREATE TABLE e2e_room_keys (user_id TEXT)", "CREATE TABLE e2e_room_keys_versions (user_id TEXT)",
			"INSERT INTO users VALUES ('@a:x', 1), ('@b:x', 1), ('@c:x', 0), ('@d:x', 1), ('@e:x', 1)",
			"INSERT INTO e2e_room_keys VALUES ('@a:x'), ('@b:x'), ('@b:x'), ('@c:x'), ('@d:x')",
			"INSERT INTO e2e_room_keys_versions VALUES ('@a:x'), ('@c:x'), ('@d:x'), ('@e:x')",
		},
		want: map[string][]string{
			"SELECT user_id FROM e2e_room_keys ORDER BY 1":          {"@a:x", "@c:x"},
			"SELECT user_id FROM e2e_room_keys_versions ORDER BY 1": {"@a:x", "@c:x"},
		},
	},
	{
		update: "cleanup_device_federation_outbox",
		tables: []string{
			"CREATE TABLE device_federation_outbox (destination TEXT, stream_id BIGINT)",
			"INSERT INTO device_federation_outbox VALUES ('example.com', 1), ('bad name', 2), ('[::1]:8448', 3), ('bad name', 900), ('', 901), ('a:b', 902), ('b.example:8448', 903)",
		},
		want: map[string][]string{"SELECT destination FROM device_federation_outbox ORDER BY stream_id": {"example.com", "[::1]:8448", "b.example:8448"}},
	},
	{
		update: "sliding_sync_prefill_joined_rooms_to_recalculate_table_bg_update",
		tables: []string{
			"CREATE TABLE local_current_membership (room_id TEXT, user_id TEXT, membership TEXT)",
			"CREATE TABLE sliding_sync_joined_rooms_to_recalculate (room_id TEXT NOT NULL PRIMARY KEY)",
			"INSERT INTO local_current_membership VALUES ('!a', '@a', 'join'), ('!a', '@b', 'join'), ('!b', '@a', 'leave'), ('!c', '@a', 'join')",
			"INSERT INTO sliding_sync_joined_rooms_to_recalculate VALUES ('!c')",
		},
		want: map[string][]string{"SELECT room_id FROM sliding_sync_joined_rooms_to_recalculate ORDER BY 1": {"!a", "!c"}},
	},
	{
		update: "sliding_sync_membership_snapshots_fix_forgotten_column_bg_update",
		tables: []string{
			"CREATE TABLE room_memberships (event_id TEXT, forgotten INTEGER)",
			"CREATE TABLE sliding_sync_membership_snapshots (membership_event_id TEXT, event_stream_ordering BIGINT, forgotten INTEGER NOT NULL)",
			"INSERT INTO room_memberships VALUES ('$1', 0), ('$2', 1), ('$3', NULL), ('$4', 1)",
			"INSERT INTO sliding_sync_membership_snapshots VALUES ('$1', -5, 1), ('$2', 2, 1), ('$3', 3, 1), ('$4', 4, 0), ('$gone', 5, 1)",
		},
		want: map[string][]string{
			"SELECT event_stream_ordering, forgotten FROM sliding_sync_membership_snapshots ORDER BY 1": {"-5|0", "2|1", "3|0", "4|0", "5|1"},
		},
	},
	{
		update: "fixup_max_depth_cap",
		tables: []string{
			"CREATE TABLE rooms (room_id TEXT PRIMARY KEY, room_version TEXT)", "CREATE TABLE events (room_id TEXT, topological_ordering BIGINT)",
			"INSERT INTO rooms VALUES ('!1', '5'), ('!2', '6'), ('!3', '12'), ('!4', NULL), ('!5', ''), ('!6', 'org.example')",
			"INSERT INTO events VALUES ('!1', 9223372036854775807), ('!2', 9007199254740992), ('!2', 7), ('!3', 9223372036854775807), ('!4', 9007199254740992), ('!5', 9007199254740992), ('!6', 9007199254740991)",
		},
		want: map[string][]string{"SELECT room_id, topological_ordering FROM events ORDER BY 1, 2": {
			"!1|9223372036854775807", "!2|7", "!2|9007199254740991", "!3|9007199254740991", "!4|9007199254740992", "!5|9007199254740992", "!6|9007199254740991",
		}},
	},
	{
		update: "redactions_recheck",
		tables: []string{
			"CREATE TABLE redactions (event_id TEXT, recheck BOOLEAN NOT NULL DEFAULT TRUE)", "CREATE TABLE event_json (event_id TEXT, internal_metadata TEXT)",
			"INSERT INTO redactions (event_id) VALUES ('$1'), ('$2'), ('$3'), ('$4'), ('$gone')",
			`INSERT INTO event_json VALUES ('$1', '{"recheck_redaction": true}'), ('$2', '{"recheck_redaction": false}'), ('$3', '{}'), ('$4', '{"recheck_redaction": 1}'), ('$5', 'none')`,
		},
		want: map[string][]string{"SELECT event_id FROM redactions WHERE recheck ORDER BY 1": {"$1", "$4"}},
	},
	{
		update: "populate_full_user_id_user_filters", progress: `{"lower_bound_id": "a"}`,
		tables: []string{
			"CREATE TABLE user_filters (user_id TEXT, filter_id BIGINT, full_user_id TEXT, CONSTRAINT full_user_id_not_null CHECK (full_user_id IS NOT NULL OR filter_id > 0))",
			"INSERT INTO user_filters VALUES ('a', 1, NULL), ('b', 1, NULL), ('b', 2, '@b:other'), ('b', 3, NULL), ('c', 1, NULL), ('d', 1, NULL)",
		},
		want: map[string][]string{"SELECT user_id, filter_id, full_user_id FROM user_filters ORDER BY 1, 2": {
			"a|1|NULL", "b|1|@b:example.com", "b|2|@b:other", "b|3|@b:example.com", "c|1|@c:example.com", "d|1|@d:example.com",
		}},
	},
}

func TestUnknownRoomVersionIsRefused(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustExecute(updatesTable, "CREATE TABLE rooms (room_id TEXT PRIMARY KEY, room_version TEXT)", "CREATE TABLE events (room_id TEXT, topological_ordering BIGINT)",
			"INSERT INTO rooms VALUES ('!1', 'org.example'), ('!2', '9')", "INSERT INTO events VALUES ('!1', 9007199254740992), ('!2', 9007199254740992)")
		// A server's progress, which says nothing here, does not hide the room.
		if err := on.addUpdate("fixup_max_depth_cap", `{"room_id": "!1"}`, 0); err != nil {
			t.Fatal(err)
		}
		left, isLeft := errors.AsType[*background.LeftError](on.runUpdates(10))
		if !isLeft || !strings.Contains(left.Error(), `the room !1 is of version "org.example"`) {
			t.Errorf("%v", left)
		}
		on.expect("SELECT count(*) FROM events WHERE topological_ordering = 9007199254740992", "2")
	})
}

// receipts makes a table of upstream's form, as far as the update needs it.
func (s *scene) receipts(table, value string) {
	s.t.Helper()
	s.mustExecute(fmt.Sprintf("CREATE TABLE %s (room_id TEXT, receipt_type TEXT, user_id TEXT, thread_id TEXT, %s BIGINT)", table, value),
		fmt.Sprintf(`INSERT INTO %s VALUES ('!a', 'm.read', '@a', NULL, 5), ('!a', 'm.read', '@a', NULL, 9), ('!a', 'm.read', '@a', NULL, 9), ('!a', 'm.read', '@a', 'main', 1),
('!a', 'm.read', '@b', NULL, 1), ('!b', 'm.read', '@a', NULL, 2)`, table))
}

func TestReceiptsBecomeUnique(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustExecute(updatesTable)
		on.receipts("receipts_linearized", "stream_id")
		on.receipts("receipts_graph", "number")
		on.enqueued("receipts_linearized_unique_index", "receipts_graph_unique_index")
		on.mustRunUpdates(1)
		const query = "SELECT room_id, user_id, coalesce(thread_id, ''), %s FROM %s ORDER BY 1, 2, 3"
		on.expect(fmt.Sprintf(query, "stream_id", "receipts_linearized"), "!a|@a||9", "!a|@a|main|1", "!a|@b||1", "!b|@a||2")
		on.expect(fmt.Sprintf(query, "number", "receipts_graph"), "!a|@a|main|1", "!a|@b||1", "!b|@a||2")
		for _, table := range []string{"receipts_linearized", "receipts_graph"} {
			if on.object(table+"_unique_index") == nil {
				t.Errorf("%s has no index", table)
			}
		}
	})
}

func TestQuarantinedMediaAreFlagged(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		for _, batch := range []int{1, 3} {
			on.mustExecute(updatesTable, "CREATE TABLE local_media_repository (media_id TEXT, quarantined_by TEXT)",
				"CREATE TABLE remote_media_cache (media_origin TEXT, media_id TEXT, quarantined_by TEXT)", "CREATE TABLE stream_positions (stream_name TEXT, stream_id BIGINT)",
				"CREATE TABLE quarantined_media_changes (stream_id INTEGER PRIMARY KEY, instance_name TEXT, origin TEXT, media_id TEXT, quarantined BOOLEAN)",
				"INSERT INTO local_media_repository VALUES ('a', '@m'), ('b', NULL), ('c', ''), ('d', '@m')",
				"INSERT INTO remote_media_cache VALUES ('x', 'a', '@m'), ('x', 'b', '@m'), ('y', 'a', '@m'), ('z', 'a', NULL)")
			if on.Engine() == engine.Postgres {
				on.mustExecute("DROP SEQUENCE IF EXISTS quarantined_media_id_seq", "CREATE SEQUENCE quarantined_media_id_seq")
			}
			if err := on.addUpdate("flag_existing_quarantined_media", `{"last_local_media_id": null, "last_remote_origin": "x", "last_remote_media_id": "a"}`, 1); err != nil {
				t.Fatal(err)
			}
			on.mustRunUpdates(batch)
			on.expect("SELECT coalesce(origin, ''), media_id FROM quarantined_media_changes WHERE quarantined AND instance_name = 'master' ORDER BY 1, 2",
				"|a", "|c", "|d", "x|b", "y|a")
			on.expect("SELECT min(stream_id), count(DISTINCT stream_id) FROM quarantined_media_changes", "2|5")
			on.dropTables()
		}
	})
}

func TestExtremitiesWithoutEventAreDeleted(t *testing.T) {
	t.Parallel()
	on := newScene(t, engine.Postgres)
	on.mustExecute(updatesTable, "CREATE TABLE events (event_id TEXT UNIQUE)", "CREATE TABLE event_forward_extremities (event_id TEXT NOT NULL, room_id TEXT NOT NULL, UNIQUE (event_id, room_id))",
		"INSERT INTO events VALUES ('$1'), ('$2')", "INSERT INTO event_forward_extremities VALUES ('$1', '!a'), ('$gone', '!a'), ('$2', '!b'), ('$lost', '!b')")
	on.mustRun(tieExtremities)
	on.mustRunUpdates(1)
	on.expect("SELECT event_id FROM event_forward_extremities ORDER BY 1", "$1", "$2")
	on.expect("SELECT convalidated FROM pg_constraint WHERE conname = 'event_forward_extremities_event_id'", "true")
}

func TestThreadConstraintsAreValidated(t *testing.T) {
	t.Parallel()
	on := newScene(t, engine.Postgres)
	on.mustExecute(updatesTable)
	for _, table := range []string{"event_push_actions_staging", pushActions, pushSummary} {
		on.mustExecute("CREATE TABLE "+table+" (thread_id TEXT)", "INSERT INTO "+table+" VALUES ('main')",
			"ALTER TABLE "+table+" ADD CONSTRAINT "+table+"_thread_id CHECK (thread_id IS NOT NULL) NOT VALID")
		on.enqueued(table + "_thread_id")
	}
	on.mustExecute("CREATE INDEX event_push_actions_thread_id_null ON event_push_actions (thread_id) WHERE thread_id IS NULL")
	on.enqueued("event_push_drop_null_thread_id_indexes")
	on.mustRunUpdates(100)
	on.expect("SELECT count(*) FROM pg_constraint WHERE conname LIKE 'event_push%' AND convalidated", "3")
	on.expect("SELECT indexname FROM pg_indexes WHERE tablename = 'event_push_actions'")
}

func TestServerNames(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"example.com": true, "EXAMPLE.com:8448": true, "1.2.3.4": true, "1.2.3.4:1": true, "[::1]": true, "[1234:5678::abcd]:5678": true, "xn--bcher-kva.example": true,
		"": false, ":80": false, "a b": false, "example.com:": false, "example.com:123456": false, "example.com:8a": false, "ex_ample.com": false, "[::1": false,
		"::1": false, "[1.2.3.4]": false, "[fe80::1%eth0]": false, "bücher.example": false, "[::1]x": false,
	} {
		if got := validServerName(name); got != valid {
			t.Errorf("%q: %t", name, got)
		}
	}
}
