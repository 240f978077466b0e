package legacy

import (
	"github.com/synapsedb/synapse/entity/table"
)

// Contents are what the tables of the other library hold.
type Contents struct {
	// Name is the database in words. It holds no secret.
	Name string
	// Applications are sorted by their IDs.
	Applications []Application
}

// Application is one application's part: rows of several applications stay apart, also those of one entity's ID.
type Application struct {
	table.Application

	// Rows are the entities, sorted by their IDs.
	Rows []table.Row
	// Damaged are rows that were not understood, whole, sorted by their IDs. Of an entity whose locals alone are partly
	// damaged, they hold these locals, each as a text, and Rows hold the rest of the entity. Found is zero.
	Damaged []table.Damaged
	// Refused have an ID that table.CheckID does not take. If it is the application's own, all its entities are here.
	Refused []Refused
	// Configuration counts the keys that were left out since they say how an entity is made, which is code's to say.
	Configuration map[string]int
	// Unknown counts the keys that were left out since they are known to no domain.
	Unknown map[string]int
	// Notes are what else was decided, a sentence each.
	Notes []string
}

// Refused is an entity that this library cannot keep.
type Refused struct {
	// ID is the entity's own.
	ID string
	// Err says why: an error of table.CheckID.
	Err error
}
