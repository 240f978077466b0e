package config

import (
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// ErrNoDatabase is reported when the files configure no database at all.
var ErrNoDatabase = errors.New("no database is configured: there is neither database nor databases in the files that were read")

// ErrNoServerName is the cause when the server's name is needed and not given.
var ErrNoServerName = errors.New("it is in none of the files")

// Error is an error about a key, with the place where it stands.
type Error struct {
	Position Position
	// Section is the mapping the key belongs to, such as "database.args";
	// empty for the top level.
	Section string
	// Err is mostly an engine.SettingError.
	Err error
}

// Error gives the position, the section and the cause.
func (e *Error) Error() string {
	if e.Section == "" {
		return fmt.Sprintf("%s: %v", e.Position, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Position, e.Section, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// SyntaxError reports a file that is not YAML.
type SyntaxError struct {
	Position Position
	Problem  string
}

// Error gives the position and the problem, without the text around it.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s: %s", e.Position, e.Problem) }

// MissingNameError reports a database section that names no engine.
type MissingNameError struct {
	Position Position
	Section  string
}

// Error says where the name is missing and what it can be.
func (e *MissingNameError) Error() string {
	return fmt.Sprintf("%s: %s: name is missing; allowed: psycopg2, sqlite3", e.Position, e.Section)
}

// EngineError reports a database section whose engine is not supported.
type EngineError struct {
	Position Position
	Section  string
	// Engine is set when the name is one of an engine that is known, but not
	// for a homeserver's database.
	Engine engine.Kind
}

// Error says where the name stands and what it can be.
func (e *EngineError) Error() string {
	what := "name is no engine of a homeserver's database"
	if e.Engine != "" {
		what = fmt.Sprintf("a homeserver's database cannot be kept by %s", e.Engine)
	}
	return fmt.Sprintf("%s: %s: %s; allowed: psycopg2, sqlite3", e.Position, e.Section, what)
}
