// Package dump writes the full schema of each logical database of a set as SQL that package schema creates an empty
// database from: tables, rows that the set itself brings, counters, indexes, constraints, triggers, routines and views.
// It never changes a database, never writes rows that a server has made, and writes all files or none; the same schema
// gives the same bytes, whenever and wherever its database was made.
// Begin with Make, then Write.
package dump
