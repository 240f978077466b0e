// Package back moves a homeserver's database from PostgreSQL to SQLite: it makes a new file with the tables of the same schema set,
// fills it from one snapshot of the source, and proves that both hold the same rows. It never writes to the source, never
// touches a file that is there, and gives the new one its name only when it is complete, compared and on the disk.
// Begin with Run.
package back
