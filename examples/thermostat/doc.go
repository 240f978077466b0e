// Command thermostat is a small home-automation program that goes on where it was: a simulated room with a heater, a
// thermostat whose target, settings and counters are kept by package entity, and a sensor. It never loses what it said was
// stored, however it ends, and never waits for a database that is away, but to store a target. Begin with home.go, or run it:
//
//	go run ./examples/thermostat -target 21.5
//
// End it with Ctrl-C, or kill it, and start it again without -target. It keeps synapse_storage.db, an SQLite file, in the
// current folder; SYNAPSE_DATABASE_URL names another database, and compose.postgres.yaml and compose.mysql.yaml start one.
// With -broker mqtt://127.0.0.1:1883 Home Assistant shows the temperature, the heating and the target, which can be set there.
package main
