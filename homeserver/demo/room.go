package demo

import "slices"

type stateKey struct{ kind, key string }

type stateEntry struct {
	event      string
	membership any
	order      int64
}

// room is a room as it is now.
type room struct {
	id      string
	version string
	host    string
	creator *person
	public  any
	name    string
	topic   string

	setup    int // events of its beginning that were sent
	depth    int64
	minDepth int64
	newest   []string // its forward extremities
	auth     []string // create, power levels, join rules
	recent   []string // some of its last messages
	order    int64    // stream_ordering of its newest event

	group       int64
	hops        int
	chain       int64
	chainLength int64

	state   map[stateKey]stateEntry
	keys    []stateKey // of state, in the order they were set first
	people  map[string]*person
	members []*person
	local   []*person
}

func newRoom(id, version, host string, creator *person) *room {
	return &room{id: id, version: version, host: host, creator: creator, minDepth: 1,
		state: map[stateKey]stateEntry{}, people: map[string]*person{}}
}

func (r *room) set(key stateKey, e *event) {
	if _, there := r.state[key]; !there {
		r.keys = append(r.keys, key)
	}
	r.state[key] = stateEntry{event: e.id, membership: optional(e.membership, e.membership != ""), order: e.order}
}

// follow makes an event the newest one.
func (r *room) follow(e *event) {
	r.depth, r.order = max(r.depth, e.depth), max(r.order, e.order)
	r.newest = append(r.newest[:0], e.id)
	switch e.kind {
	case "m.room.create", "m.room.power_levels", "m.room.join_rules":
		if len(r.auth) < 3 {
			r.auth = append(r.auth, e.id)
		}
	case "m.room.message":
		r.remember(e.id)
	}
}

// remember keeps the last few messages, for replies and reactions.
func (r *room) remember(id string) {
	if len(r.recent) == 16 {
		r.recent = slices.Delete(r.recent, 0, 1)
	}
	r.recent = append(r.recent, id)
}

func (r *room) join(p *person) {
	if r.people[p.id] != nil {
		return
	}
	r.people[p.id] = p
	r.members = append(r.members, p)
	if p.local {
		r.local = append(r.local, p)
	}
}

func (r *room) leave(p *person) {
	delete(r.people, p.id)
	same := func(other *person) bool { return other == p }
	r.members = slices.DeleteFunc(r.members, same)
	r.local = slices.DeleteFunc(r.local, same)
}
