package demo

// writeDetails writes what some kinds of events have besides.
func (g *generator) writeDetails(e *event) {
	if e.searchKey != "" {
		g.insert("event_search (event_id, room_id, sender, key, value)",
			e.id, e.room.id, e.sender, e.searchKey, e.searchText)
	}
	if e.rejected {
		g.insert("rejections (event_id, room_id, reason, last_check)",
			e.id, e.room.id, "auth_error", number(int(g.clock/1000)))
	}
	if e.redacts != "" {
		g.insert("redactions (event_id, room_id, redacts, have_censored, received_ts, recheck)",
			e.id, e.room.id, e.redacts, g.chance(70), e.received, false)
	}
	if e.relatesTo != "" {
		g.insert("event_relations (event_id, room_id, relates_to_id, relation_type, aggregation_key)",
			e.id, e.room.id, e.relatesTo, e.relation, e.aggregated)
	}
	if e.kind == "m.room.message" {
		g.notify(e)
	}
}

// notify writes whom a message is to be shown to.
func (g *generator) notify(e *event) {
	if !g.chance(8) || len(e.room.local) == 0 {
		return
	}
	person := pick(g, e.room.local)
	highlight := g.chance(10)
	actions := `["notify"]`
	if highlight {
		actions = `["notify",{"set_tweak":"sound","value":"default"},{"set_tweak":"highlight"}]`
	}
	g.insert(`event_push_actions (room_id, event_id, user_id, actions, topological_ordering, stream_ordering, notif,
highlight, unread, thread_id)`, e.room.id, e.id, person.id, actions, e.depth, e.order, 1, highlight, 1, "main")
}
