package demo

// closing writes what sums up a room, and how far every stream has come.
func (g *generator) closing() {
	for i, room := range g.rooms {
		g.roomNow(i, room)
		g.membersNow(room)
	}
	for _, p := range g.local {
		g.insert("user_stats_current (user_id, joined_rooms, completed_delta_stream_id)",
			p.id, 1+g.random.IntN(20), g.order)
	}
	g.positions()
}

func (g *generator) roomNow(i int, r *room) {
	g.insert("rooms (room_id, is_public, creator, room_version, has_auth_chain_index)",
		r.id, r.public, r.creator.id, r.version, oneOf(i+1))
	g.insert("room_depth (room_id, min_depth)", r.id, r.minDepth)
	g.insert(`room_stats_state (room_id, name, canonical_alias, join_rules, history_visibility, avatar, is_federatable, topic)`,
		r.id, r.name, emptyOrNull(i, "#room"+number(i)+":"+g.options.ServerName), "invite", "shared", nil, oneOf(i), r.topic)
	g.insert(`room_stats_current (room_id, current_state_events, joined_members, invited_members, left_members, banned_members,
local_users_in_room, completed_delta_stream_id, knocked_members)`,
		r.id, len(r.keys), len(r.members), 0, 0, 0, len(r.local), g.order, 0)
	g.insert("room_stats_earliest_token (room_id, token)", r.id, 2)
	if r.order == 0 {
		return
	}
	for _, id := range r.newest {
		g.insert("event_forward_extremities (event_id, room_id)", id, r.id)
		g.insert("stream_ordering_to_exterm (stream_ordering, room_id, event_id)", r.order, r.id, id)
	}
	for _, key := range r.keys {
		entry := r.state[key]
		g.insert("current_state_events (event_id, room_id, type, state_key, membership, event_stream_ordering)",
			entry.event, r.id, key.kind, key.key, entry.membership, entry.order)
	}
	g.insert(`sliding_sync_joined_rooms (room_id, event_stream_ordering, bump_stamp, room_type, room_name, is_encrypted)`,
		r.id, r.order, r.order, nil, r.name, i%4 == 0)
	if i%3 == 0 && r.public == true {
		g.alias(i, r)
	}
}

func (g *generator) alias(i int, r *room) {
	alias := "#room" + number(i) + ":" + g.options.ServerName
	g.insert("room_aliases (room_alias, room_id, creator)", alias, r.id, r.creator.id)
	g.insert("room_alias_servers (room_alias, server)", alias, g.options.ServerName)
}

// membersNow writes what the room's members here have of it.
func (g *generator) membersNow(r *room) {
	for i, p := range r.members {
		if p.local {
			g.memberNow(i, r, p)
			continue
		}
		if i%8 == 0 {
			g.insert("receipts_graph (room_id, receipt_type, user_id, event_ids, thread_id, data)",
				r.id, "m.read", p.id, `["`+r.newest[0]+`"]`, nil, `{"ts":1735689600000}`)
		}
	}
}

func (g *generator) memberNow(i int, r *room, p *person) {
	entry := r.state[stateKey{"m.room.member", p.id}]
	g.insert("local_current_membership (room_id, user_id, event_id, membership, event_stream_ordering)",
		r.id, p.id, entry.event, "join", entry.order)
	g.insert(`sliding_sync_membership_snapshots (room_id, user_id, sender, membership_event_id, membership, forgotten,
event_stream_ordering, event_instance_name, has_known_state, room_name, is_encrypted)`,
		r.id, p.id, p.id, entry.event, "join", 0, entry.order, master, true, r.name, false)
	for _, kind := range []string{"m.read", "m.read.private"} {
		g.insert(`receipts_linearized (stream_id, room_id, receipt_type, user_id, event_id, thread_id, event_stream_ordering, data,
instance_name)`, g.next("receipts"), r.id, kind, p.id, r.newest[0], nil, r.order, `{"ts":1735689600000}`, master)
	}
	g.insert("room_account_data (user_id, room_id, account_data_type, stream_id, content, instance_name)",
		p.id, r.id, "m.fully_read", g.next("account_data"), `{"event_id":"`+r.newest[0]+`"}`, master)
	if i%5 == 0 {
		g.insert("room_tags (user_id, room_id, tag, content)", p.id, r.id, "m.favourite", `{"order":0.5}`)
		g.insert("room_tags_revisions (user_id, room_id, stream_id, instance_name)",
			p.id, r.id, g.next("account_data"), master)
	}
	g.insert(`event_push_summary (user_id, room_id, notif_count, stream_ordering, unread_count,
last_receipt_stream_ordering, thread_id)`,
		p.id, r.id, i, r.order, i*2, nil, "main")
	g.findable(r, p)
}

func (g *generator) findable(r *room, p *person) {
	if r.public == true {
		g.insert("users_in_public_rooms (user_id, room_id)", p.id, r.id)
		return
	}
	if other := pick(g, r.members); other != p {
		g.insert("users_who_share_private_rooms (user_id, other_user_id, room_id)", p.id, other.id, r.id)
	}
}
