package upstream

import (
	"context"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
)

// update is one of upstream's background updates that need nothing but the database.
type update struct {
	name    string
	handler background.Handler      // or
	alone   background.AloneHandler // one of both
	options []background.Option
	// finish does what the update leaves behind on a database without rows; nil is nothing.
	finish func(ctx context.Context, tx engine.Tx) error
}

// Updates registers those of upstream's own background updates, of schema 72 and later, that need nothing but the database,
// on SQLite and PostgreSQL. What is left in the database is as upstream leaves it, and a progress that its server has made
// is taken up, or the work is begun anew where that does no harm. OnlyTheHomeserver knows the others.
func Updates(registry *background.Registry, config homeserver.Config) {
	for _, one := range updates(config) {
		options := append([]background.Option{background.OnDatabase(mainDatabase)}, one.options...)
		if one.alone != nil {
			registry.RegisterAlone(one.name, one.alone, options...)
		} else {
			registry.Register(one.name, one.handler, options...)
		}
	}
}

func updates(config homeserver.Config) []update {
	var all []update
	for name, index := range indexes() {
		all = append(all, buildIndex(name, index))
	}
	all = append(all, constraintUpdates()...)
	all = append(all, receiptUpdates()...)
	all = append(all, rowUpdates()...)
	return append(all,
		fillFullUserID("populate_full_user_id_profiles", profilesTable, config),
		fillFullUserID("populate_full_user_id_user_filters", filtersTable, config),
	)
}

func rowUpdates() []update {
	return []update{
		{name: "threads_backfill", handler: fillThreads},
		{name: "set_device_id_for_pushers", handler: setPusherDevices, options: rowsOf("pushers")},
		{name: "delete_e2e_backup_keys_for_deactivated_users", handler: deleteBackupKeys},
		{name: "cleanup_device_federation_outbox", handler: cleanOutbox, options: rowsOf("device_federation_outbox")},
		{name: "sliding_sync_prefill_joined_rooms_to_recalculate_table_bg_update", handler: queueJoinedRooms},
		{name: "sliding_sync_membership_snapshots_fix_forgotten_column_bg_update", handler: fixForgotten, options: rowsOf(snapshots)},
		{name: "fixup_max_depth_cap", handler: capDepth, options: rowsOf("rooms")},
		{name: "redactions_recheck", handler: recheckRedactions, options: rowsOf("redactions")},
		{name: "flag_existing_quarantined_media", handler: flagQuarantined},
	}
}

// rowsOf says that an update walks through all rows of a table.
func rowsOf(table string) []background.Option {
	return []background.Option{background.Total(func(ctx context.Context, tx engine.Tx) (int64, error) {
		return background.TotalRows(ctx, tx, table)
	})}
}

// The reasons of OnlyTheHomeserver.
const (
	readsRooms   = "it works out the state of rooms by the rules of their versions, which are the server's code"
	readsEvents  = "it reads what is inside of events by rules that are the server's code"
	readsPeople  = "it works out the user directory by rules of the server's code and configuration"
	needsBoth    = "it compares the logical database state with main and follows chains of state groups, by the server's code"
	needsKeys    = "it signs events with the server's key"
	until77      = "no release has the code of it any more; the upgrade to schema 77 takes it away"
	until73      = "no release has the code of it any more; the upgrade to schema 73 takes it away"
	until90      = "no release has the code of it any more; the upgrade to schema 90 takes it away"
	until92      = "no release has the code of it any more; the upgrade to schema 92 takes it away"
	directoryEnd = "populate_user_directory_cleanup"
)

// onlyTheHomeserver are the rest of the names, those of schema 72 and later.
func onlyTheHomeserver() map[string]string {
	return map[string]string{
		"add_room_type_column":                                  readsEvents,
		"populate_event_stream_ordering":                        readsEvents,
		"events_populate_state_key_rejections":                  readsEvents,
		"event_search":                                          readsEvents,
		"populate_stats_process_rooms":                          readsRooms,
		"populate_stats_process_users":                          readsRooms,
		"sliding_sync_joined_rooms_bg_update":                   readsRooms,
		"sliding_sync_membership_snapshots_bg_update":           readsRooms,
		"populate_user_directory_createtables":                  readsPeople,
		"populate_user_directory_process_rooms":                 readsPeople,
		"populate_user_directory_process_users":                 readsPeople,
		directoryEnd:                                            readsPeople,
		"mark_unreferenced_state_groups_for_deletion_bg_update": needsBoth,
		"event_resign":                                          needsKeys,

		"event_push_backfill_thread_id":              until77,
		"event_push_actions_thread_id_null":          until77,
		"event_push_summary_thread_id_null":          until77,
		"event_push_summary_unique_index":            until73,
		"delete_unreferenced_state_groups_bg_update": until90,
		"populate_participant_bg_update":             until92,
	}
}

// OnlyTheHomeserver reports whether a background update of upstream's is known and yet not among Updates, with the reason in
// words: a running homeserver does it, or an upgrade.
func OnlyTheHomeserver(name string) (reason string, only bool) {
	reason, only = onlyTheHomeserver()[name]
	return reason, only
}
