// Package legacy reads the state of entities out of the tables of the TypeScript library, synapse_entity and
// synapse_entity_locals, as rows of package entity/table.
//
// It never writes to those tables, and no row that cannot be understood stops it: such rows are set aside.
//
// Begin with Read.
package legacy
