// Package table keeps the entities of applications in the tables of the schema set "entity", on every engine, and holds an application's
// lock while it is open. It never interprets what it keeps: state, attributes and locals are bytes to it, and when to write is for others to say.
// Begin with Open.
package table
