package back

import (
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// RefusedError says that the work did not begin, and every reason. Nothing was written.
type RefusedError struct {
	Problems engine.Problems
}

// Error lists every reason with what to do.
func (e *RefusedError) Error() string {
	var text strings.Builder
	reasons := "reasons"
	if len(e.Problems) == 1 {
		reasons = "reason"
	}
	fmt.Fprintf(&text, "the move back cannot begin (%d %s); nothing was written", len(e.Problems), reasons)
	for _, problem := range e.Problems {
		fmt.Fprintf(&text, "\n- %s: %s", problem.ID, problem.What)
		if problem.Hint != "" {
			fmt.Fprintf(&text, "\n    %s", strings.ReplaceAll(problem.Hint, "\n", "\n    "))
		}
	}
	return text.String()
}

// Has reports whether one of the reasons has this identifier.
func (e *RefusedError) Has(id engine.ProblemID) bool {
	for _, problem := range e.Problems {
		if problem.ID == id {
			return true
		}
	}
	return false
}

// UnmadeError says that the work failed or was stopped after it had begun. What was written has been removed, and both databases are
// as they were.
type UnmadeError struct {
	Destination string
	Err         error
	Hint        string // may be empty
}

// Error says that nothing is left.
func (e *UnmadeError) Error() string {
	text := e.Err.Error() + "\n" + e.Destination + " was not made; what had been written is removed, and the source is as it was"
	if e.Hint != "" {
		text += "\n" + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *UnmadeError) Unwrap() error { return e.Err }

// ValueError is a value that SQLite cannot hold.
type ValueError struct {
	Table  string
	Column string
	Value  string
}

// Error says what to do.
func (e *ValueError) Error() string {
	return fmt.Sprintf("table %s, column %s: SQLite cannot hold the value %s; correct it in the source", e.Table, e.Column, e.Value)
}

// MismatchError says that the two sides differ after the copy.
type MismatchError struct{ Tables []string }

// Error lists the tables.
func (e *MismatchError) Error() string {
	return "verification failed, the two sides differ: " + strings.Join(e.Tables, "; ") + "\nplease report this, with the output of --json"
}

// DamagedError says that the new file does not pass SQLite's own checks.
type DamagedError struct{ Messages []string }

// Error lists what SQLite found.
func (e *DamagedError) Error() string {
	return "PRAGMA integrity_check of the new file: " + strings.Join(e.Messages, "; ") + "\nplease report this"
}

// KeysError says that rows break foreign keys that the SQLite tables have. The source holds them too: its keys are fewer, or not validated.
type KeysError struct{ Rows []string }

// Error lists the first rows.
func (e *KeysError) Error() string {
	return "rows break foreign keys of the SQLite tables, and do so in the source: " + strings.Join(e.Rows, "; ") +
		"\ndelete these rows in the source, or what is wrong in them, and begin again"
}
