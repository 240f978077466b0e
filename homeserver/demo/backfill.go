package demo

import (
	"math"
	"slices"
	"strings"
)

// difficultEvents are the events among the difficulties.
func (g *generator) difficultEvents() {
	room := g.rooms[slices.IndexFunc(g.rooms, func(r *room) bool { return r.id == g.textsRoom() })]
	g.begin(room)
	for i, text := range difficultTexts() {
		g.textEvent(i, room, text, false)
		g.textEvent(i, room, text, true)
	}
	g.oddEvents(room)
	g.eventTables(room)
	g.backfill()
	g.partialState()
	g.deepest()
	g.lostSearchRows(room)
	// A position that only this table knows.
	g.insert("current_state_delta_stream (stream_id, room_id, type, state_key, event_id, prev_event_id)",
		g.order+8, room.id, "m.room.topic", "", nil, room.newest[0])
}

// begin sends the first events of a room.
func (g *generator) begin(r *room) {
	for r.setup < len(beginnings) {
		g.happen(r)
	}
}

// textContent is the content of a text message; body is a JSON string.
func textContent(body string) string { return `{"msgtype":"m.text","body":` + body + `}` }

func (g *generator) textEvent(i int, r *room, text difficultText, ascii bool) {
	g.send(&event{room: r, kind: "m.room.message", sender: g.alice().id, content: textContent(quoted(text.text)),
		searchKey: "content.body", searchText: text.text, url: oneOf(i), unknown: emptyOrNull(i, "[]"), asciiJSON: ascii})
	if i < 3 {
		g.run("UPDATE events SET received_ts = ? WHERE stream_ordering = ?", []any{nil, most, 0}[i], g.order)
	}
}

// oddEvents are JSON that jsonb would refuse and text takes, a very long event, and one
// that was refused.
func (g *generator) oddEvents(r *room) {
	long := quoted(strings.Repeat("0123456789abcdef", 12_800))
	for _, body := range []string{`"nul \u0000 escaped"`, `"half a pair \ud83d"`, long} {
		g.send(&event{room: r, kind: "m.room.message", sender: g.bob().id, content: textContent(body)})
	}
	g.send(&event{room: r, kind: "m.room.message", sender: g.bob().id, content: `{}`, rejected: true})
	// The same line twice, in a table without any key.
	g.insertAll("event_auth (event_id, auth_id, room_id)",
		[]any{r.newest[0], "$twice", r.id}, []any{r.newest[0], "$twice", r.id})
}

// eventTables point to events.
func (g *generator) eventTables(r *room) {
	first, second := r.recent[len(r.recent)-2], r.recent[len(r.recent)-1]
	g.insertAll(`thread_subscriptions (stream_id, instance_name, room_id, event_id, user_id, subscribed, automatic,
unsubscribed_at_stream_ordering, unsubscribed_at_topological_ordering)`,
		[]any{2, master, r.id, first, g.alice().id, true, false, nil, nil},
		[]any{30, master, r.id, second, g.alice().id, false, true, most, least})
	g.insertAll("un_partial_stated_event_stream (stream_id, instance_name, room_id, event_id, rejection_status_changed)",
		[]any{2, master, r.id, first, true}, []any{20, master, r.id, second, false})
	g.insert("event_txn_id_device_id (event_id, room_id, user_id, device_id, txn_id, inserted_ts)",
		first, r.id, g.alice().id, g.alice().devices[0], "m'\\1", least)
	g.insert("ex_outlier_stream (event_stream_ordering, event_id, room_id, state_group, instance_name)",
		-9, first, r.id, most, nil)
	g.insert("event_backward_extremities (event_id, room_id)", "$before", r.id)
	g.insert("threads (room_id, thread_id, latest_event_id, topological_ordering, stream_ordering)",
		r.id, first, second, most, g.order)
}

// backfill fetches what happened before somebody here joined a room of another
// server. The events that were fetched last are deleted again: their rowids are taken
// by others, the stream's position stays, and the search index keeps their text.
func (g *generator) backfill() {
	r := g.foreignRoom("!backfill:")
	for range min(40+g.options.Events/50, 2600) {
		g.sendBackfilled(r)
	}
	tables := []string{"event_json", "event_edges", "event_auth", "event_to_state_groups"}
	last, oldest := map[string]string{}, g.oldest
	for _, table := range tables {
		last[table] = g.text("SELECT max(rowid) FROM " + table)
	}
	for range 12 {
		g.sendBackfilled(r)
	}
	for _, table := range tables {
		g.delete("DELETE FROM "+table+" WHERE rowid > CAST(? AS INTEGER)", last[table])
	}
	g.delete("DELETE FROM events WHERE stream_ordering < ?", oldest)
	g.delete("DELETE FROM event_relations WHERE room_id = ?", r.id)
	g.events -= 12
}

func (g *generator) sendBackfilled(r *room) {
	newest, recent, depth := slices.Clone(r.newest), slices.Clone(r.recent), r.depth
	body := g.speech()
	g.oldest = min(g.oldest, -1) - 1
	g.send(&event{room: r, kind: "m.room.message", sender: r.creator.id, content: textContent(quoted(body)),
		searchKey: "content.body", searchText: body, order: g.oldest, depth: 1})
	r.newest, r.recent, r.depth = newest, recent, depth
}

// foreignRoom is a room of another server, with its first events.
func (g *generator) foreignRoom(prefix string) *room {
	creator := g.remote[0]
	r := newRoom(prefix+creator.host, "9", creator.host, creator)
	g.rooms = append(g.rooms, r)
	g.begin(r)
	return r
}

func (g *generator) partialState() {
	r := g.foreignRoom("!partial:")
	g.insert("partial_state_rooms (room_id, device_lists_stream_id, join_event_id, joined_via)",
		r.id, most, r.newest[0], "")
	g.insertAll("partial_state_rooms_servers (room_id, server_name)",
		[]any{r.id, "a.example.net"}, []any{r.id, "A.example.net"})
	g.insert("partial_state_events (room_id, event_id)", r.id, r.newest[0])
}

// deepest are rooms at both ends of depth.
func (g *generator) deepest() {
	r := g.foreignRoom("!deep:")
	g.send(&event{room: r, kind: "m.room.message", sender: r.creator.id, content: `{}`, depth: math.MaxInt64})
	r.minDepth = least
}

// lostSearchRows are texts of events that are gone, of an event in another room,
// and one that is there twice: a search table of SQLite has no key.
func (g *generator) lostSearchRows(r *room) {
	const row = "event_search (event_id, room_id, sender, key, value)"
	for i := range 5 {
		g.insert(row, "$gone"+number(i), r.id, g.bob().id, "content.body", "gone "+g.word())
	}
	g.insert(row, r.recent[0], g.rooms[0].id, g.bob().id, "content.body", "another room's")
	g.run(`INSERT INTO event_search (event_id, room_id, sender, key, value)
SELECT event_id, room_id, sender, key, value FROM event_search ORDER BY rowid LIMIT 1`)
	g.rows++
}

// text runs a query for one value.
func (w *writer) text(query string) string {
	var found string
	w.query(query, func(row *row) { found = row.ColumnText(0) })
	return found
}
