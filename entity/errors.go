package entity

import (
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/entity/legacy"
	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/schema"
)

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
	reason, known := withoutValue(e.Err)
	if !known {
		reason = e.Err.Error()
	}
	return fmt.Sprintf("the entity %q, stored by version %d of its definition, could not be migrated to version %d: %s", e.ID, e.From, e.To, reason)
}

// Unwrap gives the cause.
func (e *MigrateError) Unwrap() error { return e.Err }

// LegacyError says that a database is one of the TypeScript library, whose default file has the same name. Nothing was
// changed.
type LegacyError struct {
	Database string // in words
	Err      *schema.OwnerError
}

// Error says how its entities are taken over.
func (e *LegacyError) Error() string {
	return fmt.Sprintf("%s is a database of the TypeScript library, which stays as it is; give another file or database (%s, or Config.URL), "+
		"and take the entities over with: synapse entity import --legacy OLD --database NEW --as APPLICATION", e.Database, setting.URLVariable)
}

// Unwrap gives the refusal of package schema.
func (e *LegacyError) Unwrap() error { return e.Err }

// orLegacy says more of an error where that is known.
func orLegacy(err error) error {
	owner, is := errors.AsType[*schema.OwnerError](err)
	if is && slices.Contains(owner.Tables, legacy.EntityTable) {
		return &LegacyError{Database: owner.Database, Err: owner}
	}
	return err
}
