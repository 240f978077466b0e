// Package catalog reads what a PostgreSQL schema consists of: tables, columns,
// indexes, constraints, triggers and sequences, from the system catalog, which
// needs no hand-kept list and sees objects that information_schema hides.
//
// It never changes anything and never guesses: what the catalog does not say is
// not in the result.
//
// Begin with Load.
package catalog
