package config

import (
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// readSQLite reads the section of an SQLite database.
func (r *databaseReader) readSQLite(args section) {
	for _, key := range []string{"statement_timeout", "synchronous_commit", "allow_unsafe_locale"} {
		if given, present := r.keys[key]; present {
			r.loader.warn(given.position, key, "means nothing to SQLite")
		}
	}
	reader := r.argsReader(args)
	r.database.SQLitePath = reader.sqliteFile()
	reader.uri()
	reader.otherSQLiteKeys()
}

func (a *argsReader) sqliteFile() string {
	given, present := a.take("database")
	if present {
		return a.loader.sqlitePath(given, a.path)
	}
	a.loader.warn(a.database.Position, "database", "not given, so the database is kept in memory and lost in the end")
	return InMemory
}

// uri refuses names like "file:x?mode=ro", which are not read here.
func (a *argsReader) uri() {
	given, present := a.take("uri")
	if present && given.plain() != false {
		a.rejectValue(given, "URIs are not supported", "false")
	}
}

func (a *argsReader) otherSQLiteKeys() {
	known := append(names(SQLiteKeys()), names(PoolKeys())...)
	for _, key := range a.order {
		given, present := a.at[key]
		switch {
		case !present:
		case slices.Contains(known, key):
			a.loader.warn(given.position, key, "means nothing here: SQLite is used through one connection for writing")
		default:
			a.reject(given.position, &engine.UnknownKeyError{Key: key, Suggestion: engine.Nearest(key, known)})
		}
	}
}
