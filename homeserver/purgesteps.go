package homeserver

import "github.com/synapsedb/synapse/engine"

// purgeStep takes a room out of one table.
type purgeStep struct {
	table string
	// statement has one "?", for the room's id.
	statement string
	// sqlite takes its place on SQLite, unless it is empty.
	sqlite string
}

func (s purgeStep) on(kind engine.Kind) string {
	if kind == engine.SQLite && s.sqlite != "" {
		return s.sqlite
	}
	return s.statement
}

// byRoom purges tables with a column room_id.
func byRoom(tables ...string) []purgeStep {
	steps := make([]purgeStep, len(tables))
	for i, table := range tables {
		steps[i] = purgeStep{table: table, statement: "DELETE FROM " + table + " WHERE room_id = ?"}
	}
	return steps
}

// byParent purges a table that knows the room only by a row of another, which therefore has to be purged later.
func byParent(table, column, parent, key string) purgeStep {
	return purgeStep{table: table, statement: "DELETE FROM " + table + " WHERE " + column +
		" IN (SELECT " + key + " FROM " + parent + " WHERE room_id = ?)"}
}

// mainPurge lists every table of "main" that holds something of a room. One that points to another stands before it.
func mainPurge() []purgeStep {
	var steps []purgeStep
	steps = append(steps, usersPurge()...)
	steps = append(steps, eventsPurge()...)
	steps = append(steps, roomPurge()...)
	return append(steps, byRoom("events", "rooms")...)
}

// usersPurge is what users, devices and services keep about a room.
func usersPurge() []purgeStep {
	steps := byRoom(
		"appservice_room_list",
		"delayed_events",
		"device_lists_changes_in_room",
		"e2e_room_keys",
		"event_push_actions",
		"event_push_actions_staging",
		"event_push_summary",
		"event_reports",
		"event_txn_id_device_id",
		"pusher_throttle",
		"receipts_graph",
		"receipts_linearized",
		"room_account_data",
		"room_tags",
		"room_tags_revisions",
		"sliding_sync_connection_lazy_members",
		"sliding_sync_connection_room_configs",
		"sliding_sync_connection_streams",
		"thread_subscriptions",
		"users_in_public_rooms",
		"users_who_share_private_rooms",
	)
	// Somebody who was found by way of this room stays in the directory.
	return append(steps, purgeStep{table: "user_directory", statement: "UPDATE user_directory SET room_id = NULL WHERE room_id = ?"})
}

// eventsPurge is what is known about events, without the events.
func eventsPurge() []purgeStep {
	steps := byRoom(
		"event_auth",
		"event_backward_extremities",
		"event_edges",
		"event_expiry",
		"event_failed_pull_attempts",
		"event_forward_extremities",
		"event_json",
		"event_labels",
		"event_relations",
		"event_to_state_groups",
		"ex_outlier_stream",
		"redactions",
		"rejections",
		"state_events",
		"sticky_events",
		"stream_ordering_to_exterm",
		"threads",
		"timeline_gaps",
		"un_partial_stated_event_stream",
	)
	steps = append(steps, byParent("event_auth_chain_links", "origin_chain_id", "event_auth_chains", "chain_id"))
	steps = append(steps, byRoom("event_auth_chains")...)
	// FTS5 would look at every row for a room: its own table of contents has an index.
	return append(steps, purgeStep{
		table:     EventSearchTable,
		statement: "DELETE FROM event_search WHERE room_id = ?",
		sqlite:    "DELETE FROM event_search WHERE rowid IN (SELECT id FROM event_search_content WHERE c1 = ?)",
	})
}

// roomPurge is what is known about the room itself: its state, members, names, counts.
func roomPurge() []purgeStep {
	steps := []purgeStep{byParent("room_alias_servers", "room_alias", "room_aliases", "room_alias")}
	return append(steps, byRoom(
		"current_state_delta_stream",
		"current_state_events",
		"destination_rooms",
		"local_current_membership",
		"partial_state_events",
		"partial_state_rooms_servers",
		"partial_state_rooms",
		"room_aliases",
		"room_depth",
		"room_memberships",
		"room_retention",
		"room_stats_current",
		"room_stats_earliest_token",
		"room_stats_state",
		"sliding_sync_joined_rooms",
		"sliding_sync_membership_snapshots",
		"space_children",
		"un_partial_stated_room_stream",
	)...)
}

// statePurge lists the tables of "state". An edge belongs to the room of the group that is a difference.
func statePurge() []purgeStep {
	return append([]purgeStep{
		byParent("state_group_edges", "state_group", "state_groups", "id"),
		byParent("state_groups_pending_deletion", "state_group", "state_groups", "id"),
		byParent("state_groups_persisting", "state_group", "state_groups", "id"),
	}, byRoom("state_groups_state", "state_groups")...)
}
