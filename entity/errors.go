package entity

import "fmt"

// CollisionError says that two entities of a program, or two locals of an entity, have the same name.
type CollisionError struct {
	ID    string
	Local string // empty when it is about entities
	// First and Second are where in the program they are made.
	First, Second string
}

// Error names both places.
func (e *CollisionError) Error() string {
	if e.Local != "" {
		return fmt.Sprintf("the entity %q has a local %q already, made at %s; the second one, at %s, needs another name", e.ID, e.Local, e.First, e.Second)
	}
	return fmt.Sprintf("there is an entity %q already, made at %s; the second one, at %s, needs another id", e.ID, e.First, e.Second)
}

// ClosedError refuses a change after Close.
type ClosedError struct{ Application string }

// Error says what to do.
func (e *ClosedError) Error() string {
	return fmt.Sprintf("the entities of %q are closed; change them before Close", e.Application)
}

// DeletedError refuses a change of an entity that was deleted.
type DeletedError struct{ ID string }

// Error says what to do.
func (e *DeletedError) Error() string {
	return fmt.Sprintf("the entity %q was deleted; make it again with New", e.ID)
}

// ValueError says that a value cannot be kept: JSON cannot express it, or it does not fit the entity's types.
type ValueError struct {
	ID   string
	Part string // "state", "attributes" or `local "NAME"`
	Err  error
}

// Error names the entity and the part.
func (e *ValueError) Error() string {
	return fmt.Sprintf("the %s of the entity %q: %v", e.Part, e.ID, e.Err)
}

// Unwrap gives the cause.
func (e *ValueError) Unwrap() error { return e.Err }

// MigrateError says that a Definition's Migrate failed. What was stored is set aside.
type MigrateError struct {
	ID       string
	From, To int // versions
	Err      error
}

// Error names the versions.
func (e *MigrateError) Error() string {
	return fmt.Sprintf("the entity %q, stored by version %d of its definition, could not be migrated to version %d: %v", e.ID, e.From, e.To, e.Err)
}

// Unwrap gives the cause.
func (e *MigrateError) Unwrap() error { return e.Err }
