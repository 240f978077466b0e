package relocale

import (
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// What hinders is of the types of package engine.
type (
	// ProblemID names a kind of problem.
	ProblemID = engine.ProblemID
	// Problem is one reason to refuse.
	Problem = engine.Problem
	// RefusedError lists what hinders; nothing was written, or it was put back.
	RefusedError = engine.RefusedError
)

// The problems.
const (
	SourceMissing    ProblemID = "source_missing"    // there is no such database
	SourceLocked     ProblemID = "source_locked"     // another process moves it
	SourceClosed     ProblemID = "source_closed"     // it accepts no connections, and no killed run has closed it
	SourceUnfinished ProblemID = "source_unfinished" // a killed run has closed it
	SourceInUse      ProblemID = "source_in_use"     // others are connected
	SourceEncoding   ProblemID = "source_encoding"   // not UTF8
	SourcePending    ProblemID = "source_pending"    // prepared transactions, replication slots
	LocaleIsC        ProblemID = "locale_is_c"       // nothing is to be done
	DuplicateKeys    ProblemID = "duplicate_keys"    // that an index hides
	KeysWithout      ProblemID = "keys_without_rows" // foreign keys that lead nowhere
	RightMissing     ProblemID = "right_missing"     // of the role
	TargetExists     ProblemID = "target_exists"     // there is such a database
	TargetName       ProblemID = "target_name"       // no name for a database
	ServerReadOnly   ProblemID = "server_read_only"  // a standby
	ServerPooler     ProblemID = "server_pooler"     // something stands between
	ProgramMissing   ProblemID = "program_missing"   // pg_dump or pg_restore, or they are too old
	SpaceMissing     ProblemID = "space_missing"     // on the server, or for the dump
)

// MismatchError says in what the new database differs from the old one; it was removed.
type MismatchError struct{ Differences []string }

func (e *MismatchError) Error() string {
	return "the new database differs from the old one:\n  " + strings.Join(e.Differences, "\n  ")
}

// UndoError says that what was begun could not be put back.
type UndoError struct {
	Database string
	Err      error
}

func (e *UndoError) Error() string {
	return "put the database " + e.Database + " back as it was: " + e.Err.Error() +
		"; run synapse relocale --undo with the same configuration, which does it"
}

// Unwrap gives the cause.
func (e *UndoError) Unwrap() error { return e.Err }
