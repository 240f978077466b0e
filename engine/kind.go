package engine

import "strings"

// Kind is the database product behind a connection.
type Kind string

// The engines, by the names used in flags, messages and documents.
const (
	SQLite   Kind = "sqlite"
	Postgres Kind = "postgres"
	MySQL    Kind = "mysql"
)

// ParseKind reads the name of an engine as a configuration spells it: our own
// names, the driver names of the Python homeserver (sqlite3, psycopg2) and the
// product names postgresql and mariadb. It reports false for any other name.
func ParseKind(name string) (Kind, bool) {
	switch strings.ToLower(name) {
	case "sqlite", "sqlite3":
		return SQLite, true
	case "postgres", "postgresql", "psycopg2":
		return Postgres, true
	case "mysql", "mariadb":
		return MySQL, true
	}
	return "", false
}
