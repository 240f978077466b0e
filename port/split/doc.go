// Package split moves the logical database "state" of a homeserver out of the physical database that it shares with
// "main", into one of its own on the same engine, and drops the tables that are left when the server has moved. It never
// writes to the database that it copies from, except by DropSourceTables, and never leaves a copy on which a server would
// start before both sides were compared. Begin with Run.
package split
