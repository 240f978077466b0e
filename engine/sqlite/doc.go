// Package sqlite opens SQLite databases without cgo: for a server through database/sql (Open, Transact),
// and for the jobs that read a whole database through a Snapshot, one unchanging view streamed by several readers.
// It never changes a database that it was asked to read, leaves no file beside it, and never creates one that was expected to exist.
// Begin with Open for a database to work in, with OpenSession to create or change its schema, with OpenSnapshot for one to read
// from, with Backup to copy one while it is in use.
package sqlite
