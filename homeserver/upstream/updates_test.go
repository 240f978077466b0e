package upstream

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// The names that upstream's deltas of 72 and later enqueue, by who can do the work.
const (
	ourNames = `access_tokens_refresh_token_id_idx add_otk_ts_added_index cleanup_device_federation_outbox
current_state_delta_stream_room_index current_state_events_members_room_index current_state_events_stream_ordering_idx
current_state_members_idx delayed_events_idx delete_e2e_backup_keys_for_deactivated_users device_federation_inbox_received_ts_index
device_lists_changes_in_room_by_room_index device_lists_changes_in_room_inserted_ts_idx e2e_room_keys_index_room_id
event_auth_chain_links_origin_index event_contains_url_index
event_forward_extremities_event_id_foreign_key_constraint_update event_push_actions_highlights_index
event_push_actions_staging_thread_id event_push_actions_stream_highlight_index event_push_actions_thread_id
event_push_drop_null_thread_id_indexes event_push_summary_index_room_id event_push_summary_thread_id
event_push_summary_unique_index2 event_txn_id_device_id_txn_id2 events_jump_to_date_index events_received_ts_index
fixup_max_depth_cap flag_existing_quarantined_media full_users_filters_unique_idx local_current_membership_stream_ordering_idx
local_media_repository_sha256_idx local_media_repository_url_idx populate_full_user_id_profiles
populate_full_user_id_user_filters presence_stream_not_offline_index profiles_full_user_id_key_idx
receipts_graph_unique_index receipts_linearized_unique_index receipts_room_id_event_id_index redactions_have_censored_ts_idx
redactions_recheck remote_media_cache_sha256_idx room_account_data_index_room_id room_membership_forgotten_idx
room_membership_user_room_index room_memberships_stream_ordering_idx set_device_id_for_pushers
sliding_sync_connection_lazy_members_conn_pos_idx sliding_sync_connection_room_configs_required_state_id_idx
sliding_sync_connections_last_used_ts_idx sliding_sync_membership_snapshots_fix_forgotten_column_bg_update
sliding_sync_membership_snapshots_membership_event_id_idx sliding_sync_membership_snapshots_user_id_stream_ordering
sliding_sync_prefill_joined_rooms_to_recalculate_table_bg_update threads_backfill`

	serversNames = `add_room_type_column delete_unreferenced_state_groups_bg_update event_push_actions_thread_id_null
event_push_backfill_thread_id event_push_summary_thread_id_null event_push_summary_unique_index event_resign event_search
events_populate_state_key_rejections mark_unreferenced_state_groups_for_deletion_bg_update populate_event_stream_ordering
populate_participant_bg_update populate_stats_process_rooms populate_stats_process_users populate_user_directory_cleanup
populate_user_directory_createtables populate_user_directory_process_rooms populate_user_directory_process_users
sliding_sync_joined_rooms_bg_update sliding_sync_membership_snapshots_bg_update`
)

func TestEveryNameIsKnown(t *testing.T) {
	t.Parallel()
	registry := background.NewRegistry()
	Updates(registry, homeserver.Config{})
	if diff := cmp.Diff(strings.Fields(ourNames), registry.Names()); diff != "" {
		t.Error(diff)
	}
	for name := range strings.FieldsSeq(serversNames) {
		if reason, only := OnlyTheHomeserver(name); !only || reason == "" {
			t.Errorf("%s: %q, %t", name, reason, only)
		}
	}
	if got, want := len(onlyTheHomeserver()), len(strings.Fields(serversNames)); got != want {
		t.Errorf("%d names are the homeserver's, want %d", got, want)
	}
	for _, name := range append(registry.Names(), "no_such_update") {
		if reason, only := OnlyTheHomeserver(name); only {
			t.Errorf("%s: %s", name, reason)
		}
	}
}

// enqueued adds updates that do not depend on one another.
func (s *scene) enqueued(names ...string) {
	s.t.Helper()
	for i, name := range names {
		if err := s.addUpdate(name, "{}", i); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *scene) addUpdate(name, progress string, ordering int) error {
	const add = "INSERT INTO background_updates (update_name, progress_json, ordering) VALUES (?, ?, ?)"
	_, err := s.Exec(s.t.Context(), add, name, progress, ordering)
	return err
}

// runUpdates runs what is pending with batches of a few rows.
func (s *scene) runUpdates(batch int) error {
	s.t.Helper()
	registry := background.NewRegistry()
	Updates(registry, homeserver.Config{ServerName: "example.com"})
	var log bytes.Buffer
	defer func() {
		if strings.Contains(log.String(), "not known how many items") {
			s.t.Error(log.String())
		}
	}()
	updater, err := background.New(background.Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)), Open: func(context.Context) (engine.Session, error) { return s.open() }, Registry: registry, Attempts: 1, SessionsKnown: true,
		Pacing: background.Pacing{NoSleep: true, DefaultBatchSize: batch, MaxBatchSize: batch},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return updater.Run(s.t.Context())
}

func (s *scene) mustRunUpdates(batch int) {
	s.t.Helper()
	if err := s.runUpdates(batch); err != nil {
		s.t.Fatal(err)
	}
	s.expect("SELECT update_name FROM background_updates")
}

// definitions are the indexes by name.
func (s *scene) definitions() map[string]string {
	s.t.Helper()
	catalog, err := s.Describe(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]string{}
	for _, object := range catalog.Objects {
		if object.Type == "index" {
			found[object.Name] = plain(object.Definition)
		}
	}
	return found
}

// plain leaves out of a definition how it happens to be written.
func plain(definition string) string {
	for _, change := range [][2]string{{`"`, ""}, {" = ", "="}, {" (", "("}, {"( ", "("}, {" )", ")"}, {", ", ","}} {
		definition = strings.ReplaceAll(definition, change[0], change[1])
	}
	return strings.ToLower(strings.Join(strings.Fields(definition), " "))
}

// onUpstreams runs a test on a database of upstream's of each engine, where this machine has them: a used file, and an empty
// PostgreSQL database.
func onUpstreams(t *testing.T, test func(t *testing.T, on *scene)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		if path, ok := dbtest.CopyData(t, "homeserver-94.sqlite"); ok {
			test(t, openFile(t, path))
			expectShell(t, path, "PRAGMA integrity_check", "ok")
		}
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		if database := dbtest.NewDatabase(t); dbtest.RestorePrepared(t, database, "94") {
			test(t, openDatabase(t, database))
		}
	})
}

// every is the name of every update that makes an index.
func every() []string {
	names := []string{"receipts_linearized_unique_index", "receipts_graph_unique_index"}
	for name := range indexes() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestIndexesAreUpstreams(t *testing.T) {
	t.Parallel()
	onUpstreams(t, func(t *testing.T, on *scene) {
		want := on.definitions()
		on.enqueued(every()...)
		on.mustRunUpdates(100) // what is there is kept
		if diff := cmp.Diff(want, on.definitions()); diff != "" {
			t.Error(diff)
		}
		quote := quoteFor(on)
		dropped := 0
		for name, index := range indexes() {
			if want[index.Name] == "" {
				t.Errorf("upstream's database has no %s", index.Name)
			}
			if name != highlightsIndex {
				on.mustExecute("DROP INDEX " + quote(index.Name))
				dropped++
			}
		}
		on.mustExecute("DROP INDEX receipts_linearized_unique_index", "DROP INDEX receipts_graph_unique_index",
			"CREATE INDEX sliding_sync_membership_snapshots_user_id ON sliding_sync_membership_snapshots (user_id)",
			"CREATE INDEX event_txn_id_device_id_txn_id ON event_txn_id_device_id (txn_id)")
		on.enqueued(every()...)
		on.mustRunUpdates(100)
		if diff := cmp.Diff(want, on.definitions()); diff != "" || dropped < 35 {
			t.Errorf("%d dropped: %s", dropped, diff)
		}
	})
}

func TestPendingUpdatesOfUpstreams(t *testing.T) {
	t.Parallel()
	path, ok := dbtest.CopyData(t, "homeserver-94-pending.sqlite")
	if !ok {
		return
	}
	const state = `SELECT room_id, max(topological_ordering) FROM events GROUP BY room_id;
SELECT room_id, count(*) FROM events WHERE topological_ordering > 9007199254740991 GROUP BY room_id;`
	before := shell(t, path, state)
	on := openFile(t, path)
	on.mustRunUpdates(1)
	// The only event that is too deep is in a room of version 1, which may have it.
	expectShell(t, path, state, before)
	on.expect("SELECT stream_id, instance_name, origin, media_id, quarantined FROM quarantined_media_changes WHERE stream_id > 12 ORDER BY 1",
		"901|master|NULL|localm2|1", "902|master|m.example.net|remotem0|1", "903|master|NULL|vjgmCDbmoghwakiqpcsmBzww|1")
	if got := on.definitions()["sliding_sync_connections_last_used_ts_idx"]; got == "" {
		t.Error("there is no index")
	}
	expectShell(t, path, "PRAGMA integrity_check", "ok")
}

// TestAllUpdatesOnADatabaseOfUpstreams runs every update on what upstream's server has made: what its own updates have left
// is made again as it was.
func TestAllUpdatesOnADatabaseOfUpstreams(t *testing.T) {
	t.Parallel()
	path, ok := dbtest.CopyData(t, "homeserver-94.sqlite")
	if !ok {
		return
	}
	const results = `SELECT * FROM threads ORDER BY room_id, thread_id; SELECT event_id, recheck FROM redactions ORDER BY 1;
SELECT full_user_id FROM profiles ORDER BY 1;
SELECT full_user_id, filter_id FROM user_filters ORDER BY 1, 2; SELECT id, access_token, device_id FROM pushers ORDER BY 1;
SELECT * FROM device_federation_outbox ORDER BY stream_id, destination; SELECT * FROM receipts_linearized ORDER BY stream_id, room_id, user_id;`
	want := shell(t, path, results)
	on := openFile(t, path)
	on.mustExecute("DELETE FROM threads WHERE thread_id IN (SELECT relates_to_id FROM event_relations)", "UPDATE redactions SET recheck = TRUE")
	if shell(t, path, results) == want {
		t.Fatal("nothing was taken away")
	}
	on.enqueued(strings.Fields(ourNames)...)
	on.mustRunUpdates(7)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(shell(t, path, results), "\n")); diff != "" {
		t.Error(diff)
	}
	expectShell(t, path, "PRAGMA integrity_check", "ok")
}
