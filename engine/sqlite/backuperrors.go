package sqlite

import (
	"fmt"
	"strings"
)

// DestinationProblem says why a copy cannot be written to a path.
type DestinationProblem string

// The problems of a destination.
const (
	DestinationExists     DestinationProblem = "it exists already"
	DestinationIsSource   DestinationProblem = "it is the source, or one of the source's own files"
	DestinationSpecial    DestinationProblem = "it is not a regular file"
	DestinationInUse      DestinationProblem = "another process has it open"
	DestinationLog        DestinationProblem = "another database's log is beside it, and SQLite would apply that to the copy"
	DestinationBusy       DestinationProblem = "another snapshot is just being written there"
	DestinationUnwritable DestinationProblem = "it cannot be written"
	DestinationFull       DestinationProblem = "there is not enough space"
)

// DestinationError reports that a copy cannot be written. The source, and whatever was at the destination, is as it was.
type DestinationError struct {
	Path    string // the destination, or the file beside it that is in the way
	Problem DestinationProblem
	Err     error  // what the operating system or SQLite said, may be nil
	Hint    string // what to do
}

// Error names the file, the problem and what to do about it.
func (e *DestinationError) Error() string {
	text := fmt.Sprintf("write %s: %s", e.Path, e.Problem)
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return text + "; " + e.Hint
}

// Unwrap returns the cause.
func (e *DestinationError) Unwrap() error { return e.Err }

// IntegrityError reports that a copy is a damaged database. Its pages are those of the source, which therefore is damaged too.
type IntegrityError struct {
	Path     string      // of the source
	Check    BackupCheck // that found it
	Messages []string    // SQLite's own, the first ten
}

// Error shows what SQLite found.
func (e *IntegrityError) Error() string {
	return fmt.Sprintf("%s: the copy does not pass PRAGMA %s_check, and it has the same pages as the source; the copy was removed. "+
		"Restore a backup or try sqlite3's .recover, or leave the check out to keep a copy as it is. SQLite says:\n  %s",
		e.Path, e.Check, strings.Join(e.Messages, "\n  "))
}

// RestartedError reports that other processes changed the source whenever it was being copied.
type RestartedError struct {
	Path     string
	Attempts int
	Rollback bool  // the source is in rollback journal mode
	Err      error // of the last attempt
}

// Error says how to get a copy.
func (e *RestartedError) Error() string {
	hint := "start again when the processes that use it are not just being started or stopped"
	if e.Rollback {
		hint = "it is in rollback journal mode, where a copy is only right when nobody writes meanwhile: " +
			"let the writers wait until it is made (--block-writers), stop them, or have their server use WAL mode"
	}
	return fmt.Sprintf("%s: the copy was begun %d times, and each time another process changed the database; %s", e.Path, e.Attempts, hint)
}

// Unwrap returns the error of the last attempt.
func (e *RestartedError) Unwrap() error { return e.Err }
