// Package entity keeps the entities of a program (a lamp, a thermostat, a counter) in a database, so that their state,
// attributes and locals are there again after a restart. It never keeps what a program says in its code, such as names
// and icons, never reads the database after the start, and never makes a program wait for a database that is away, but
// where the program asks for that. Begin with Open, then New for each entity.
package entity
