package entity

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Raw is an entity without its types, for what works with any: package hass, a tool, a page that lists them.
type Raw struct{ record *record }

// Raw gives the entity of an id that the program has defined.
func (s *Store) Raw(id string) (*Raw, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, defined := s.records[id]
	return &Raw{found}, defined
}

// All gives the entities that the program has defined, sorted by id.
func (s *Store) All() []*Raw {
	records := s.all()
	list := make([]*Raw, len(records))
	for i, found := range records {
		list[i] = &Raw{found}
	}
	return list
}

// Raw is the entity without its types.
func (e *Entity[State, Attributes]) Raw() *Raw { return &Raw{e.record} }

// ID is the Definition's.
func (r *Raw) ID() string { return r.record.id }

// Name is the Definition's.
func (r *Raw) Name() string { return r.record.name }

// Icon is the Definition's.
func (r *Raw) Icon() string { return r.record.icon }

// Options are the Definition's.
func (r *Raw) Options() any { return r.record.options }

// RawValues are the state, the attributes and the locals of one moment, as JSON. It is the caller's own.
type RawValues struct {
	State       json.RawMessage            `json:"state"`
	Attributes  json.RawMessage            `json:"attributes"`
	Locals      map[string]json.RawMessage `json:"locals"` // those that are stored
	LastChanged time.Time                  `json:"last_changed"`
}

// Values are those reported last.
func (r *Raw) Values() RawValues {
	r.record.mu.Lock()
	defer r.record.mu.Unlock()
	r.record.locals.open()
	locals := maps.Clone(r.record.locals.values)
	for name, value := range locals {
		locals[name] = slices.Clone(value)
	}
	return RawValues{
		State: slices.Clone(r.record.now.State), Attributes: slices.Clone(r.record.now.Attributes), Locals: locals,
		LastChanged: r.record.changed,
	}
}

// Set reports a state and attributes; nil leaves one as it is. Both have to decode into the entity's types, and null is taken for what can be
// null alone; or else nothing is changed, and the error is a *ValueError. The other errors are those of Entity.Set.
func (r *Raw) Set(ctx context.Context, state, attributes json.RawMessage) error {
	return r.record.report(ctx, func() (document, any, error) {
		reported := r.now()
		if state != nil {
			reported.State = slices.Clone(state)
		}
		if attributes != nil {
			reported.Attributes = slices.Clone(attributes)
		}
		value, err := r.record.decode(reported)
		return reported, value, err
	})
}

func (r *Raw) now() document {
	r.record.mu.Lock()
	defer r.record.mu.Unlock()
	return r.record.now
}

// RawChange is a significant change, as JSON.
type RawChange struct {
	ID            string
	Before, After RawValues // without locals
}

// OnChange is Entity.OnChange. What tell is given must not be changed.
func (r *Raw) OnChange(tell func(RawChange)) (stop func()) {
	return r.record.changes.subscribe(func(made rawChange) {
		tell(RawChange{
			ID:     r.record.id,
			Before: RawValues{State: made.before.State, Attributes: made.before.Attributes, LastChanged: made.previous},
			After:  RawValues{State: made.after.State, Attributes: made.after.Attributes, LastChanged: made.at},
		})
	})
}
