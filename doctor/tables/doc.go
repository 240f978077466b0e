// Package tables checks that a database has the version, the tables, columns, keys, indexes and triggers that its schema set
// says, and builds indexes that are missing. It never changes or drops what is there, and what it makes to compare with is in
// memory or rolled back. Begin with Checks and Fixes.
package tables
