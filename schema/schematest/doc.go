// Package schematest tests the schema sets of other packages: that all engines end with the same tables and columns,
// which a port between engines needs. It never starts a server and is never part of a program.
// Begin with SameTables.
package schematest
