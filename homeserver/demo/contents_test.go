package demo_test

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/homeserver/demo"
)

// Each line is a difficulty that docs/demo.md promises: the query counts what carries
// it, or finds what it is.
func TestEveryDifficultyIsThere(t *testing.T) {
	t.Parallel()
	_, db := generate(t, demo.Options{Events: 1500})
	for _, difficulty := range []struct{ name, query, want string }{
		{"every text in a column", `SELECT count(DISTINCT displayname) FROM profiles WHERE user_id LIKE 'text%'`, "25"},
		{"every text in a key", `SELECT count(DISTINCT tag) FROM room_tags WHERE tag LIKE 'u.%' AND user_id LIKE '@alice:%'`, "25"},
		{"every text as UTF-8 and ASCII", `SELECT count(*) FROM event_json JOIN events USING (event_id) WHERE type = 'm.room.message'
AND events.room_id LIKE '!texts:%' AND sender LIKE '@alice:%'`, "50"},
		{"backslash and N alone", `SELECT count(*) FROM profiles WHERE displayname = '\N'`, "1"},
		{"empty text beside NULL", `SELECT count(avatar_url = '') > 0 AND count(*) > count(avatar_url) FROM profiles`, "1"},
		{"NULL, 0 and 1: users", `SELECT count(DISTINCT shadow_banned) + max(shadow_banned IS NULL) FROM users`, "3"},
		{"NULL, 0 and 1: pushers", `SELECT count(DISTINCT enabled) + max(enabled IS NULL) FROM pushers`, "3"},
		{"NULL, 0 and 1: rooms", `SELECT count(DISTINCT is_public) + max(is_public IS NULL) FROM rooms`, "3"},
		{"NULL, 0 and 1: events", `SELECT count(DISTINCT contains_url) + max(contains_url IS NULL) FROM events`, "3"},
		{"NULL, 0 and 1: memberships", `SELECT count(DISTINCT participant) + max(participant IS NULL) FROM room_memberships`, "3"},
		{"64 bits", `SELECT min(creation_ts) || ' ' || max(creation_ts) FROM users`, "-9223372036854775808 9223372036854775807"},
		{"32 bits", `SELECT min(priority) || ' ' || max(priority) FROM push_rules`, "-2147483648 2147483647"},
		{"16 bits", `SELECT min(priority_class) || ' ' || max(priority_class) FROM push_rules`, "-32768 32767"},
		{"depth", `SELECT max(depth) FROM events`, "9223372036854775807"},
		{"token chain to a later row", `SELECT count(*) > 3 FROM refresh_tokens AS a JOIN refresh_tokens AS b ON b.id = a.next_token_id
WHERE b.rowid > a.rowid`, "1"},
		{"token chain to a smaller id", `SELECT count(*) FROM refresh_tokens WHERE next_token_id < id`, "1"},
		{"negative stream ordering", `SELECT count(*) FROM events WHERE stream_ordering < 0`, "70"},
		{"backfill position ahead", `SELECT p.stream_id < min(e.stream_ordering) - 12 FROM stream_positions AS p, events AS e
WHERE stream_name = 'backfill'`, "1"},
		{"escaped U+0000", `SELECT count(*) FROM event_json WHERE json LIKE '%nul \u0000 escaped%'`, "1"},
		{"half a surrogate pair", `SELECT count(*) FROM event_json WHERE json LIKE '%half a pair \ud83d"%'`, "1"},
		{"200 kB event", `SELECT max(length(json)) > 200000 FROM event_json`, "1"},
		{"bytes that are no text", `SELECT count(*) FROM server_signature_keys WHERE length(verify_key) = 256`, "1"},
		{"empty bytes", `SELECT count(*) FROM server_signature_keys WHERE typeof(verify_key) = 'blob' AND length(verify_key) = 0`, "1"},
		{"text with a backslash for bytes", `SELECT count(*) FROM server_keys_json WHERE typeof(key_json) = 'text' AND key_json LIKE '%\%'`, "2"},
		{"forms of JSON", `SELECT count(DISTINCT fields) FROM profiles`, "7"},
		{"keys that look alike", `SELECT count(*) FROM room_tags WHERE user_id LIKE '@bob:%' AND tag LIKE 'u.%'`, "10"},
		{"own counter ahead", `SELECT group_concat(seq, ' ') FROM (SELECT seq FROM sqlite_sequence ORDER BY name)`, "90 33 40 77"},
		{"position ahead of its table", `SELECT p.stream_id > max(d.stream_id) + 1000 FROM stream_positions AS p, device_inbox AS d
WHERE stream_name = 'to_device'`, "1"},
		{"position of an empty table", `SELECT (SELECT stream_id FROM stream_positions WHERE stream_name = 'push_rules_stream')
|| ' ' || count(*) FROM push_rules_stream`, "4711 0"},
		{"position behind its table", `SELECT p.stream_id < max(d.stream_id) FROM stream_positions AS p, deleted_pushers AS d
WHERE stream_name = 'pushers'`, "1"},
		{"table without a position", `SELECT count(*) FROM stream_positions WHERE stream_name = 'un_partial_stated_room_stream'`, "0"},
		{"retired writer", `SELECT count(*) FROM stream_positions WHERE instance_name = 'retired_worker'`, "1"},
		{"second table ahead", `SELECT (SELECT max(stream_id) FROM current_state_delta_stream) > (SELECT max(stream_ordering) FROM events)`, "1"},
		{"numeric users", `SELECT count(*) FROM users WHERE name GLOB '@[0-9]*:*'`, "5"},
		{"search rows without event", `SELECT count(*) > 5 FROM event_search WHERE event_id NOT IN (SELECT event_id FROM events)`, "1"},
		{"search rows of one event", `SELECT count(*) FROM (SELECT 1 FROM event_search GROUP BY event_id HAVING count(*) > 1)`, "2"},
		{"rows that are the same", `SELECT count(*) > 1 FROM (SELECT 1 FROM event_auth GROUP BY event_id, auth_id, room_id HAVING count(*) > 1
UNION ALL SELECT 1 FROM users_pending_deactivation GROUP BY user_id HAVING count(*) > 1)`, "1"},
		{"locks in a cycle", `SELECT count(*) FROM worker_read_write_locks JOIN worker_read_write_locks_mode USING (lock_name, lock_key, token)`, "3"},
		{"gaps", `SELECT max(rowid) > count(*) FROM e2e_one_time_keys_json`, "1"},
		{"rowids used again", `SELECT count(*) FROM account_data WHERE account_data_type LIKE '%.reused'`, "2"},
		{"full varchar", `SELECT max(length(profile_tag)) FROM event_push_actions`, "32"},
		{"order needs quotes", `SELECT count("order") || ' ' || count(*) FROM space_children`, "2 3"},
	} {
		if got := texts(t, db, difficulty.query); !cmp.Equal(got, []string{difficulty.want}) {
			t.Errorf("%s: got %v, want %s", difficulty.name, got, difficulty.want)
		}
	}
}

func TestPlainHasNoDifficulty(t *testing.T) {
	t.Parallel()
	report, db := generate(t, demo.Options{Events: 1500, Plain: true})
	if report.Events != 1500 {
		t.Errorf("%d events", report.Events)
	}
	wantTexts(t, db, "SELECT count(*) FROM events WHERE stream_ordering < 0", "0")
	wantTexts(t, db, "SELECT count(*) FROM event_search WHERE event_id NOT IN (SELECT event_id FROM events)", "0")
}

func TestBadValuesAreWhereTheReportSays(t *testing.T) {
	t.Parallel()
	report, db := generate(t, demo.Options{Events: 300, BadValues: true})
	kinds := map[demo.Kind]bool{}
	for _, bad := range report.BadValues {
		kinds[bad.Kind] = true
		if rows := matching(t, db, bad); rows != 1 && (rows != 2 || bad.Kind != demo.KindDuplicate) {
			t.Errorf("%s %v: %d rows", bad.Table, bad.Key, rows)
		}
	}
	want := []demo.Kind{demo.KindConverted, demo.KindDuplicate, demo.KindFraction, demo.KindIndexKey, demo.KindUTF8, demo.KindJSON,
		demo.KindJSONEscape, demo.KindMissingParent, demo.KindNotBoolean, demo.KindNotNumber, demo.KindNUL, demo.KindNull,
		demo.KindRange, demo.KindRejected, demo.KindSearch, demo.KindTooLong}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(kinds))); diff != "" {
		t.Error(diff)
	}
	wantTexts(t, db, "PRAGMA integrity_check", "TEXT value in destinations.retry_last_ts")
	wantTexts(t, db, "PRAGMA foreign_key_check", "destination_rooms")
}

func matching(t *testing.T, db *sql.DB, bad demo.BadValue) int {
	t.Helper()
	var where []string
	var values []any
	for _, column := range slices.Sorted(maps.Keys(bad.Key)) {
		where = append(where, column+" = ?")
		values = append(values, bad.Key[column])
	}
	query := fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", bad.Table, strings.Join(where, " AND "))
	var rows int
	if err := db.QueryRow(query, values...).Scan(&rows); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows
}
