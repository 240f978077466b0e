// Package data checks the rows of a homeserver's database: keys that are there twice, rows that point to nothing, state groups
// and events of which a part is missing. It never writes to a database; what it would delete is written as a script to be read and
// run. Begin with Checks and WriteRepair.
package data
