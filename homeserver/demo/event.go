package demo

import "strconv"

// event is an event about to be written.
type event struct {
	room    *room
	id      string
	kind    string
	sender  string
	content string // JSON

	state    bool
	stateKey string

	// What the content says, for the tables that hold it apart.
	membership string
	searchKey  string
	searchText string
	url        any // contains_url
	redacts    string
	relatesTo  string
	relation   string
	aggregated any // aggregation_key

	order    int64 // stream_ordering; 0 is the next one
	depth    int64 // 0 is one more than the room's
	received int64 // received_ts
	unknown  any   // unrecognized_keys
	rejected bool
	// asciiJSON writes everything beyond ASCII as \u escapes.
	asciiJSON bool
}

// send completes an event, writes it with all that belongs to it, and makes it the
// newest of its room.
func (g *generator) send(e *event) {
	g.clock += 1 + g.random.Int64N(2000)
	if e.id == "" {
		e.id = "$" + g.token(43)
	}
	if e.order == 0 {
		g.order++
		e.order = g.order
	}
	if e.depth == 0 {
		e.depth = e.room.depth + 1
	}
	e.received = g.clock + 50
	g.writeEvent(e)
	g.writeGraph(e)
	g.writeState(e)
	g.writeDetails(e)
	e.room.follow(e)
	g.events++
}

func (g *generator) writeEvent(e *event) {
	var stateKey, rejection any
	if e.state {
		stateKey = e.stateKey
	}
	if e.rejected {
		rejection = "auth_error"
	}
	g.insert(`events (stream_ordering, topological_ordering, event_id, type, room_id, unrecognized_keys, processed,
outlier, depth, origin_server_ts, received_ts, sender, contains_url, instance_name, state_key, rejection_reason)`,
		e.order, e.depth, e.id, e.kind, e.room.id, e.unknown, true,
		false, e.depth, g.clock, e.received, e.sender, e.url, master, stateKey, rejection)
	g.insert("event_json (event_id, room_id, internal_metadata, json, format_version)",
		e.id, e.room.id, g.metadata(e), g.signed(e), 3)
}

func (g *generator) metadata(e *event) string {
	return `{"stream_ordering":` + strconv.FormatInt(e.order, 10) + `,"instance_name":"master","historical":false}`
}

// signed is the event's JSON as it travels between servers.
func (g *generator) signed(e *event) string {
	b := g.json[:0]
	b = append(b, `{"auth_events":`...)
	b = appendList(b, e.room.auth)
	b = append(b, `,"prev_events":`...)
	b = appendList(b, e.room.newest)
	b = append(append(b, `,"type":"`...), e.kind...)
	b = append(append(b, `","room_id":"`...), e.room.id...)
	b = append(append(b, `","sender":`...), quoted(e.sender)...)
	b = append(append(b, `,"content":`...), e.content...)
	if e.state {
		b = append(append(b, `,"state_key":`...), quoted(e.stateKey)...)
	}
	if e.redacts != "" {
		b = append(append(append(b, `,"redacts":"`...), e.redacts...), '"')
	}
	b = strconv.AppendInt(append(b, `,"depth":`...), e.depth, 10)
	b = strconv.AppendInt(append(b, `,"origin_server_ts":`...), g.clock, 10)
	b = append(append(b, `,"hashes":{"sha256":"`...), g.token(43)...)
	b = append(append(b, `"},"signatures":{"`...), e.room.host...)
	b = append(append(b, `":{"ed25519:a_demo":"`...), g.token(86)...)
	b = strconv.AppendInt(append(b, `"}},"unsigned":{"age_ts":`...), g.clock+3, 10)
	b = append(b, `}}`...)
	g.json = b
	if e.asciiJSON {
		return escapeBeyondASCII(string(b))
	}
	return string(b)
}

func appendList(b []byte, ids []string) []byte {
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), id...), '"')
	}
	return append(b, ']')
}

// quoted is text as a JSON string, with nothing escaped that need not be.
func quoted(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c == 0x7f || c >= 0x80 {
			return quotedWithCare(text)
		}
	}
	return `"` + text + `"`
}

func quotedWithCare(text string) string {
	b := []byte{'"'}
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = appendEscape(b, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return string(append(b, '"'))
}

// escapeBeyondASCII is what servers that write ASCII only make of a JSON text.
func escapeBeyondASCII(text string) string {
	b := make([]byte, 0, len(text)*2)
	for _, r := range text {
		switch {
		case r < 0x80:
			b = append(b, byte(r))
		case r < 0x10000:
			b = appendEscape(b, r)
		default:
			b = appendEscape(appendEscape(b, 0xd800+(r-0x10000)>>10), 0xdc00+(r-0x10000)&0x3ff)
		}
	}
	return string(b)
}

func appendEscape(b []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}
