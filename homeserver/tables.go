package homeserver

import (
	"slices"

	"github.com/synapsedb/synapse/schema"
)

// EventSearchTable is the search index of messages. PostgreSQL and SQLite hold it
// in different columns: words there, the text here, in a virtual table with the
// columns event_id, room_id, sender, key and value.
const EventSearchTable = "event_search"

// DirectoryPositionTable has one row. Its stream_id is NULL until the user
// directory has been built.
const DirectoryPositionTable = "user_directory_stream_pos"

// BackgroundUpdatesTable holds the migrations that are still to be done.
const BackgroundUpdatesTable = schema.UpdatesTable

// CompatVersionTable holds the oldest version that may open the database.
const CompatVersionTable = schema.CompatVersionTable

// IdentifyingTables are the tables that every homeserver database holds: upstream's
// of schema 72 and later, and ours. One with MarkerTable belongs to the set named
// there.
func IdentifyingTables() []string {
	return []string{"schema_version", "applied_schema_deltas", "rooms", "events", "event_json", "users"}
}

// IdentifyingStateTables are the tables that a database holds which has the logical database state alone.
func IdentifyingStateTables() []string {
	return []string{"schema_version", "applied_schema_deltas", "state_groups", "state_groups_state"}
}

// StateTables are the tables of the logical database state, upstream's and ours. Older versions lack the last two.
func StateTables() []string {
	return []string{
		"state_groups", "state_group_edges", "state_groups_state", "state_groups_pending_deletion", "state_groups_persisting",
	}
}

// RegeneratedTables are the tables a server rebuilds from others when
// DirectoryUpdates are enqueued: the user directory with the shadow tables of its
// search index, of FTS4 (upstream) and FTS5 (ours).
func RegeneratedTables() []string {
	return []string{
		"user_directory",
		"user_directory_search",
		"user_directory_search_config",
		"user_directory_search_content",
		"user_directory_search_data",
		"user_directory_search_docsize",
		"user_directory_search_idx",
		"user_directory_search_segdir",
		"user_directory_search_segments",
		"user_directory_search_stat",
		"users_in_public_rooms",
		"users_who_share_private_rooms",
	}
}

// TransientTables hold locks of running processes, which mean nothing to a server
// that starts on a copy.
func TransientTables() []string {
	return []string{"worker_read_write_locks", "worker_read_write_locks_mode"}
}

// BookkeepingTables describe the database they stand in, so that a copy of the rows
// would describe the wrong one. applied_module_schemas is not among them: modules
// look there for what their own tables hold.
func BookkeepingTables() []string {
	return slices.DeleteFunc(schema.BookkeepingTables(), func(table string) bool { return table == schema.ModulesTable })
}

// SQLiteSearchTables are the virtual tables of our schema on SQLite. PostgreSQL has
// ordinary tables of the same names and other columns.
func SQLiteSearchTables() []string {
	return []string{EventSearchTable, "user_directory_search"}
}

// PostgresOnlyTables are the tables of our schema that SQLite lacks: what several
// processes on one database need.
func PostgresOnlyTables() []string {
	return []string{"cache_invalidation_stream_by_instance", "instance_map"}
}

// BackgroundUpdate is a row of background_updates.
type BackgroundUpdate struct {
	Name string
	// ProgressJSON is where the update goes on; "{}" is its beginning.
	ProgressJSON string
	// DependsOn is the update that has to be done first, or empty for none.
	DependsOn string
	Ordering  int
}

// DirectoryUpdates rebuild the user directory. They are the rows that upstream's
// admin job regenerate_directory enqueues.
func DirectoryUpdates() []BackgroundUpdate {
	names := []string{
		"populate_user_directory_createtables",
		"populate_user_directory_process_rooms",
		"populate_user_directory_process_users",
		"populate_user_directory_cleanup",
	}
	updates := make([]BackgroundUpdate, len(names))
	previous := ""
	for i, name := range names {
		updates[i] = BackgroundUpdate{Name: name, ProgressJSON: "{}", DependsOn: previous}
		previous = name
	}
	return updates
}
