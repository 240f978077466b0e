package demo

import (
	"strings"
)

// key identifies a row by columns and their values.
type key = map[string]any

// report adds a bad value to the report.
func (g *generator) report(kind Kind, table, column string, row key) {
	g.bad = append(g.bad, BadValue{Table: table, Key: row, Column: column, Kind: kind})
}

// badRooms are where bad values of rooms are.
func (g *generator) badRoom() string { return "!bad:" + g.options.ServerName }

// badValues writes what SQLite stores without a word and PostgreSQL refuses, every
// kind at least once.
func (g *generator) badValues() {
	g.insert("rooms (room_id)", g.badRoom())
	g.badTexts()
	g.badNumbers()
	g.badJSON()
	g.badKeys()
	if g.options.Events > 0 {
		g.badSearch()
	}
}

func (g *generator) badTexts() {
	alice, room := g.alice().id, g.badRoom()
	g.insert("delayed_events (delay_id, user_localpart, delay, send_ts, room_id, event_type, content)",
		"syd_bad", "alice", 1, 1, room, "m.call", []byte(`{"as":"bytes"}`))
	g.report(KindConverted, "delayed_events", "content", key{"user_localpart": "alice", "delay_id": "syd_bad"})
	g.insert("profiles (full_user_id, user_id, displayname)", g.userID("badbytes"), "badbytes", []byte{0xff, 0xfe})
	g.report(KindUTF8, "profiles", "displayname", key{"full_user_id": g.userID("badbytes")})
	g.insert("room_memberships (event_id, user_id, sender, room_id, membership, display_name)",
		"$badmember", alice, alice, room, "join", "f\xffg")
	g.report(KindUTF8, "room_memberships", "display_name", key{"event_id": "$badmember"})
	g.insert("devices (user_id, device_id, display_name)", alice, "BADCUT", "\xe2\x82")
	g.report(KindUTF8, "devices", "display_name", key{"user_id": alice, "device_id": "BADCUT"})
	g.insert("account_data (user_id, account_data_type, stream_id, content)",
		alice, "bad.surrogate", g.next("account_data"), "{\"a\":\"\xed\xa0\x80\"}")
	g.report(KindUTF8, "account_data", "content", key{"user_id": alice, "account_data_type": "bad.surrogate"})
	g.insert("event_json (event_id, room_id, internal_metadata, json)", "$badnul", room, "{}", "{\"nul\":\"a\x00b\"}")
	g.report(KindNUL, "event_json", "json", key{"event_id": "$badnul"})
	g.insert("room_stats_state (room_id, name)", room, "nul\x00name")
	g.report(KindNUL, "room_stats_state", "name", key{"room_id": room})
	g.insert("application_services_state (as_id, state)", "badstate", "paused")
	g.report(KindTooLong, "application_services_state", "state", key{"as_id": "badstate"})
	g.insert("event_push_actions (room_id, event_id, user_id, profile_tag, actions)",
		room, "$badtag", alice, strings.Repeat("ж", 33), "[]")
	g.report(KindTooLong, "event_push_actions", "profile_tag", key{"room_id": room, "event_id": "$badtag", "user_id": alice})
}

func (g *generator) badNumbers() {
	alice, room := g.alice().id, g.badRoom()
	g.insert("presence_stream (stream_id, user_id, last_active_ts)",
		g.next("presence_stream"), "@badfloat:example.net", 1700000000000.5)
	g.report(KindFraction, "presence_stream", "last_active_ts", key{"user_id": "@badfloat:example.net"})
	g.insert("user_stats_current (user_id, joined_rooms, completed_delta_stream_id)", "@badfloat:example.net", 2.25, 1)
	g.report(KindFraction, "user_stats_current", "joined_rooms", key{"user_id": "@badfloat:example.net"})
	g.insert("room_depth (room_id, min_depth)", room, 9223372036854775808.0)
	g.report(KindRange, "room_depth", "min_depth", key{"room_id": room})
	g.insert("local_media_repository (media_id, media_length)", "badlength", int64(3_000_000_000))
	g.report(KindRange, "local_media_repository", "media_length", key{"media_id": "badlength"})
	g.insert("sticky_events (stream_id, instance_name, event_id, room_id, event_stream_ordering, sender, expires_at)",
		5, master, "$badsticky", room, int64(1)<<31, alice, 1)
	g.report(KindRange, "sticky_events", "event_stream_ordering", key{"stream_id": 5})
	g.insert(`room_stats_current (room_id, current_state_events, joined_members, invited_members, left_members, banned_members,
local_users_in_room, completed_delta_stream_id)`, room, 0, int64(-1)<<31-1, 0, 0, 0, 0, 0)
	g.report(KindRange, "room_stats_current", "joined_members", key{"room_id": room})
	g.insert("push_rules (id, user_name, rule_id, priority_class, conditions, actions)",
		600_000, alice, "bad/class", 32768, "[]", "[]")
	g.report(KindRange, "push_rules", "priority_class", key{"id": 600_000})
	g.insert("user_ips (user_id, access_token, ip, user_agent, last_seen)", alice, "bad", "192.0.2.2", "", "abc")
	g.report(KindNotNumber, "user_ips", "last_seen", key{"user_id": alice, "access_token": "bad", "ip": "192.0.2.2"})
	g.badDestinations()
	g.badBooleans()
}

// typelessColumn is declared without a type while rows are loaded, because a column
// of numbers would turn the text '123' into a number.
const typelessTable, typelessColumn = "destinations", "retry_last_ts BIGINT"

func (g *generator) badDestinations() {
	g.insertAll("destinations (destination, retry_last_ts)",
		[]any{"bad123.example.net", "123"}, []any{"badabc.example.net", "abc"})
	g.report(KindConverted, "destinations", "retry_last_ts", key{"destination": "bad123.example.net"})
	g.report(KindNotNumber, "destinations", "retry_last_ts", key{"destination": "badabc.example.net"})
}

func (g *generator) badBooleans() {
	g.insert("users (name, approved)", g.userID("badbool"), "f")
	g.report(KindNotBoolean, "users", "approved", key{"name": g.userID("badbool")})
	g.insert("access_tokens (id, user_id, token, used)", 2_000_000, g.alice().id, "bad", 2)
	g.report(KindNotBoolean, "access_tokens", "used", key{"id": 2_000_000})
}

func (g *generator) badJSON() {
	for _, form := range []struct {
		localpart, fields string
		kind              Kind
	}{
		{"badjson", `{"a":`, KindJSON},
		{"badnul", `{"a":"\u0000"}`, KindJSONEscape},
		{"badhalf", `{"a":"\ud83d"}`, KindJSONEscape},
	} {
		id := g.userID(form.localpart)
		g.insert("profiles (full_user_id, user_id, fields)", id, form.localpart, form.fields)
		g.report(form.kind, "profiles", "fields", key{"full_user_id": id})
	}
}

func (g *generator) badKeys() {
	room := g.badRoom()
	g.insert("room_tags (user_id, room_id, tag, content)", g.bob().id, room, g.token(90)+g.longToken(6000), "{}")
	g.report(KindIndexKey, "room_tags", "tag", key{"user_id": g.bob().id, "room_id": room})
	g.insert("local_media_repository (media_id, upload_name)", nil, "badnull")
	g.report(KindNull, "local_media_repository", "media_id", key{"upload_name": "badnull"})
	g.insert("user_filters (full_user_id, user_id, filter_id, filter_json)", nil, "badnull", 1, []byte("{}"))
	g.report(KindRejected, "user_filters", "full_user_id", key{"user_id": "badnull", "filter_id": 1})
	for range 2 {
		g.insert("device_federation_inbox (origin, message_id, received_ts)", "bad.example.net", "twice", 1)
	}
	g.report(KindDuplicate, "device_federation_inbox", "", key{"origin": "bad.example.net", "message_id": "twice"})
	g.insert("destination_rooms (destination, room_id, stream_ordering)", "missing.example.net", room, 1)
	g.report(KindMissingParent, "destination_rooms", "destination", key{"destination": "missing.example.net", "room_id": room})
}

func (g *generator) longToken(length int) string {
	var text strings.Builder
	for text.Len() < length {
		text.WriteString(g.token(90))
	}
	return text.String()[:length]
}

// badSearch writes texts the search index of PostgreSQL cannot take: those of
// events, because other rows of the index are not copied.
func (g *generator) badSearch() {
	r := g.foreignRoom("!badsearch:")
	for _, text := range []struct {
		value string
		kind  Kind
	}{{"n\x00ul in a text", KindNUL}, {g.manyWords(), KindSearch}} {
		g.send(&event{room: r, kind: "m.room.message", sender: r.creator.id, content: `{"msgtype":"m.text"}`,
			searchKey: "content.body", searchText: text.value})
		g.report(text.kind, "event_search", "value", key{"event_id": r.newest[0]})
	}
}

// manyWords are 1.8 MB of different words.
func (g *generator) manyWords() string {
	var text strings.Builder
	for text.Len() < 1_800_000 {
		for range 5 {
			text.WriteString(syllable(g.random))
		}
		text.WriteByte(' ')
	}
	return text.String()
}
