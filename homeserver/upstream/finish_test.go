package upstream

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// What a database that upstream's server has just created has pending: 53 updates with SQLite, 54 with PostgreSQL.
const (
	pendingOnBoth = `access_tokens_refresh_token_id_idx add_otk_ts_added_index cleanup_device_federation_outbox
current_state_delta_stream_room_index current_state_events_members_room_index current_state_events_stream_ordering_idx
delayed_events_idx delete_e2e_backup_keys_for_deactivated_users device_federation_inbox_received_ts_index
device_lists_changes_in_room_by_room_index device_lists_changes_in_room_inserted_ts_idx e2e_room_keys_index_room_id
event_auth_chain_links_origin_index event_push_summary_index_room_id event_txn_id_device_id_txn_id2 events_jump_to_date_index
events_received_ts_index fixup_max_depth_cap flag_existing_quarantined_media full_users_filters_unique_idx
local_current_membership_stream_ordering_idx local_media_repository_sha256_idx
mark_unreferenced_state_groups_for_deletion_bg_update populate_full_user_id_profiles populate_full_user_id_user_filters
populate_stats_process_rooms populate_stats_process_users populate_user_directory_cleanup
populate_user_directory_createtables populate_user_directory_process_rooms populate_user_directory_process_users
profiles_full_user_id_key_idx receipts_room_id_event_id_index redactions_recheck remote_media_cache_sha256_idx
room_account_data_index_room_id room_membership_user_room_index room_memberships_stream_ordering_idx
set_device_id_for_pushers sliding_sync_connection_lazy_members_conn_pos_idx
sliding_sync_connection_room_configs_required_state_id_idx sliding_sync_connections_last_used_ts_idx
sliding_sync_joined_rooms_bg_update sliding_sync_membership_snapshots_bg_update
sliding_sync_membership_snapshots_fix_forgotten_column_bg_update sliding_sync_membership_snapshots_membership_event_id_idx
sliding_sync_membership_snapshots_user_id_stream_ordering sliding_sync_prefill_joined_rooms_to_recalculate_table_bg_update
threads_backfill`
	pendingOnSQLite = ` receipts_linearized_unique_index receipts_graph_unique_index event_push_summary_unique_index2
event_push_actions_stream_highlight_index`
	pendingOnPostgres = ` event_push_actions_staging_thread_id event_push_actions_thread_id event_push_summary_thread_id
event_push_drop_null_thread_id_indexes event_forward_extremities_event_id_foreign_key_constraint_update`
)

// newUpstream is an empty database with upstream's schema 94, whose updates have all been run by its server, where this
// machine has one. SQLite's has the position of the directory that a new one ends with.
func newUpstream(t *testing.T, kind engine.Kind) (on *scene, ok bool) {
	t.Helper()
	if kind == engine.Postgres {
		database := dbtest.NewDatabase(t)
		if !dbtest.RestorePrepared(t, database, "94") {
			return nil, false
		}
		return openDatabase(t, database), true
	}
	folder, ok := dbtest.Data(t)
	if !ok {
		return nil, false
	}
	path := filepath.Join(t.TempDir(), "homeserver.db")
	shell(t, path, shell(t, filepath.Join(folder, "homeserver-94.sqlite"), `SELECT sql || ';' FROM sqlite_schema
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%\_search\_%' ESCAPE '\' ORDER BY type <> 'table'`))
	on = openFile(t, path)
	on.mustExecute("INSERT INTO user_directory_stream_pos (stream_id) VALUES (-1)")
	return on, true
}

// undo takes away what updates have left behind, and enqueues them.
func (s *scene) undo(names []string) {
	s.t.Helper()
	known := indexes()
	for _, name := range names {
		if index, isIndex := known[name]; isIndex {
			s.mustExecute("DROP INDEX " + quoteFor(s)(index.Name))
		}
		if strings.HasPrefix(name, "receipts_") && strings.HasSuffix(name, "_unique_index") {
			s.mustExecute("DROP INDEX " + name)
		}
	}
	s.mustExecute("UPDATE user_directory_stream_pos SET stream_id = 1",
		"CREATE INDEX sliding_sync_membership_snapshots_user_id ON sliding_sync_membership_snapshots (user_id)",
		"CREATE INDEX event_txn_id_device_id_txn_id ON event_txn_id_device_id (txn_id)",
		"CREATE INDEX received_ts_idx ON events (received_ts)") // another one, as an interrupted server may leave it
	if s.Engine() == engine.Postgres {
		for _, table := range []string{pushActions, "event_push_actions_staging", pushSummary} {
			s.invalidate(table, table+"_thread_id", "CHECK (thread_id IS NOT NULL)")
		}
		s.invalidate(profilesTable, "full_user_id_not_null", "CHECK (full_user_id IS NOT NULL)")
		s.invalidate(filtersTable, "full_user_id_not_null", "CHECK (full_user_id IS NOT NULL)")
		s.invalidate("event_forward_extremities", "event_forward_extremities_event_id", "FOREIGN KEY (event_id) REFERENCES events (event_id) DEFERRABLE INITIALLY DEFERRED")
		s.mustExecute("CREATE INDEX event_push_actions_thread_id_null ON event_push_actions (thread_id) WHERE thread_id IS NULL",
			"CREATE INDEX event_push_summary_thread_id_null ON event_push_summary (thread_id) WHERE thread_id IS NULL")
	}
	s.enqueued(names...)
}

func (s *scene) invalidate(table, constraint, definition string) {
	s.t.Helper()
	s.mustExecute("ALTER TABLE "+table+" DROP CONSTRAINT "+constraint, "ALTER TABLE "+table+" ADD CONSTRAINT "+constraint+" "+definition+" NOT VALID")
}

// plainCatalog describes everything, with SQLite's definitions as they might have been written as well.
func (s *scene) plainCatalog() *engine.Catalog {
	s.t.Helper()
	catalog, err := s.Describe(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range catalog.Objects {
		catalog.Objects[i].Definition = plain(catalog.Objects[i].Definition)
	}
	return catalog
}

func freshNames(kind engine.Kind) []string {
	if kind == engine.Postgres {
		return strings.Fields(pendingOnBoth + pendingOnPostgres)
	}
	return strings.Fields(pendingOnBoth + pendingOnSQLite)
}

func TestFinishEmpty(t *testing.T) {
	t.Parallel()
	for kind, count := range map[engine.Kind]int{engine.SQLite: 53, engine.Postgres: 54} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			on, ok := newUpstream(t, kind)
			if !ok {
				return
			}
			names := freshNames(kind)
			if len(names) != count {
				t.Fatalf("%d names", len(names))
			}
			want := on.plainCatalog()
			on.undo(names)
			if cmp.Equal(want, on.plainCatalog()) {
				t.Fatal("nothing was taken away")
			}
			begun := time.Now()
			finished, err := FinishEmpty(t.Context(), on)
			taken := time.Since(begun)
			if err != nil || len(finished) != count {
				t.Fatalf("%d, %v", len(finished), err)
			}
			t.Logf("%d updates in %v", count, taken)
			on.expect("SELECT update_name FROM background_updates")
			on.expect("SELECT stream_id FROM user_directory_stream_pos", "-1")
			if diff := cmp.Diff(want, on.plainCatalog()); diff != "" {
				t.Error(diff)
			}
			if again, err := FinishEmpty(t.Context(), on); err != nil || len(again) > 0 {
				t.Errorf("%q, %v", again, err)
			}
		})
	}
}

func TestFinishEmptyRefuses(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustExecute("CREATE TABLE background_updates (update_name TEXT NOT NULL, progress_json TEXT NOT NULL, depends_on TEXT, ordering INTEGER NOT NULL DEFAULT 0)",
			"CREATE TABLE users (name TEXT)", "CREATE TABLE state_groups (id BIGINT)", "CREATE TABLE e2e_room_keys (room_id TEXT)")
		on.enqueued("e2e_room_keys_index_room_id", "of_tomorrow")
		before := on.everything()
		_, err := FinishEmpty(t.Context(), on)
		left, isLeft := errors.AsType[*background.LeftError](err)
		if !isLeft || len(left.Left) != 1 || left.Left[0].Name != "of_tomorrow" || on.everything() != before {
			t.Errorf("%v", err)
		}
		on.mustExecute("DELETE FROM background_updates WHERE update_name = 'of_tomorrow'", "INSERT INTO users VALUES ('@a:example.com')",
			"INSERT INTO state_groups VALUES (1)")
		before = on.everything()
		_, err = FinishEmpty(t.Context(), on)
		used, isUsed := errors.AsType[*LivedInError](err)
		if !isUsed || !slices.Equal(used.Tables, []string{"state_groups", "users"}) || on.everything() != before {
			t.Errorf("%v", err)
		}
		on.mustExecute("DELETE FROM users", "DELETE FROM state_groups")
		if finished, err := FinishEmpty(t.Context(), on); err != nil || len(finished) != 1 || on.object("e2e_room_keys_room_id") == nil {
			t.Errorf("%q, %v", finished, err)
		}
	})
}
