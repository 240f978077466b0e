// Package port moves a homeserver's whole database from SQLite to PostgreSQL: exactly,
// with every check before the first write, and with a proof at the end.
//
// It never writes to its source, never leaves a target that a server could start on
// by mistake, and never loses or changes a value without naming it.
//
// Begin with Run; Options say what to move and how to treat what does not convert.
package port
