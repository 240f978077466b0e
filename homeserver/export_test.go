package homeserver

import "github.com/synapsedb/synapse/engine"

// PurgeStatement is a step of a purge, for the tests.
type PurgeStatement struct{ Table, Statement string }

// PurgeStatements are the steps of PurgeRoom, then those of PurgeRoomState.
func PurgeStatements(kind engine.Kind) []PurgeStatement {
	var statements []PurgeStatement
	for _, step := range append(mainPurge(), statePurge()...) {
		statements = append(statements, PurgeStatement{Table: step.table, Statement: step.on(kind)})
	}
	return statements
}
