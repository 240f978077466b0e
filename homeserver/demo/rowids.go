package demo

import "math"

// rowids deletes rows, so that there are gaps, and lets new rows take the rowids of
// deleted ones.
func (g *generator) rowids() {
	g.delete("DELETE FROM e2e_one_time_keys_json WHERE rowid % 6 = 1")
	g.delete("DELETE FROM user_daily_visits WHERE rowid % 9 = 4")
	g.delete("DELETE FROM device_lists_stream WHERE rowid % 8 = 3")
	g.reuse()
	// The same row twice, in a table without any key.
	g.insertAll("users_pending_deactivation (user_id)", []any{g.bob().id}, []any{g.bob().id})
}

func (g *generator) reuse() {
	const newest = " WHERE rowid > (SELECT max(rowid) - 3 FROM "
	alice := g.alice()
	g.delete("DELETE FROM account_data" + newest + "account_data)")
	g.delete("DELETE FROM user_ips" + newest + "user_ips)")
	g.delete("DELETE FROM devices" + newest + "devices)")
	for i := range 2 {
		suffix := number(i) + ".reused"
		g.insert("account_data (user_id, account_data_type, stream_id, content)",
			alice.id, "org.test."+suffix, g.next("account_data"), "{}")
		g.insert("user_ips (user_id, access_token, ip, user_agent, last_seen)", alice.id, "syt_"+suffix, "192.0.2.1", "", 0)
		g.insert("devices (user_id, device_id)", alice.id, "DEV"+suffix)
	}
}

// numberedTables number their rows by AUTOINCREMENT. Rows were deleted, so that
// SQLite's own counter is ahead of them.
func (g *generator) numberedTables() {
	alice := g.alice()
	for _, key := range []int{1, 3, 5, 9} {
		g.insert("sliding_sync_connections (connection_key, user_id, effective_device_id, conn_id, created_ts, last_used_ts)",
			key, alice.id, alice.devices[0], emptyOrNullText(key), beginning, bigintExtremes(key))
	}
	for i, position := range []int{2, 20, 21, 60} {
		g.insert("sliding_sync_connection_positions (connection_position, connection_key, created_ts)",
			position, []int{1, 3, 5, 9}[i], beginning)
	}
	for i, state := range []int{4, 5, 30, 31} {
		g.insert("sliding_sync_connection_required_state (required_state_id, connection_key, required_state)",
			state, []int{1, 3, 5, 9}[i], `[["m.room.member","$LAZY"],["*",""]]`)
	}
	for i, number := range []int{2, 3, 50, 51} {
		g.insert("state_groups_pending_deletion (sequence_number, state_group, insertion_ts)",
			number, 1_000_000_000+i, bigintNotNull(i))
	}
	g.numberedChildren()
	for table, last := range map[string]int{"sliding_sync_connections": 40, "sliding_sync_connection_positions": 90,
		"sliding_sync_connection_required_state": 33, "state_groups_pending_deletion": 77} {
		g.run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", last, table)
	}
}

func (g *generator) numberedChildren() {
	room, alice := g.textsRoom(), g.alice().id
	g.insertAll("sliding_sync_connection_room_configs (connection_position, room_id, timeline_limit, required_state_id)",
		[]any{2, room, 20, 4}, []any{20, room, int64(math.MaxInt64), 5}, []any{60, room, 0, 31})
	g.insertAll("sliding_sync_connection_streams (connection_position, stream, room_id, room_status, last_token)",
		[]any{2, "rooms", room, "live", nil}, []any{20, "rooms", room, "previously", ""},
		[]any{21, "receipts", room, "live", "s1"})
	g.insertAll("sliding_sync_connection_lazy_members (connection_key, connection_position, room_id, user_id, last_seen_ts)",
		[]any{1, nil, room, alice, int64(math.MinInt64)}, []any{3, 20, room, alice, int64(math.MaxInt64)})
}

// emptyOrNullText is for a column that does not take NULL.
func emptyOrNullText(i int) string { return []string{"", "room-list", "encryption"}[i%3] }

// locks point to each other.
func (g *generator) locks() {
	g.insertAll("worker_read_write_locks_mode (lock_name, lock_key, write_lock, token)",
		[]any{"purge", "!r1", false, "t1"}, []any{"purge", "!r2", true, "t3"}, []any{"event", "", false, "t4"})
	g.insertAll("worker_read_write_locks (lock_name, lock_key, instance_name, write_lock, token, last_renewed_ts)",
		[]any{"purge", "!r1", master, false, "t1", beginning}, []any{"purge", "!r1", "worker1", false, "t2", beginning},
		[]any{"purge", "!r2", master, true, "t3", int64(math.MaxInt64)}, []any{"event", "", master, false, "t4", 0})
	g.insert("worker_locks (lock_name, lock_key, instance_name, token, last_renewed_ts)",
		"lock", "", master, "t", beginning)
}
