package demo

import "context"

// reportEvery is after how many events Progress is told.
const reportEvery = 5000

// timeline makes the rooms and all ordinary events.
func (g *generator) timeline(ctx context.Context) {
	total := g.options.Events
	rooms := min(4+total/400, 1000)
	for i := range total {
		if g.queue.failed.Load() || ctx.Err() != nil {
			return
		}
		// Rooms appear one after the other during the first half.
		if open := 1 + i*2*rooms/total; len(g.rooms) < min(open, rooms) {
			g.rooms = append(g.rooms, g.newRoom())
		}
		g.happen(g.busyRoom())
		g.traffic(i)
		if g.options.Progress != nil && (i+1)%reportEvery == 0 {
			g.options.Progress(i + 1)
		}
	}
	if g.options.Progress != nil {
		g.options.Progress(total)
	}
}

// busyRoom prefers a few rooms, as people do; a new room comes to life first.
func (g *generator) busyRoom() *room {
	newest := g.rooms[len(g.rooms)-1]
	if newest.setup < len(beginnings) {
		return newest
	}
	f := g.random.Float64()
	return g.rooms[int(f*f*f*float64(len(g.rooms)))]
}

func (g *generator) newRoom() *room {
	creator, host := pick(g, g.local), g.options.ServerName
	if g.chance(25) {
		creator = pick(g, g.remote)
		host = creator.host
	}
	room := newRoom("!"+g.token(18)+":"+host, pick(g, []string{"9", "10", "10", "11"}), host, creator)
	room.public = oneOf(len(g.rooms))
	room.name, room.topic = g.title(), g.sentence()
	return room
}

// beginnings are the events every room starts with.
var beginnings = [...]func(g *generator, r *room) *event{
	func(_ *generator, r *room) *event {
		return r.stateEvent("m.room.create", `{"room_version":"`+r.version+`","creator":`+quoted(r.creator.id)+`}`)
	},
	func(_ *generator, r *room) *event { return r.membership(r.creator, "join") },
	func(_ *generator, r *room) *event {
		return r.stateEvent("m.room.power_levels", `{"users":{`+quoted(r.creator.id)+`:100},"users_default":0,`+
			`"events":{"m.room.name":50,"m.room.power_levels":100,"m.room.history_visibility":100},"events_default":0,`+
			`"state_default":50,"ban":50,"kick":50,"redact":50,"invite":0}`)
	},
	func(_ *generator, r *room) *event {
		rule := "invite"
		if r.public == true {
			rule = "public"
		}
		return r.stateEvent("m.room.join_rules", `{"join_rule":"`+rule+`"}`)
	},
	func(_ *generator, r *room) *event {
		return r.stateEvent("m.room.history_visibility", `{"history_visibility":"shared"}`)
	},
	func(_ *generator, r *room) *event {
		e := r.stateEvent("m.room.name", `{"name":`+quoted(r.name)+`}`)
		e.searchKey, e.searchText = "content.name", r.name
		return e
	},
	func(_ *generator, r *room) *event {
		e := r.stateEvent("m.room.topic", `{"topic":`+quoted(r.topic)+`}`)
		e.searchKey, e.searchText = "content.topic", r.topic
		return e
	},
	(*generator).arrival, (*generator).arrival, (*generator).arrival, (*generator).arrival,
}

func (r *room) stateEvent(kind, content string) *event {
	return &event{room: r, kind: kind, sender: r.creator.id, content: content, state: true}
}

func (r *room) membership(p *person, membership string) *event {
	switch membership {
	case "join":
		r.join(p)
	case "leave", "ban":
		r.leave(p)
	}
	content := `{"membership":"` + membership + `","displayname":` + quoted(p.name) + `}`
	return &event{room: r, kind: "m.room.member", sender: p.id, content: content,
		state: true, stateKey: p.id, membership: membership}
}

// arrival lets somebody join; locals are half of those who do.
func (g *generator) arrival(r *room) *event {
	people := g.local
	if g.chance(50) {
		people = g.remote
	}
	return r.membership(pick(g, people), "join")
}

// happen sends the next event of a room.
func (g *generator) happen(r *room) {
	if r.setup < len(beginnings) {
		step := beginnings[r.setup]
		r.setup++
		g.send(step(g, r))
		return
	}
	g.send(g.activity(r))
}
