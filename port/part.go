package port

import (
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/homeserver"
)

// identify looks whether the tables are there by which the target's logical databases are known.
func (t *target) identify() *Problem {
	names := make([]string, 0, len(t.schema.Tables))
	for _, table := range t.schema.Tables {
		names = append(names, table.Name)
	}
	missing, missingOfState := homeserver.Missing(names), homeserver.MissingOfState(names)
	switch {
	case t.part == partState && holdsAny(names, homeserver.IdentifyingTables()):
		return wrongDatabase("the database for state holds tables of main")
	case t.part == partMain && len(missing) > 0 && holdsAny(names, homeserver.IdentifyingStateTables()):
		return wrongDatabase("the database for main holds state, and not main")
	case t.part == partState:
		missing = missingOfState
	}
	if len(missing) > 0 {
		return new(t.notPrepared(missing))
	}
	return nil
}

// holdsAny reports whether a table other than those of every physical database is among the names.
func holdsAny(names, tables []string) bool {
	return slices.ContainsFunc(tables, func(table string) bool {
		return slices.Contains(names, table) && !slices.Contains(homeserver.BookkeepingTables(), table)
	})
}

func wrongDatabase(what string) *Problem {
	return &Problem{
		ID: "target_wrong_database", What: what,
		Hint: "look at `data_stores` in the sections under `databases`: they may be the wrong way round; " +
			"a database that is prepared for state holds state alone",
	}
}

func (t *target) notPrepared(missing []string) Problem {
	return Problem{
		ID:   "target_not_prepared",
		What: fmt.Sprintf("the target is not prepared: its schema %q lacks the tables %s", t.schema.Name, engine.List(missing)),
		Hint: "create the tables with the homeserver itself, of the version that the SQLite database was last used with:\n" +
			"update_synapse_database --database-config homeserver-postgres.yaml --run-background-updates\n" +
			"An empty target is prepared by the port itself when it knows the homeserver's schema files (--schema-dir)",
	}
}

// rowsOfState lists the tables of state that have rows in a database that is for main alone.
func (t *target) rowsOfState() []string {
	if t.part != partMain {
		return nil
	}
	return slices.DeleteFunc(homeserver.StateTables(), func(name string) bool { return !t.filled[name] && !t.earlier.copied(name) })
}

// copied reports whether an earlier port was to fill the table of that name.
func (e *earlier) copied(name string) bool {
	if e == nil {
		return false
	}
	_, found := e.scan[name]
	return found
}

// takes reports whether a table of the source goes into this target. Those of state always belong to the database of state; any
// other goes there only if main's has no such table, as one that a module made there.
func (p *planner) takes(name string) bool {
	switch {
	case p.target.part == partAll:
		return true
	case slices.ContainsFunc(homeserver.StateTables(), func(table string) bool { return strings.EqualFold(table, name) }):
		return p.target.part == partState
	case p.target.part == partMain:
		return p.target.has(name) || p.other == nil || !p.other.has(name)
	}
	return p.target.has(name) && p.other != nil && !p.other.has(name)
}

func (t *target) has(name string) bool {
	return engine.FindName(t.schema.Tables, name, func(t *catalog.Table) string { return t.Name }) != nil
}
