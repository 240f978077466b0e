package demo

import (
	"math"
	"strings"
)

const (
	most  = int64(math.MaxInt64)
	least = int64(math.MinInt64)
)

// scattered puts extremes, ” beside NULL and the two characters \N into the tables
// an ordinary demo leaves empty.
func (g *generator) scattered() {
	g.scatteredAccounts()
	g.scatteredKeys()
	g.scatteredServices()
	g.scatteredRooms()
	g.scatteredMedia()
}

func (g *generator) scatteredAccounts() {
	alice, bob := g.alice().id, g.bob().id
	g.insertAll("registration_tokens (token, uses_allowed, pending, completed, expiry_time)",
		[]any{"one", nil, 0, 0, nil}, []any{"two", math.MaxInt32, 0, math.MaxInt32, most},
		[]any{"three", 0, math.MinInt32, 0, least})
	g.insertAll("login_tokens (token, user_id, expiry_ts, used_ts, auth_provider_id, auth_provider_session_id)",
		[]any{"lt0", alice, most, nil, nil, ""}, []any{"lt1", bob, least, 0, "", nil})
	g.insert("open_id_tokens (token, ts_valid_until_ms, user_id)", "oid", most, alice)
	g.insertAll("user_threepids (user_id, medium, address, validated_at, added_at)",
		[]any{alice, "email", "alice@example.org", 1, most}, []any{bob, "msisdn", "4912345", least, 1})
	g.insert("user_external_ids (auth_provider, external_id, user_id)", "oidc-ü", "x:'1\\", bob)
	g.insertAll("account_validity (user_id, expiration_ts_ms, email_sent, renewal_token, token_used_ts_ms)",
		[]any{alice, most, true, "", nil}, []any{bob, 0, false, nil, least})
	g.insert("erased_users (user_id)", g.userID("17"))
	g.insertAll("ignored_users (ignorer_user_id, ignored_user_id)", []any{alice, bob}, []any{bob, alice})
	g.insert("ratelimit_override (user_id, messages_per_second, burst_count)", alice, 0, nil)
	g.insert("users_to_send_full_presence_to (user_id, presence_stream_id)", bob, most)
	g.insert("ui_auth_sessions (session_id, creation_time, serverdict, clientdict, uri, method, description)",
		"ui", beginning, "{}", "{}", "/", "POST", "\\N")
	g.insert("ui_auth_sessions_credentials (session_id, stage_type, result)", "ui", "m.login.password", `"x"`)
	g.insert("ui_auth_sessions_ips (session_id, ip, user_agent)", "ui", "2001:db8::1", "")
	g.insertAll("presence_stream (stream_id, user_id, state, last_active_ts, status_msg, currently_active)",
		[]any{g.next("presence_stream"), "@p1:example.net", "online", most, "", true},
		[]any{g.next("presence_stream"), "@p2:example.net", nil, least, nil, nil})
}

func (g *generator) scatteredKeys() {
	alice, device := g.alice().id, g.alice().devices[0]
	g.insertAll("push_rules (id, user_name, rule_id, priority_class, priority, conditions, actions)",
		[]any{500_000, alice, "global/override/most", math.MaxInt16, math.MaxInt32, "[]", `["\\N"]`},
		[]any{500_001, alice, "global/override/least", math.MinInt16, math.MinInt32, "[]", `\N`})
	g.insertAll("push_rules_enable (id, user_name, rule_id, enabled)", []any{500_000, alice, "global/override/most", nil})
	g.insertAll("pusher_throttle (pusher, room_id, last_sent_ts, throttle_ms)",
		[]any{most, g.textsRoom(), most, least}, []any{least, g.textsRoom(), nil, 0})
	g.insert("deleted_pushers (stream_id, app_id, pushkey, user_id, instance_name)", 2500, "app", "key", alice, nil)
	g.insert("e2e_cross_signing_signatures (user_id, key_id, target_user_id, target_device_id, signature)",
		alice, "ed25519:x", alice, device, "sig")
	g.insertAll(`e2e_room_keys (user_id, room_id, session_id, version, first_message_index, forwarded_count, is_verified,
session_data)`,
		[]any{alice, "!r:x", "s0", 1, math.MinInt32, math.MaxInt32, nil, "{}"},
		[]any{alice, "!r:x", "s1", most, nil, nil, true, "{}"})
	g.insert("device_lists_remote_cache (user_id, device_id, content)", "@r:example.net", "D", "{}")
	g.insertAll("device_lists_remote_extremeties (user_id, stream_id)",
		[]any{"@r:example.net", "00123"}, []any{"@s:example.net", ""})
	g.insert("device_lists_outbound_last_success (destination, user_id, stream_id)", g.hosts[0], alice, most)
	g.insert("user_signature_stream (stream_id, from_user_id, user_ids)",
		g.next("device_lists_stream"), alice, `["`+alice+`"]`)
	g.insert(`device_lists_changes_in_room (user_id, device_id, room_id, stream_id, converted_to_destinations,
opentracing_context, inserted_ts)`,
		alice, device, g.textsRoom(), g.next("device_lists_stream"), false, emptyOrNull(1, ""), nil)
}

func (g *generator) scatteredServices() {
	g.insertAll(`application_services_state (as_id, state, read_receipt_stream_id, presence_stream_id,
to_device_stream_id, last_txn)`,
		[]any{"bridge", "up", most, nil, 0, 55}, []any{"bot", "down", nil, nil, nil, nil}, []any{"új", "éáűőú", 1, 2, 3, 4})
	g.insertAll("application_services_txns (as_id, txn_id, event_ids)",
		[]any{"bridge", 41, "[]"}, []any{"bot", 7, `["$x"]`})
	g.insert("appservice_room_list (appservice_id, network_id, room_id)", "bridge", "", g.textsRoom())
	g.insertAll("destinations (destination, retry_last_ts, retry_interval, failure_ts, last_successful_stream_ordering)",
		[]any{"extreme.example.net", most, least, nil, most}, []any{"", 0, 0, nil, least})
	g.insert("destination_rooms (destination, room_id, stream_ordering)", "extreme.example.net", g.textsRoom(), least)
	g.insertAll("scheduled_tasks (id, action, status, timestamp, resource_id, params, result, error)",
		[]any{"task0", "delete_old_otks", "scheduled", beginning, nil, nil, nil, nil},
		[]any{"task1", "purge", "failed", most, "", "{}", "", "\\N"})
	g.insert("applied_module_schemas (module_name, file)", "demo.module.Provider", "0001_create.sql")
	for i, session := range []int{0, 1} {
		g.insert("sticky_events (stream_id, instance_name, event_id, room_id, event_stream_ordering, sender, expires_at)",
			[]int{2, 15}[i], master, "$sticky"+number(session), g.textsRoom(), []int{math.MaxInt32, math.MinInt32}[i],
			g.alice().id, bigintNotNull(i))
	}
}

func bigintNotNull(i int) int64 { return []int64{most, least}[i%2] }

func (g *generator) scatteredRooms() {
	room := g.textsRoom()
	g.insertAll("blocked_rooms (room_id, user_id)", []any{"!unknown:nowhere", g.alice().id})
	g.insertAll("room_retention (room_id, event_id, min_lifetime, max_lifetime)",
		[]any{room, "$a", most, least}, []any{room, "$A", nil, 0})
	g.insertAll(`space_children (room_id, child_room_id, "order", suggested, event_id)`,
		[]any{room, "!c1:x", "", nil, "$c1"}, []any{room, "!c2:x", nil, false, "$c2"}, []any{room, "!c3:x", "~", true, "$c3"})
	g.insertAll("event_failed_pull_attempts (room_id, event_id, num_attempts, last_attempt_ts, last_cause)",
		[]any{room, "$failed0", math.MaxInt32, most, ""}, []any{room, "$failed1", math.MinInt32, least, "\\N"})
	g.insertAll("timeline_gaps (room_id, instance_name, stream_ordering)",
		[]any{room, master, most}, []any{room, master, least}, []any{room, "", -4})
	g.insertAll("event_reports (id, received_ts, room_id, event_id, user_id, reason, content)",
		[]any{2, beginning, room, "$r", g.bob().id, nil, "{}"}, []any{9, most, room, "$r", g.bob().id, "", nil})
	g.insertAll(`delayed_events (delay_id, user_localpart, device_id, delay, send_ts, room_id, event_type, state_key,
content, is_processed, sticky_duration_ms)`,
		[]any{"syd_0", "alice", nil, most, least, room, "m.call", "", "{}", false, nil},
		[]any{"syd_1", "alice", "", 0, 0, room, "m.call", nil, "{}", true, most})
	g.insertAll("un_partial_stated_room_stream (stream_id, instance_name, room_id)",
		[]any{3, master, room}, []any{40, "", room})
	g.insert("event_labels (event_id, label, room_id, topological_ordering)", "$label", "#ﬁ", room, least)
	g.insert("event_expiry (event_id, room_id, expiry_ts)", "$expiry", room, most)
	g.insert(`event_push_actions_staging (event_id, room_id, user_id, actions, notif, highlight, unread, thread_id,
inserted_ts)`,
		"$staged", room, g.alice().id, `\N`, math.MaxInt16, math.MinInt16, nil, nil, most)
	// 32 characters of two bytes each are as much as the column takes.
	g.insertAll(`event_push_actions (room_id, event_id, user_id, profile_tag, actions, topological_ordering, notif,
highlight, unread)`,
		[]any{room, "$pushed", g.bob().id, strings.Repeat("ж", 32), `\N`, most, 0, 1, nil},
		[]any{room, "$pushed", g.bob().id, nil, "", least, nil, nil, nil},
		[]any{room, "$pushed", g.bob().id, "", "[]", nil, 1, 0, 1})
}

func (g *generator) scatteredMedia() {
	for i, length := range []any{math.MaxInt32, nil, 0, math.MinInt32} {
		g.insert("local_media_repository (media_id, media_type, media_length, upload_name, quarantined_by, sha256)",
			"localm"+number(i), "text/plain", length, emptyOrNull(i, "ж.txt"), emptyOrNull(i+1, g.alice().id),
			emptyOrNull(i, g.token(64)))
		g.insert("remote_media_cache (media_origin, media_id, media_length, filesystem_id)",
			"m.example.net", "remotem"+number(i), length, emptyOrNull(i, g.token(24)))
	}
	for i, stream := range []int{2, 3, 12} {
		g.insert("quarantined_media_changes (stream_id, instance_name, origin, media_id, quarantined)",
			stream, master, emptyOrNull(i, "m.example.net"), "localm1", i != 1)
	}
}
