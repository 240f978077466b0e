package data

import (
	"context"
	"fmt"
	"regexp"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// The findings.
const (
	DuplicateKeys      = "duplicate_keys"
	IndexDamaged       = "index_damaged"
	EventIDTwice       = "event_id_twice"
	ForeignKeyBroken   = "foreign_key_broken"
	ForeignKeyUnproved = "foreign_key_unproved"
	TablesUnreadable   = "tables_unreadable"
	StateGroupMissing  = "state_group_missing"
	PredecessorMissing = "state_group_predecessor_missing"
	StateUnreferenced  = "state_groups_unreferenced"
	StateLargestRooms  = "state_largest_rooms"
	EventWithoutJSON   = "event_without_json"
	JSONWithoutEvent   = "json_without_event"
	NotBoolean         = "not_a_boolean"
	RoomWithoutVersion = "room_without_version"
	ManyExtremities    = "forward_extremities"
	ForeignUser        = "user_of_other_server"
)

// Checks are the checks of this package.
func Checks() []finding.Check {
	return []finding.Check{
		{Name: "users", Reads: "the names in users", Run: checkUsers},
		{Name: "rooms", Reads: "rooms without a version, and event_forward_extremities", Run: checkRooms},
		{Name: "unique_keys", Deep: true, Reads: "every table with a unique index, whole, without its indexes", Run: checkUnique},
		{
			Name: "index_contents", Deep: true, Engines: []engine.Kind{engine.Postgres}, Run: checkIndexes,
			Reads: "where the extension amcheck is installed, every B-tree index and its table, whole",
		},
		{Name: "foreign_keys", Deep: true, Reads: "both tables of every foreign key, whole", Run: checkForeignKeys},
		{Name: "state_groups", Deep: true, Reads: "the numbers in event_to_state_groups, state_group_edges, state_groups and state_groups_state", Run: checkGroups},
		{Name: "state_rooms", Deep: true, Reads: "the rooms in state_groups_state", Run: checkLargestRooms},
		{Name: "events", Deep: true, Reads: "the ids in events and event_json", Run: checkEvents},
		{Name: "booleans", Deep: true, Engines: []engine.Kind{engine.SQLite}, Reads: "every table with a column of booleans, whole", Run: checkBooleans},
	}
}

// examples collects the first pieces of evidence, and counts all. The zero value is ready.
type examples struct {
	first []string
	count int64
}

func (e *examples) add(format string, values ...any) {
	e.count++
	if len(e.first) < finding.MostEvidence {
		e.first = append(e.first, fmt.Sprintf(format, values...))
	}
}

// evidence is the first pieces, and how many more there are.
func (e *examples) evidence() []string {
	more := e.count - int64(len(e.first))
	if more <= 0 {
		return e.first
	}
	// The last piece makes place, so that there are no more than MostEvidence.
	return append(e.first[:len(e.first)-1:len(e.first)-1], fmt.Sprintf("and %d more", more+1))
}

// number writes a count with its noun.
func number(count int64, noun string) string {
	if count != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", count, noun)
}

var secret = regexp.MustCompile(`(?i)token|secret|password|signature|session|key_json`)

// isSecret reports whether a column or an expression may hold what must not be shown.
func isSecret(column string) bool { return secret.MatchString(column) }

// holds reports whether the database has all these tables.
func holds(ctx context.Context, from engine.Querier, names ...string) (bool, error) {
	query := "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?"
	if from.Engine() == engine.Postgres {
		query = "SELECT to_regclass(quote_ident(?)) IS NOT NULL"
	}
	for _, name := range names {
		var exists bool
		if err := from.QueryRow(ctx, query, name).Scan(&exists); err != nil || !exists {
			return false, err
		}
	}
	return true, nil
}

// collect reads rows of texts as evidence.
func collect(ctx context.Context, from engine.Querier, format, query string, values ...any) (*examples, error) {
	found := &examples{}
	err := engine.Each(ctx, from, query, values, func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		found.add(format, text)
		return nil
	})
	return found, err
}
