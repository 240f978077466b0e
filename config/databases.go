package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// readDatabases finds the sections of databases and reads them all.
func (l *loader) readDatabases() {
	single, hasSingle := l.present("database")
	several, hasSeveral := l.present("databases")
	switch {
	case hasSingle && hasSeveral:
		l.reject(&Error{Position: several.position, Err: &engine.ConflictError{
			Keys: []string{"databases", "database"}, Problem: "both are given", Hint: "keep one of them",
		}})
	case hasSingle:
		l.readDatabase("master", "database", single)
	case hasSeveral:
		l.readSeveral(several)
	}
	l.readDatabasePath(hasSingle, hasSeveral)
	if len(l.config.Databases) == 0 && len(l.problems) == 0 {
		l.reject(&engine.Error{
			Op: "load the configuration", Err: ErrNoDatabase,
			Hint: "give all files and directories that the homeserver is started with",
		})
	}
	if len(l.problems) == 0 {
		l.checkStores()
	}
}

// present finds a top-level key that is not null.
func (l *loader) present(key string) (section, bool) {
	found, present := l.top[key]
	return found, present && !found.isNull()
}

func (l *loader) readSeveral(several section) {
	if !several.isMapping() {
		l.reject(&Error{Position: several.position, Err: &engine.ValueError{Key: "databases", Problem: "not a mapping", Allowed: "labels with a mapping each"}})
		return
	}
	for _, entry := range l.entries("databases", several) {
		l.readDatabase(entry.name, "databases."+engine.PrintableKey(entry.name), entry)
	}
}

// readDatabasePath applies upstream's rules for the older key.
func (l *loader) readDatabasePath(hasSingle, hasSeveral bool) {
	path, present := l.present("database_path")
	switch {
	case !present:
	case hasSeveral:
		l.reject(&Error{Position: path.position, Err: &engine.ConflictError{
			Keys: []string{"database_path", "databases"}, Problem: "both are given", Hint: "keep databases",
		}})
	case hasSingle:
		l.warn(path.position, "database_path", "ignored, since database is given")
	default:
		database := Database{Label: "master", Name: "sqlite3", Engine: engine.SQLite, DataStores: allStores(), Position: path.position}
		database.SQLitePath = l.sqlitePath(path, "")
		l.config.Databases = append(l.config.Databases, database)
	}
}

// entries gives the keys of a section's mapping; a key given twice is an error.
func (l *loader) entries(path string, from section) []section {
	entries, repeated := from.document.entries(from.value)
	for _, entry := range repeated {
		l.reject(&Error{Position: entry.position, Section: path, Err: &engine.ConflictError{
			Keys: []string{engine.PrintableKey(entry.name)}, Problem: "given more than once", Hint: "keep one",
		}})
	}
	if from.document.visits > maximumVisits {
		l.reject(&SyntaxError{Position: from.position, Problem: "the aliases of this file expand to too much"})
		return nil
	}
	return entries
}

func (l *loader) readDatabase(label, path string, from section) {
	if !from.isMapping() {
		l.reject(&Error{Position: from.position, Section: path, Err: errors.New("not a mapping")})
		return
	}
	reader := &databaseReader{
		loader: l, path: path,
		database: Database{Label: label, DataStores: allStores(), Position: from.position},
		keys:     map[string]section{},
	}
	for _, entry := range l.entries(path, from) {
		reader.accept(entry)
	}
	reader.read(from.position)
	l.config.Databases = append(l.config.Databases, reader.database)
}

func allStores() []string { return []string{"main", "state"} }

// checkStores makes sure that each logical database is kept exactly once.
func (l *loader) checkStores() {
	for _, store := range allStores() {
		var holders []Database
		for _, database := range l.config.Databases {
			if slices.Contains(database.DataStores, store) {
				holders = append(holders, database)
			}
		}
		switch {
		case len(holders) == 0:
			l.rejectStore(l.config.Databases[0].Position, "no database keeps "+store)
		case len(holders) > 1:
			l.rejectStore(holders[1].Position, "more than one database keeps "+store)
		}
	}
}

func (l *loader) rejectStore(position Position, problem string) {
	l.reject(&Error{Position: position, Err: &engine.ConflictError{
		Keys: []string{"data_stores"}, Problem: problem, Hint: "list main and state once each over all databases",
	}})
}

// sqlitePath reads the path of an SQLite file.
func (l *loader) sqlitePath(from section, path string) string {
	value, isText := from.plain().(string)
	switch {
	case !isText || value == "":
		l.reject(&Error{Position: from.position, Section: path, Err: &engine.ValueError{Key: from.name, Problem: "not text", Allowed: "a file, " + InMemory}})
		return ""
	case value == InMemory:
		l.warn(from.position, from.name, "the database is kept in memory and lost in the end")
		return InMemory
	}
	absolute, err := filepath.Abs(value)
	if err != nil {
		l.reject(fmt.Errorf("resolve the path of the SQLite database: %w", err))
	}
	return absolute
}
