// Package schema gives a database its tables and takes it from release to release: it creates from a full schema, applies
// the deltas that are missing, keeps what was applied with the database, and refuses code that is too old for it.
// It never applies one set's files to another's database, never leaves a step without the record of it, and never
// changes anything before every check has passed.
// Begin with New, which reads and checks a set of files, then Prepare on an engine.Session; MakePlan and Inspect
// only look.
package schema
