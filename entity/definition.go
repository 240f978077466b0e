package entity

import (
	"encoding/json"
	"time"

	"github.com/synapsedb/synapse/entity/significance"
)

// Definition is what the code says of an entity, at each start anew. Of all this only State and Attributes are stored, as
// what they are by then.
type Definition[State, Attributes any] struct {
	// ID is the entity's name for the database: 1 to 255 characters, unique in the application, and the same at each start.
	ID string
	// Name and Icon are for people. Options are for whatever else works with the entity, such as package hass.
	Name, Icon string
	Options    any
	// State and Attributes are those of the first start. They count as well where null is stored of a type that has no null, such as a number:
	// it was never set then, as imports have it.
	State      State
	Attributes Attributes

	// Durable makes whatever changes the entity wait until the database has it, and return ctx's error when that ends
	// first; the change is still made then, and written when that is possible. A report that is held, see MinInterval, is not waited for:
	// it is no change yet.
	Durable bool
	// Version is that of the types' meaning. Increase it when Migrate has something to do.
	Version int
	// Migrate makes values of this version of what an older one has stored, or of what does not decode into the types. Without it, what decodes is
	// taken, and what does not is set aside. An error sets everything aside. It must not use the store. The error's text goes to the log, so it
	// should not show values; those of encoding/json are put into other words there.
	Migrate func(stored Stored) (State, Attributes, error)
	// Significance tells significant changes from mere reports.
	Significance Significance[State, Attributes]
}

// Significance says which reports are changes: written, told to subscribers and moving LastChanged. The zero value is deep
// equality of state and attributes as JSON, in which the order of keys and the form of numbers do not matter. A report
// is compared with the last change, not with the last report, so that many small steps are a change too.
type Significance[State, Attributes any] struct {
	// Rule tolerates small differences, and ignores attributes.
	significance.Rule
	// MinInterval is how far apart changes are at least. A report that comes earlier is held: when the interval is over, and at Flush and Close,
	// the last one becomes a change, unless it is none any more.
	MinInterval time.Duration
	// Func decides instead of Rule when it is not nil. It must not use the store.
	Func func(before, after Values[State, Attributes]) bool
}

// Values are an entity's state and attributes.
type Values[State, Attributes any] struct {
	State      State
	Attributes Attributes
}

// Stored is what the database has of an entity.
type Stored struct {
	ID string
	// Version is that of the Definition which wrote it.
	Version           int
	State, Attributes json.RawMessage
}

// Restored says what an entity began with.
type Restored struct {
	// Found reports whether the database had the entity, so that it does not begin with the values of its Definition, but where Problem says so
	// or nothing was ever set.
	Found bool
	// Version is that of the Definition which wrote it.
	Version int
	// LastChanged and LastWritten are those of before.
	LastChanged, LastWritten time.Time
	// Removed is since when the program had not defined the entity; zero when it always has.
	Removed time.Time
	// Migrated reports whether Migrate made the values.
	Migrated bool
	// Problem is why the entity, or a part of it, began with the values of its Definition all the same. What the
	// database had is set aside then.
	Problem error
}
