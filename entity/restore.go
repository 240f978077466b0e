package entity

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/synapsedb/synapse/entity/table"
)

// first gives what an entity begins with: what was stored, or what Migrate makes of it, or, for each part that cannot be
// used, the definition's. The definition's is looked at only where it is needed: most starts find everything stored.
func first[State, Attributes any](made *record, definition *Definition[State, Attributes], row *table.Row, found bool) (document, any, error) {
	if !found {
		return initial(definition)
	}
	if definition.Migrate != nil && int64(definition.Version) > row.Definition {
		return migrate(made, definition, row)
	}
	var kept document
	var begun Values[State, Attributes]
	var stateProblem, attributesProblem error
	kept.State, begun.State, stateProblem = beginPart(made.id, "state", row.State, &definition.State)
	kept.Attributes, begun.Attributes, attributesProblem = beginPart(made.id, "attributes", row.Attributes, &definition.Attributes)
	switch {
	case stateProblem == nil && attributesProblem == nil:
		return kept, begun, nil
	case definition.Migrate != nil:
		return migrate(made, definition, row)
	}
	made.restored.Problem = errors.Join(stateProblem, attributesProblem)
	if stateProblem != nil {
		begun.State = definition.State
	}
	if attributesProblem != nil {
		begun.Attributes = definition.Attributes
	}
	return encodedValues(made.id, begun)
}

// beginPart decodes what was stored of a part, or takes the definition's when nothing was ever set.
func beginPart[T any](id, part string, stored json.RawMessage, definition *T) (kept json.RawMessage, value T, err error) {
	value, err = decodePart[T](id, part, stored)
	if err == nil && neverSet(stored, value) {
		return encoded(id, part, *definition)
	}
	return stored, value, err
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
		ID: row.ID, Version: int(row.Definition), State: slices.Clone(row.State), Attributes: slices.Clone(row.Attributes),
	})
	if err != nil {
		return document{}, nil, err
	}
	return encodedValues(definition.ID, made)
}

// defineLocal takes what is stored of a local into use, or sets it aside and gives the reason.
func (r *record) defineLocal(name string, made uintptr, look func(json.RawMessage) (set bool, problem error)) (problem, err error) {
	if err := checkLocal(r.id, name); err != nil {
		return nil, err
	}
	problem, err = r.takeLocal(name, made, look)
	if err != nil {
		return nil, err
	}
	if problem != nil {
		r.store.report(Problem{ID: r.id, Err: problem})
		return problem, nil
	}
	return r.locals.problem, nil // it was reported when the entity was defined
}

func (r *record) takeLocal(name string, made uintptr, look func(json.RawMessage) (set bool, problem error)) (problem, err error) {
	if err := r.store.enterOpen(); err != nil {
		return nil, err
	}
	defer r.store.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted {
		return nil, &DeletedError{ID: r.id}
	}
	if first, taken := r.locals.defined[name]; taken {
		return nil, &CollisionError{ID: r.id, Local: name, First: placeOf(first), Second: placeOf(made)}
	}
	r.locals.open()
	stored, there := r.locals.values[name]
	if !there {
		r.locals.define(name, made)
		return nil, nil
	}
	set, problem := look(stored)
	r.locals.define(name, made)
	if !set {
		r.dropLocal(name, problem)
	}
	return problem, nil
}

// dropLocal goes on without one of the locals, and sets the row aside when there is a problem with it.
func (r *record) dropLocal(name string, problem error) {
	whole := r.row()
	delete(r.locals.values, name)
	r.locals.encode()
	if problem != nil && !r.store.table.ReadOnly() {
		r.ticket = r.store.put(table.Change{ID: r.id, Aside: aside(whole, problem), Row: r.row()})
	}
}
