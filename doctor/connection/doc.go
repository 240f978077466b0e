// Package connection explains why a PostgreSQL server cannot be connected to, down to the line that pg_hba.conf lacks and where it must
// stand, and checks what a connection that works will do one day: hang when the other side is gone, run out of room, go unencrypted. It
// changes no setting, of neither side. Begin with Explain and Checks.
package connection
