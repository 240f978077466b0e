package homeserver

// TableColumn is a column that holds ids.
type TableColumn struct {
	Table, Column string
}

// Stream is a PostgreSQL sequence, and where its ids are. The next id must be
// greater than every id in the tables and every position of the stream in
// stream_positions; upstream refuses to start on a sequence that is behind a
// position.
type Stream struct {
	// Sequence is the name of the sequence.
	Sequence string
	// Name is the stream's name in stream_positions; it is empty for a plain
	// sequence, which has no positions.
	Name string
	// Tables hold the ids. A database need not have all of them: older versions
	// and SQLite lack some tables and columns.
	Tables []TableColumn
	// Negative says that tables and stream_positions hold the ids negated, as
	// events fetched from before the join do. The tables also hold positive ids
	// of another stream, which do not count.
	Negative bool
	// UserNumbers says that the column holds user ids, and that the id is the
	// number N of one like "@N:server" (digits only).
	UserNumbers bool
	// Minimum is the least last_value of the sequence: 1 for a stream, whose id 1
	// counts as seen before anything happened, and 0 for a plain sequence, which
	// then is as if it had never been used.
	Minimum int64
}

// PositionsTable holds how far each writer has come on each stream.
const PositionsTable = "stream_positions"

// Streams lists the sequences of upstream's databases and ours whose ids stand in
// tables. Identity columns and sequences that a column owns are not among them: the
// catalog knows those.
func Streams() []Stream {
	return append(namedStreams(), plainSequences()...)
}

// namedStreams have rows in stream_positions.
func namedStreams() []Stream {
	return []Stream{
		stream("account_data_sequence", "account_data",
			streamID("room_account_data", "room_tags_revisions", "account_data")...),
		stream("cache_invalidation_stream_seq", "caches",
			streamID("cache_invalidation_stream_by_instance")...),
		stream("device_inbox_sequence", "to_device",
			streamID("device_inbox", "device_federation_outbox")...),
		stream("device_lists_sequence", "device_lists_stream",
			streamID("device_lists_stream", "user_signature_stream", "device_lists_outbound_pokes",
				"device_lists_changes_in_room", "device_lists_remote_pending",
				"device_lists_changes_converted_stream_position")...),
		stream("e2e_cross_signing_keys_sequence", "e2e_cross_signing_keys",
			streamID("e2e_cross_signing_keys")...),
		stream("events_stream_seq", "events",
			TableColumn{"events", "stream_ordering"},
			TableColumn{"current_state_delta_stream", "stream_id"},
			TableColumn{"ex_outlier_stream", "event_stream_ordering"}),
		negative(stream("events_backfill_stream_seq", "backfill",
			TableColumn{"events", "stream_ordering"},
			TableColumn{"ex_outlier_stream", "event_stream_ordering"})),
		stream("presence_stream_sequence", "presence_stream", streamID("presence_stream")...),
		stream("push_rules_stream_sequence", "push_rules_stream", streamID("push_rules_stream")...),
		stream("pushers_sequence", "pushers",
			TableColumn{"pushers", "id"}, TableColumn{"deleted_pushers", "stream_id"}),
		stream("quarantined_media_id_seq", "quarantined_media", streamID("quarantined_media_changes")...),
		stream("receipts_sequence", "receipts", streamID("receipts_linearized")...),
		stream("sticky_events_sequence", "sticky_events", streamID("sticky_events")...),
		stream("thread_subscriptions_sequence", "thread_subscriptions", streamID("thread_subscriptions")...),
		stream("un_partial_stated_event_stream_sequence", "un_partial_stated_event_stream",
			streamID("un_partial_stated_event_stream")...),
		stream("un_partial_stated_room_stream_sequence", "un_partial_stated_room_stream",
			streamID("un_partial_stated_room_stream")...),
	}
}

func plainSequences() []Stream {
	return []Stream{
		{Sequence: "application_services_txn_id_seq", Tables: []TableColumn{
			{"application_services_txns", "txn_id"}, {"application_services_state", "last_txn"}}},
		{Sequence: "event_auth_chain_id", Tables: []TableColumn{{"event_auth_chains", "chain_id"}}},
		{Sequence: "state_group_id_seq", Tables: []TableColumn{{"state_groups", "id"}}},
		{Sequence: "user_id_seq", Tables: []TableColumn{{"users", "name"}}, UserNumbers: true},
	}
}

func stream(sequence, name string, tables ...TableColumn) Stream {
	return Stream{Sequence: sequence, Name: name, Tables: tables, Minimum: 1}
}

func negative(stream Stream) Stream {
	stream.Negative = true
	return stream
}

// streamID names the column that most stream tables have.
func streamID(tables ...string) []TableColumn {
	columns := make([]TableColumn, len(tables))
	for i, table := range tables {
		columns[i] = TableColumn{table, "stream_id"}
	}
	return columns
}
