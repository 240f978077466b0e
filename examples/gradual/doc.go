// Command gradual shows how three releases of a server get rid of a table, room_stats_historical, so that an operator can
// always go back by one release. It plays upgrades and rollbacks on an SQLite file in a temporary folder and tells what
// happens; it never touches another file. Begin with releases.go, or run it: go run ./examples/gradual
package main
