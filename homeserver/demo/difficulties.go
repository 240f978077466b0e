package demo

import "math"

// difficulties writes values that are right and that programs stumble over: every
// kind in at least one table. docs/demo.md lists them.
func (g *generator) difficulties() {
	g.texts()
	g.likeKeys()
	g.numericUsers()
	g.tokenChains()
	g.binary()
	g.rowids()
	g.numberedTables()
	g.locks()
	g.scattered()
	if g.options.Events > 0 {
		g.difficultEvents()
	}
}

// insertAll adds several rows of one table.
func (g *generator) insertAll(target string, rows ...[]any) {
	for _, row := range rows {
		g.insert(target, row...)
	}
}

func (g *generator) alice() *person { return g.local[0] }
func (g *generator) bob() *person   { return g.local[1] }

// userID is the full id of a local user.
func (g *generator) userID(localpart string) string {
	return "@" + localpart + ":" + g.options.ServerName
}

// textsRoom is the id of the room that holds the difficult texts.
func (g *generator) textsRoom() string { return "!texts:" + g.options.ServerName }

// texts puts every difficult text into columns of several kinds, beside empty ones
// and NULL.
func (g *generator) texts() {
	room := newRoom(g.textsRoom(), "10", g.options.ServerName, g.alice())
	room.name, room.topic = "texts", ""
	g.rooms = append(g.rooms, room)
	for i, text := range difficultTexts() {
		g.textAccount(i, text)
		g.textData(i, text)
	}
}

// bigintExtremes are the ends of 64 bits beside NULL and 0.
func bigintExtremes(i int) any { return []any{nil, int64(math.MaxInt64), int64(math.MinInt64), 0}[i%4] }

func (g *generator) textAccount(i int, text difficultText) {
	localpart := "text" + twoDigits(i)
	id, short := g.userID(localpart), first(text.text, 200)
	g.insert(`users (name, password_hash, creation_ts, consent_version, consent_server_notice_sent, shadow_banned, approved,
consent_ts, locked, suspended)`, id, emptyOrNull(i, "$2b$12$"+g.token(53)), bigintExtremes(i), emptyOrNull(i+2, text.text),
		emptyOrNull(i+1, text.text), oneOf(i), oneOf(i+1), bigintExtremes(i+1), i%2 == 0, false)
	g.insert("profiles (full_user_id, user_id, displayname, avatar_url, fields)",
		id, localpart, text.text, emptyOrNull(i, "mxc://x/"+number(i)), profileFields[i%len(profileFields)])
	g.insert("devices (user_id, device_id, display_name, user_agent, hidden)",
		id, "DEV"+twoDigits(i), short, short, oneOf(i))
	g.insert("per_user_experimental_features (user_id, feature, enabled)", id, "msc3881", oneOf(i))
}

// profileFields are forms of JSON that jsonb changes without changing their meaning.
var profileFields = [...]any{
	nil, `{}`, `{"z":1,"a":2,"m":{"y":[],"b":null}}`, `{"n":[0.5,-0,1e5,2.50,12345678901234567890]}`,
	`{"e":"\"\\\/\b\f\n\r\té\ud83d\ude00"}`,
	`{"emoji":"👩‍👩‍👧‍👦","ключ":"значение"}`,
	`{"us.cloke.msc4175.tz":"Europe/Berlin"}`, `{"deep":[[[[[[[[{}]]]]]]]]}`,
}

func (g *generator) textData(i int, text difficultText) {
	alice, room := g.alice().id, g.textsRoom()
	g.insert("account_data (user_id, account_data_type, stream_id, content, instance_name)",
		alice, "org.test."+text.name, g.next("account_data"), text.text, emptyOrNull(i, master))
	g.insert("room_account_data (user_id, room_id, account_data_type, stream_id, content)",
		alice, room, "org.test."+text.name, g.next("account_data"), text.text)
	g.insert("room_tags (user_id, room_id, tag, content)", alice, room, "u."+first(text.text, 100), text.text)
}

// likeKeys are keys that differ in case, composition or a blank only: the same for
// a collation that is not C, different for a key.
func (g *generator) likeKeys() {
	for _, tag := range []string{"u.é", "u.e\u0301", "u.A", "u.a", "u.a ", "u.a\u00a0", "u.ß", "u.ss", "u.I", "u.ı"} {
		g.insert("room_tags (user_id, room_id, tag, content)", g.bob().id, g.textsRoom(), tag, "{}")
	}
}

// numericUsers decide user_id_seq: 9000 is the greatest number.
func (g *generator) numericUsers() {
	for _, localpart := range []string{"17", "042", "9000", "12abc", "5.5", "-7"} {
		g.insert("users (name, creation_ts, is_guest)", g.userID(localpart), beginning/1000, 1)
	}
}

// tokenChains are refresh tokens that name one further down the table.
func (g *generator) tokenChains() {
	const chains = 1_000_000
	for _, link := range [][2]int{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 0}, {10, 90}, {90, 0}, {200, 150}, {150, 0}} {
		var next any
		if link[1] > 0 {
			next = chains + link[1]
		}
		g.insert("refresh_tokens (id, user_id, device_id, token, next_token_id, expiry_ts, ultimate_session_expiry_ts)",
			chains+link[0], g.alice().id, g.alice().devices[0], "syr_"+g.token(36), next,
			bigintExtremes(link[0]), bigintExtremes(link[1]))
		g.insert("access_tokens (id, user_id, device_id, token, valid_until_ms, refresh_token_id, used)",
			chains+link[0], g.alice().id, nil, "syt_"+g.token(36), bigintExtremes(link[0]), chains+link[0], oneOf(link[0]))
	}
}

// binary is JSON in binary columns, as BLOB and as TEXT, and bytes that are no text.
func (g *generator) binary() {
	const host = "bytes.example.net"
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, key := range []any{every, []byte{0xff, 0xfe, 0, '\\', 'x', '\''}, []byte{}, nil, []byte(`\x41\101\\`)} {
		g.insert("server_signature_keys (server_name, key_id, from_server, ts_added_ms, verify_key, ts_valid_until_ms)",
			host, "ed25519:"+number(i), emptyOrNull(i, host), bigintExtremes(i), key, bigintExtremes(i+1))
	}
	for i, document := range []any{[]byte(`{"a":1}`), `{"a":"é"}`, `{"a":"\\x41\\101\\"}`, `\x7b7d`, []byte{0xff, 0xfe, 0}} {
		g.insert("server_keys_json (server_name, key_id, from_server, ts_added_ms, ts_valid_until_ms, key_json)",
			host, "ed25519:"+number(i), host, int64(math.MinInt64), int64(math.MaxInt64), document)
		g.insert("received_transactions (transaction_id, origin, ts, response_code, response_json, has_been_referenced)",
			"tx-"+number(i), host, bigintExtremes(i), 200, document, []any{nil, math.MaxInt16, math.MinInt16, 0, 1}[i])
		g.insert("user_filters (full_user_id, user_id, filter_id, filter_json)",
			g.alice().id, g.alice().localpart, 10+i, document)
	}
}
