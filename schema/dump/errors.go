package dump

import (
	"fmt"
	"strings"
)

// VersionError says that a database is not at the version of the set.
type VersionError struct {
	Database string
	Version  int  // the database's
	Wanted   int  // the set's
	Empty    bool // nothing was created, or not to the end
	Missing  []string
}

// Error says what to do.
func (e *VersionError) Error() string {
	switch {
	case e.Empty:
		return e.Database + " is empty, or its creation was interrupted: there is nothing to dump; create it first (synapse upgrade)"
	case len(e.Missing) > 0:
		return fmt.Sprintf("%s has schema version %d and lacks steps of version %d: %s; upgrade it first (synapse upgrade)",
			e.Database, e.Version, e.Wanted, strings.Join(e.Missing, ", "))
	}
	return fmt.Sprintf("%s has schema version %d, and the schema set %d: a full schema is dumped from a database of the same version",
		e.Database, e.Version, e.Wanted)
}

// UpdatesError says that background updates have not run.
type UpdatesError struct {
	Database string
	Updates  []string
}

// Error names them.
func (e *UpdatesError) Error() string {
	return fmt.Sprintf("%s has background updates that are not done: %s; a full schema holds what they leave, so run them first (synapse updates run)",
		e.Database, strings.Join(e.Updates, ", "))
}

// RowsError says that tables hold rows that no empty database should begin with.
type RowsError struct {
	Database string
	Tables   []string
}

// Error names the tables.
func (e *RowsError) Error() string {
	return fmt.Sprintf("%s has been used: these tables have rows, and the schema set brings none for them: %s; dump a database that no server has run on",
		e.Database, strings.Join(e.Tables, ", "))
}

// AssignError says that it cannot be told which logical database something belongs to.
type AssignError struct {
	Database string
	Objects  []string
	Problem  string
}

// Error names the objects.
func (e *AssignError) Error() string {
	text := e.Database + " " + e.Problem
	if len(e.Objects) > 0 {
		text += ": " + strings.Join(e.Objects, ", ")
	}
	return text + "; give a database for each logical database, made from the files alone"
}

// UnsupportedError says that a database holds what cannot be dumped.
type UnsupportedError struct {
	Objects []string
}

// Error names the objects.
func (e *UnsupportedError) Error() string {
	return "this cannot be written into a full schema: " + strings.Join(e.Objects, ", ") + "; remove it from the database, and create it in a delta or in code"
}

// ToolError is about pg_dump.
type ToolError struct {
	Program string
	Problem string
	Hint    string
	Err     error // may be nil
}

// Error says what to do.
func (e *ToolError) Error() string {
	text := e.Program + " " + e.Problem
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap gives the cause.
func (e *ToolError) Unwrap() error { return e.Err }
