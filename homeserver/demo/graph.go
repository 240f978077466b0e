package demo

// snapshotEvery is after how many differences a state group holds the full state
// again; upstream's own limit.
const snapshotEvery = 100

// writeGraph writes what an event follows and what authorises it.
func (g *generator) writeGraph(e *event) {
	for _, previous := range e.room.newest {
		g.insert("event_edges (event_id, prev_event_id, room_id, is_state)", e.id, previous, e.room.id, false)
	}
	for _, authorising := range e.room.auth {
		g.insert("event_auth (event_id, auth_id, room_id)", e.id, authorising, e.room.id)
	}
}

// writeState writes the state before the event, and what the event makes of it.
func (g *generator) writeState(e *event) {
	if e.state && !e.rejected {
		g.changeState(e)
	}
	g.insert("event_to_state_groups (event_id, room_id, state_group)", e.id, e.room.id, e.room.group)
}

func (g *generator) changeState(e *event) {
	key := stateKey{e.kind, e.stateKey}
	previous, changed := e.room.state[key]
	e.room.set(key, e)
	g.insert("state_events (event_id, room_id, type, state_key)", e.id, e.room.id, e.kind, e.stateKey)
	g.insert(`current_state_delta_stream (stream_id, room_id, type, state_key, event_id, prev_event_id, instance_name)`,
		e.order, e.room.id, e.kind, e.stateKey, e.id, optional(previous.event, changed), master)
	g.newStateGroup(e)
	g.writeChain(e)
	if e.membership != "" {
		g.writeMembership(e)
	}
}

// newStateGroup holds the difference to the group before, or now and then all.
func (g *generator) newStateGroup(e *event) {
	room := e.room
	before := room.group
	g.stateGroup++
	room.group = g.stateGroup
	g.insert("state_groups (id, room_id, event_id)", room.group, room.id, e.id)
	if room.hops++; before == 0 || room.hops >= snapshotEvery {
		room.hops = 0
		for _, key := range room.keys {
			g.insertState(room, key, room.state[key].event)
		}
		return
	}
	g.insert("state_group_edges (state_group, prev_state_group)", room.group, before)
	g.insertState(room, stateKey{e.kind, e.stateKey}, e.id)
}

func (g *generator) insertState(room *room, key stateKey, event string) {
	g.insert("state_groups_state (state_group, room_id, type, state_key, event_id)",
		room.group, room.id, key.kind, key.key, event)
}

// writeChain puts a state event on its room's chain of the cover index.
func (g *generator) writeChain(e *event) {
	if e.room.chain == 0 {
		g.chain++
		e.room.chain = g.chain
		if g.chain > 1 {
			g.insert(`event_auth_chain_links (origin_chain_id, origin_sequence_number, target_chain_id,
target_sequence_number)`, g.chain, 1, g.random.Int64N(g.chain-1)+1, 1)
		}
	}
	e.room.chainLength++
	g.insert("event_auth_chains (event_id, room_id, chain_id, sequence_number)",
		e.id, e.room.id, e.room.chain, e.room.chainLength)
}

func (g *generator) writeMembership(e *event) {
	var displayName, avatar any
	if person := e.room.people[e.stateKey]; person != nil {
		displayName, avatar = person.name, person.avatar
	}
	g.insert(`room_memberships (event_id, user_id, sender, room_id, membership, forgotten, display_name, avatar_url,
event_stream_ordering, participant)`, e.id, e.stateKey, e.sender, e.room.id, e.membership, 0, displayName, avatar,
		e.order, oneOf(int(e.order&0xffff)))
}

func optional(text string, present bool) any {
	if !present {
		return nil
	}
	return text
}
