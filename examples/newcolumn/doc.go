// Command newcolumn shows how six releases of a server replace a column by another one, which is NOT NULL in the end and
// holds old_column * 100 in every row, so that an operator can always go back by one release, also in the middle of the
// background update that fills it. It plays upgrades and rollbacks on an SQLite file in a temporary folder, or on the empty
// PostgreSQL database that it is given, and never touches another one. Begin with releases.go, or run it:
// go run ./examples/newcolumn
package main
