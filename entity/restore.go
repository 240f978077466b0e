package entity

import (
	"encoding/json"
	"errors"

	"github.com/synapsedb/synapse/entity/table"
)

// restore gives what an entity begins with: what was stored, or what Migrate makes of it, or, for each part that cannot be
// used, the definition's.
func restore[State, Attributes any](made *record, definition *Definition[State, Attributes], row table.Row,
	initial document, value Values[State, Attributes],
) (document, Values[State, Attributes]) {
	stored := document{State: row.State, Attributes: row.Attributes}
	if definition.Migrate != nil && int64(definition.Version) > row.Definition {
		return migrate(made, definition, row, initial, value)
	}
	decoded, err := decodeValues[State, Attributes](made.id, stored)
	switch {
	case err == nil:
		return stored, decoded
	case definition.Migrate != nil:
		return migrate(made, definition, row, initial, value)
	}
	return salvage(made, stored, initial, value)
}

func migrate[State, Attributes any](made *record, definition *Definition[State, Attributes], row table.Row,
	initial document, value Values[State, Attributes],
) (document, Values[State, Attributes]) {
	var migrated Values[State, Attributes]
	var err error
	migrated.State, migrated.Attributes, err = definition.Migrate(Stored{
		ID: row.ID, Version: int(row.Definition), State: row.State, Attributes: row.Attributes,
	})
	if err != nil {
		made.restored.Problem = &MigrateError{ID: made.id, From: int(row.Definition), To: definition.Version, Err: err}
		return initial, value
	}
	raw, back, err := encodedValues(made.id, migrated)
	if err != nil {
		made.restored.Problem = err
		return initial, value
	}
	made.restored.Migrated = true
	return raw, back.(Values[State, Attributes])
}

// salvage keeps the part that can be used.
func salvage[State, Attributes any](made *record, stored, initial document, value Values[State, Attributes]) (document, Values[State, Attributes]) {
	var problems []error
	if state, err := decodePart[State](made.id, "state", stored.State); err != nil {
		problems = append(problems, err)
	} else {
		initial.State, value.State = stored.State, state
	}
	if attributes, err := decodePart[Attributes](made.id, "attributes", stored.Attributes); err != nil {
		problems = append(problems, err)
	} else {
		initial.Attributes, value.Attributes = stored.Attributes, attributes
	}
	made.restored.Problem = errors.Join(problems...)
	return initial, value
}

func decodePart[T any](id, part string, raw json.RawMessage) (value T, err error) {
	if err := json.Unmarshal(raw, &value); err != nil {
		return value, &ValueError{ID: id, Part: part, Err: err}
	}
	return value, nil
}

// defineLocal takes what is stored of a local into use, or sets it aside and gives the reason.
func (r *record) defineLocal(name string, made uintptr, fits func(json.RawMessage) error) (problem, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := checkLocal(r.id, name); err != nil {
		return nil, err
	}
	if first, taken := r.locals.defined[name]; taken {
		return nil, &CollisionError{ID: r.id, Local: name, First: placeOf(first), Second: placeOf(made)}
	}
	whole := *r.row(r.kept, r.changed)
	if problem = r.locals.open(); problem == nil {
		if stored, there := r.locals.values[name]; there {
			problem = fits(stored)
		}
	}
	r.locals.define(name, made)
	if problem == nil {
		return nil, nil //nolint:nilnil // no problem, and no error
	}
	problem = &ValueError{ID: r.id, Part: localPart(name), Err: problem}
	return problem, r.dropLocal(name, whole, problem)
}

// dropLocal sets a row aside and goes on without one of its locals.
func (r *record) dropLocal(name string, whole table.Row, problem error) error {
	delete(r.locals.values, name)
	r.locals.encode()
	if r.store.table.ReadOnly() {
		return nil
	}
	_, err := r.store.put(table.Change{ID: r.id, Aside: r.aside(whole, problem), Row: r.row(r.kept, r.changed)})
	return err
}
