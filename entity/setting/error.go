package setting

import (
	"errors"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// Error says which setting cannot be used, where it came from, why, and what is allowed. It holds no value but ids.
type Error struct {
	// Setting is the name of its variable, also when it came from elsewhere.
	Setting string
	// Origin is empty when the setting is missing.
	Origin  Origin
	Problem string
	Allowed string
	// Err is the cause where there is one, mostly an engine.SettingError; Problem is empty then.
	Err error
}

// Error gives all of that in a line.
func (e *Error) Error() string {
	text := e.Setting
	if e.Origin != "" {
		text += " (from " + string(e.Origin) + ")"
	}
	text += ": " + e.Problem
	if e.Err != nil {
		text += e.Err.Error()
	}
	if e.Allowed != "" {
		text += "; allowed: " + e.Allowed
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Explain names the setting in what opening the database has found wrong with it: parameters of an SQLite URI, a folder
// that is not there. Other errors stay as they are.
func (s *Settings) Explain(err error) error {
	_, value := errors.AsType[engine.SettingError](err)
	_, file := errors.AsType[*sqlite.FileError](err)
	if !value && !file {
		return err
	}
	return &Error{Setting: URLVariable, Origin: s.URLOrigin, Err: err}
}
