package entity

import (
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/queue"
)

// Status is how a store is. Its Queue tells how the database is: while it is away, Queue.LastError says why, and
// Queue.Pending grows up to the number of entities, of each of which the last value is kept.
type Status struct {
	Application string
	Database    string // in words, without a secret
	Engine      engine.Kind
	ReadOnly    bool
	// Loaded is how many entities the database had at Open, Entities how many the program has defined, Unknown how many of the
	// database it has not.
	Loaded, Entities, Unknown int
	// Problems are what could not be used of what was stored, as the program came upon it. It is set aside, unless the database is only
	// read. No error shows a value.
	Problems []Problem
	Queue    queue.Status
}

// Problem is why what was stored of an entity, or a part of it, could not be used.
type Problem struct {
	ID  string
	Err error
}

// Status tells how the store is. It waits for nothing.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Application: s.application, Database: s.table.Name(), Engine: s.table.Engine(), ReadOnly: s.table.ReadOnly(),
		Loaded: s.loaded, Entities: len(s.records), Unknown: len(s.unknown),
		Problems: slices.Clone(s.problems), Queue: s.queue.Status(),
	}
}

// report is called without a lock: a log may be the program's own, and do anything.
func (s *Store) report(problem Problem) {
	s.mu.Lock()
	s.problems = append(s.problems, problem)
	s.mu.Unlock()
	message := "what was stored of an entity cannot be used; it is set aside, and the entity begins with what its definition says"
	if s.table.ReadOnly() {
		message = "what was stored of an entity cannot be used; the entity begins with what its definition says"
	}
	s.log.Error(message, "application", s.application, "entity_id", problem.ID, "error", problem.Err)
}
