package entity

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Entity is something with a state and attributes that are kept. It is used by any number of goroutines. What it gives
// out is the caller's own: nothing that is kept changes with it.
type Entity[State, Attributes any] struct {
	record *record
	// Whether values of the types can be handed out as they are, since they refer to nothing.
	plainState, plainAttributes bool
}

// ID is the entity's name for the database.
func (e *Entity[State, Attributes]) ID() string { return e.record.id }

// Name is the Definition's.
func (e *Entity[State, Attributes]) Name() string { return e.record.name }

// State is the one reported last.
func (e *Entity[State, Attributes]) State() State {
	now, value := e.now()
	if e.plainState {
		return value.State
	}
	return copied[State](now.State)
}

// Attributes are those reported last.
func (e *Entity[State, Attributes]) Attributes() Attributes {
	now, value := e.now()
	if e.plainAttributes {
		return value.Attributes
	}
	return copied[Attributes](now.Attributes)
}

// Values are the state and the attributes of one moment.
func (e *Entity[State, Attributes]) Values() Values[State, Attributes] {
	now, value := e.now()
	if !e.plainState {
		value.State = copied[State](now.State)
	}
	if !e.plainAttributes {
		value.Attributes = copied[Attributes](now.Attributes)
	}
	return value
}

func (e *Entity[State, Attributes]) now() (document, Values[State, Attributes]) {
	e.record.mu.Lock()
	defer e.record.mu.Unlock()
	return e.record.now, e.record.value.(Values[State, Attributes]) //nolint:forcetypeassert // only this type is put there
}

// copied decodes what has been decoded before.
func copied[T any](raw json.RawMessage) (value T) {
	if err := json.Unmarshal(raw, &value); err != nil {
		panic(err)
	}
	return value
}

// Set reports a state, with the attributes as they are. When that is a significant change it is written, and told to
// subscribers before Set returns. Errors: *ValueError for a state that JSON cannot express, and nothing is changed then; *ClosedError,
// *DeletedError, *table.ReadOnlyError. A Durable entity's Set waits, see Definition.
func (e *Entity[State, Attributes]) Set(ctx context.Context, state State) error {
	return e.record.report(ctx, func() (document, any, error) {
		now, value := e.now()
		var err error
		now.State, value.State, err = encoded(e.record.id, "state", state)
		return now, value, err
	})
}

// SetAttributes is Set for the attributes.
func (e *Entity[State, Attributes]) SetAttributes(ctx context.Context, attributes Attributes) error {
	return e.record.report(ctx, func() (document, any, error) {
		now, value := e.now()
		var err error
		now.Attributes, value.Attributes, err = encoded(e.record.id, "attributes", attributes)
		return now, value, err
	})
}

// Update reports what change makes of the present values. Nobody else reports meanwhile; change must not do so itself. When it returns an
// error, that is Update's, and nothing is changed. The other errors are those of Set.
func (e *Entity[State, Attributes]) Update(ctx context.Context, change func(state *State, attributes *Attributes) error) error {
	return e.record.report(ctx, func() (document, any, error) {
		value := e.Values()
		if err := change(&value.State, &value.Attributes); err != nil {
			return document{}, nil, err
		}
		return encodedValues(e.record.id, value)
	})
}

func encodedValues[State, Attributes any](id string, value Values[State, Attributes]) (document, any, error) {
	var (
		made document
		err  error
	)
	if made.State, value.State, err = encoded(id, "state", value.State); err != nil {
		return made, value, err
	}
	made.Attributes, value.Attributes, err = encoded(id, "attributes", value.Attributes)
	return made, value, err
}

// encoded gives a value as JSON, and as it will be after a restart.
func encoded[T any](id, part string, value T) (json.RawMessage, T, error) {
	var back T
	raw, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(raw, &back)
	}
	if err == nil && !utf8.Valid(raw) {
		err = errNoText
	}
	if err != nil {
		return nil, back, &ValueError{ID: id, Part: part, Err: err}
	}
	return raw, back, nil
}

// Restored says what the entity began with.
func (e *Entity[State, Attributes]) Restored() Restored { return e.record.restored }

// LastChanged is when the last significant change was, in this run or a former one; for a new entity, when it was made.
func (e *Entity[State, Attributes]) LastChanged() time.Time {
	e.record.mu.Lock()
	defer e.record.mu.Unlock()
	return e.record.changed
}

// LastReported is when somebody last reported something in this run, significant or not; zero when nobody has. It is not
// stored.
func (e *Entity[State, Attributes]) LastReported() time.Time {
	e.record.mu.Lock()
	defer e.record.mu.Unlock()
	return e.record.reported
}

// Change is a significant change.
type Change[State, Attributes any] struct {
	Before, After Values[State, Attributes]
	// At is when it was, Previous when the one before was.
	At, Previous time.Time
}

// OnChange has tell called for each significant change from now on, one after the other in their order, before whoever made the change goes
// on, unless another change is being told just then. Tell may change entities, and should not be slow: changes of this
// entity wait for it, in memory. What OnChange returns ends it: no call begins afterwards, and one that has begun is not waited for.
func (e *Entity[State, Attributes]) OnChange(tell func(Change[State, Attributes])) (stop func()) {
	return e.record.changes.subscribe(func(made rawChange) {
		tell(Change[State, Attributes]{
			Before: copiedValues[State, Attributes](made.before), After: copiedValues[State, Attributes](made.after),
			At: made.at, Previous: made.previous,
		})
	})
}

func copiedValues[State, Attributes any](from document) Values[State, Attributes] {
	return Values[State, Attributes]{State: copied[State](from.State), Attributes: copied[Attributes](from.Attributes)}
}

// Delete removes the entity and all it has, from the program and from the database. Its id may be used again.
func (e *Entity[State, Attributes]) Delete(ctx context.Context) error { return e.record.delete(ctx) }

// ResetLocals removes all locals, those of former versions of the program too; each is then as it was defined. A Local's Update
// that is under way may come after it.
func (e *Entity[State, Attributes]) ResetLocals(ctx context.Context) error {
	return e.record.resetLocals(ctx)
}

func (e *Entity[State, Attributes]) owner() *record { return e.record }
