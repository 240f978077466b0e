package upstream

import (
	"context"
	"errors"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// indexes are upstream's index updates by name, in the order of the versions that enqueue them.
func indexes() map[string]background.CreateIndex {
	return map[string]background.CreateIndex{
		// Schema 72.
		"event_contains_url_index":          {Name: "event_contains_url_index", Table: "events", Columns: columns("room_id", "topological_ordering", "stream_ordering"), Where: "contains_url = true AND outlier = false"},
		"redactions_have_censored_ts_idx":   {Name: "redactions_have_censored_ts", Table: "redactions", Columns: columns("received_ts"), Where: "NOT have_censored"},
		"room_membership_forgotten_idx":     {Name: "room_memberships_user_room_forgotten", Table: "room_memberships", Columns: columns("user_id", "room_id"), Where: "forgotten = 1"},
		"presence_stream_not_offline_index": {Name: "presence_stream_state_not_offline_idx", Table: "presence_stream", Columns: columns("state"), Where: "state != 'offline'"},
		"local_media_repository_url_idx":    {Name: "local_media_repository_url_idx", Table: "local_media_repository", Columns: columns("created_ts"), Where: "url_cache IS NOT NULL"},
		highlightsIndex:                     {Name: highlightsIndex, Table: pushActions, Columns: columns("user_id", "room_id", "topological_ordering", "stream_ordering"), Where: "highlight=1"},
		"current_state_members_idx":         {Name: "current_state_events_member_index", Table: "current_state_events", Columns: columns("state_key"), Where: "type='m.room.member'"},
		// Later ones; 77 enqueues two that 72 has enqueued, too.
		"device_lists_changes_in_room_by_room_index":                 {Name: "device_lists_changes_in_room_by_room_idx", Table: "device_lists_changes_in_room", Columns: columns("room_id", "stream_id")},
		"events_jump_to_date_index":                                  {Name: "events_jump_to_date_idx", Table: "events", Columns: columns("room_id", "origin_server_ts"), Where: "NOT outlier"},
		"room_membership_user_room_index":                            {Name: "room_membership_user_room_idx", Table: "room_memberships", Columns: columns("user_id", "room_id")},
		"profiles_full_user_id_key_idx":                              {Name: "profiles_full_user_id_key", Table: profilesTable, Columns: columns("full_user_id"), Unique: true},
		"full_users_filters_unique_idx":                              {Name: "full_users_unique_idx", Table: filtersTable, Columns: columns("full_user_id", "filter_id"), Unique: true},
		"event_push_summary_unique_index2":                           {Name: "event_push_summary_unique_index2", Table: pushSummary, Columns: columns("user_id", "room_id", "thread_id"), Unique: true},
		"event_push_actions_stream_highlight_index":                  {Name: "event_push_actions_stream_highlight_index", Table: pushActions, Columns: columns("highlight", "stream_ordering"), Where: "highlight=0"},
		"current_state_events_stream_ordering_idx":                   {Name: "current_state_events_stream_ordering_idx", Table: "current_state_events", Columns: columns("event_stream_ordering")},
		"local_current_membership_stream_ordering_idx":               {Name: "local_current_membership_stream_ordering_idx", Table: "local_current_membership", Columns: columns("event_stream_ordering")},
		"room_memberships_stream_ordering_idx":                       {Name: "room_memberships_stream_ordering_idx", Table: "room_memberships", Columns: columns("event_stream_ordering")},
		"e2e_room_keys_index_room_id":                                {Name: "e2e_room_keys_room_id", Table: "e2e_room_keys", Columns: columns("room_id")},
		"room_account_data_index_room_id":                            {Name: "room_account_data_room_id", Table: "room_account_data", Columns: columns("room_id")},
		"event_push_summary_index_room_id":                           {Name: "event_push_summary_index_room_id", Table: pushSummary, Columns: columns("room_id")},
		"event_auth_chain_links_origin_index":                        {Name: "event_auth_chain_links_origin_index", Table: "event_auth_chain_links", Columns: columns("origin_chain_id", "origin_sequence_number")},
		"access_tokens_refresh_token_id_idx":                         {Name: "access_tokens_refresh_token_id_idx", Table: "access_tokens", Columns: columns("refresh_token_id")},
		"receipts_room_id_event_id_index":                            {Name: "receipts_linearized_event_id", Table: "receipts_linearized", Columns: columns("room_id", "event_id")},
		"current_state_events_members_room_index":                    {Name: "current_state_events_members_room_index", Table: "current_state_events", Columns: columns("room_id", "membership"), Where: "type='m.room.member'"},
		"add_otk_ts_added_index":                                     {Name: "e2e_one_time_keys_json_user_id_device_id_algorithm_ts_added_idx", Table: "e2e_one_time_keys_json", Columns: columns("user_id", "device_id", "algorithm", "ts_added_ms")},
		"current_state_delta_stream_room_index":                      {Name: "current_state_delta_stream_room_idx", Table: "current_state_delta_stream", Columns: columns("room_id", "stream_id")},
		"sliding_sync_connection_room_configs_required_state_id_idx": {Name: "sliding_sync_connection_room_configs_required_state_id_idx", Table: "sliding_sync_connection_room_configs", Columns: columns("required_state_id")},
		"events_received_ts_index":                                   {Name: "received_ts_idx", Table: "events", Columns: columns("received_ts"), Where: "type = 'm.room.member'"},
		"sliding_sync_membership_snapshots_membership_event_id_idx":  {Name: "sliding_sync_membership_snapshots_membership_event_id_idx", Table: snapshots, Columns: columns("membership_event_id")},
		"local_media_repository_sha256_idx":                          {Name: "local_media_repository_sha256", Table: "local_media_repository", Columns: columns("sha256"), Where: "sha256 IS NOT NULL"},
		"remote_media_cache_sha256_idx":                              {Name: "remote_media_cache_sha256", Table: "remote_media_cache", Columns: columns("sha256"), Where: "sha256 IS NOT NULL"},
		"sliding_sync_membership_snapshots_user_id_stream_ordering": {
			Name: "sliding_sync_membership_snapshots_user_id_stream_ordering", Table: snapshots, Columns: columns("user_id", "event_stream_ordering"),
			Replaces: "sliding_sync_membership_snapshots_user_id",
		},
		"device_federation_inbox_received_ts_index": {Name: "device_federation_inbox_received_ts_index", Table: "device_federation_inbox", Columns: columns("received_ts")},
		"event_txn_id_device_id_txn_id2": {
			Name: "event_txn_id_device_id_txn_id2", Table: "event_txn_id_device_id", Columns: columns("user_id", "device_id", "room_id", "txn_id"), Unique: true,
			Replaces: "event_txn_id_device_id_txn_id",
		},
		"delayed_events_idx":                                {Name: "delayed_events_idx", Table: "delayed_events", Columns: columns("delay_id"), Unique: true},
		"device_lists_changes_in_room_inserted_ts_idx":      {Name: "device_lists_changes_in_room_inserted_ts_idx", Table: "device_lists_changes_in_room", Columns: columns("inserted_ts"), Where: "inserted_ts IS NOT NULL"},
		"sliding_sync_connections_last_used_ts_idx":         {Name: "sliding_sync_connections_last_used_ts_idx", Table: "sliding_sync_connections", Columns: columns("last_used_ts"), Where: "last_used_ts IS NOT NULL"},
		"sliding_sync_connection_lazy_members_conn_pos_idx": {Name: "sliding_sync_connection_lazy_members_conn_pos_idx", Table: "sliding_sync_connection_lazy_members", Columns: columns("connection_position"), Where: "connection_position IS NOT NULL"},
	}
}

const (
	pushActions     = "event_push_actions"
	pushSummary     = "event_push_summary"
	snapshots       = "sliding_sync_membership_snapshots"
	highlightsIndex = "event_push_actions_highlights_index"
)

func columns(names ...string) []string { return names }

func buildIndex(name string, index background.CreateIndex) update {
	made := update{
		name: name, alone: index.Run,
		finish: func(ctx context.Context, tx engine.Tx) error { return indexEmpty(ctx, tx, index) },
	}
	if name == highlightsIndex {
		made.alone = keepExisting(index)
		made.finish = func(ctx context.Context, tx engine.Tx) error {
			return execute(ctx, tx, statement(tx, index, "IF NOT EXISTS"))
		}
	}
	return made
}

// keepExisting accepts any index of the name, as upstream does on SQLite: schema 77 makes this one there for all rows.
func keepExisting(index background.CreateIndex) background.AloneHandler {
	return func(ctx context.Context, alone *background.Alone) (background.Result, error) {
		result, err := index.Run(ctx, alone)
		if other, isOther := errors.AsType[*engine.IndexError](err); isOther {
			alone.Log.InfoContext(ctx, "another index of the same name is kept", "index", index.Name, "existing", other.Existing)
			return background.Result{Items: 1, Done: true}, nil
		}
		return result, err
	}
}

// indexEmpty makes an index of a table without rows; a leftover, which may be invalid, goes.
func indexEmpty(ctx context.Context, tx engine.Tx, index background.CreateIndex) error {
	quote := quoteFor(tx)
	statements := []string{"DROP INDEX IF EXISTS " + quote(index.Name), statement(tx, index, "")}
	if index.Replaces != "" {
		statements = append(statements, "DROP INDEX IF EXISTS "+quote(index.Replaces))
	}
	return execute(ctx, tx, statements...)
}

func statement(tx engine.Tx, index background.CreateIndex, words string) string {
	plain := engine.Index{Name: index.Name, Table: index.Table, Columns: index.Columns, Where: index.Where, Unique: index.Unique}
	return plain.Statement(quoteFor(tx), words)
}

func quoteFor(tx engine.Tx) func(string) string {
	if tx.Engine() == engine.SQLite {
		return sqlite.QuoteIdentifier
	}
	return postgres.QuoteIdentifier
}
