package entity

import (
	"encoding/json"
	"errors"

	"github.com/synapsedb/synapse/entity/table"
)

// first gives what an entity begins with: what was stored, or what Migrate makes of it, or, for each part that cannot be
// used, the definition's. The definition's is looked at only where it is needed: most starts find everything stored.
func first[State, Attributes any](made *record, definition *Definition[State, Attributes], row *table.Row, found bool) (document, any, error) {
	if !found {
		return initial(definition)
	}
	stored := document{State: row.State, Attributes: row.Attributes}
	if definition.Migrate != nil && int64(definition.Version) > row.Definition {
		return migrate(made, definition, row)
	}
	state, stateProblem := decodePart[State](made.id, "state", stored.State)
	attributes, attributesProblem := decodePart[Attributes](made.id, "attributes", stored.Attributes)
	switch {
	case stateProblem == nil && attributesProblem == nil:
		return stored, Values[State, Attributes]{state, attributes}, nil
	case definition.Migrate != nil:
		return migrate(made, definition, row)
	}
	made.restored.Problem = errors.Join(stateProblem, attributesProblem)
	begun := Values[State, Attributes]{definition.State, definition.Attributes}
	if stateProblem == nil {
		begun.State = state
	}
	if attributesProblem == nil {
		begun.Attributes = attributes
	}
	return encodedValues(made.id, begun)
}

func initial[State, Attributes any](definition *Definition[State, Attributes]) (document, any, error) {
	return encodedValues(definition.ID, Values[State, Attributes]{definition.State, definition.Attributes})
}

func migrate[State, Attributes any](made *record, definition *Definition[State, Attributes], row *table.Row) (document, any, error) {
	kept, value, err := migrated(definition, row)
	if err == nil {
		made.restored.Migrated = true
		return kept, value, nil
	}
	made.restored.Problem = &MigrateError{ID: made.id, From: int(row.Definition), To: definition.Version, Err: err}
	return initial(definition)
}

func migrated[State, Attributes any](definition *Definition[State, Attributes], row *table.Row) (document, any, error) {
	var made Values[State, Attributes]
	var err error
	made.State, made.Attributes, err = definition.Migrate(Stored{
		ID: row.ID, Version: int(row.Definition), State: row.State, Attributes: row.Attributes,
	})
	if err != nil {
		return document{}, nil, err
	}
	return encodedValues(definition.ID, made)
}

func decodePart[T any](id, part string, raw json.RawMessage) (value T, err error) {
	if err := json.Unmarshal(raw, &value); err != nil {
		return value, &ValueError{ID: id, Part: part, Err: err}
	}
	return value, nil
}

// defineLocal takes what is stored of a local into use, or sets it aside and gives the reason.
func (r *record) defineLocal(name string, made uintptr, fits func(json.RawMessage) error) (problem, err error) {
	if err := checkLocal(r.id, name); err != nil {
		return nil, err
	}
	if err := r.store.enterOpen(); err != nil {
		return nil, err
	}
	defer r.store.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, taken := r.locals.defined[name]; taken {
		return nil, &CollisionError{ID: r.id, Local: name, First: placeOf(first), Second: placeOf(made)}
	}
	whole := r.row()
	if problem = r.locals.open(); problem == nil {
		if stored, there := r.locals.values[name]; there {
			problem = fits(stored)
		}
	}
	r.locals.define(name, made)
	if problem == nil {
		return nil, nil
	}
	problem = &ValueError{ID: r.id, Part: localPart(name), Err: problem}
	r.dropLocal(name, whole, problem)
	return problem, nil
}

// dropLocal sets a row aside and goes on without one of its locals.
func (r *record) dropLocal(name string, whole *table.Row, problem error) {
	delete(r.locals.values, name)
	r.locals.encode()
	if !r.store.table.ReadOnly() {
		r.ticket = r.store.put(table.Change{ID: r.id, Aside: r.aside(whole, problem), Row: r.row()})
	}
}
