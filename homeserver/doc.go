// Package homeserver holds the schema of a Matrix homeserver's database, our own
// (the schema set "homeserver", for SQLite and PostgreSQL) and what is known of
// upstream's: its sequences, and the tables a server rebuilds or must not inherit.
// It never opens a database and never creates tables in one that already holds some.
// Begin with Set or Create for a new database, with PurgeRoom to
// delete a room from one, with Streams and Tables for a port.
package homeserver
