package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// ResultError is a result code of SQLite itself.
type ResultError struct {
	Code    int    // extended result code, see https://sqlite.org/rescode.html
	Message string // SQLite's own words
}

// Error returns SQLite's message and the code to look up.
func (e *ResultError) Error() string { return fmt.Sprintf("%s (SQLite code %d)", e.Message, e.Code) }

// ResultCode returns the extended result code in err's chain, whether it came from a Snapshot or through database/sql.
func ResultCode(err error) (code int, found bool) {
	if own, ok := errors.AsType[*ResultError](err); ok {
		return own.Code, true
	}
	if foreign, ok := errors.AsType[*driver.Error](err); ok {
		return foreign.Code(), true
	}
	return 0, false
}

// primary returns the result code of err without the extension, or SQLITE_OK.
func primary(err error) int {
	code, _ := ResultCode(err)
	return code & 0xff
}

// Problem says why a path cannot be opened as a SQLite database.
type Problem string

// The problems that are found before SQLite is asked.
const (
	Missing    Problem = "there is no such file"
	Directory  Problem = "this is a directory"
	Special    Problem = "this is not a regular file"
	Empty      Problem = "the file is empty"
	Unreadable Problem = "the file cannot be read"
	Unwritable Problem = "the file cannot be opened for writing"
	Foreign    Problem = "this is not a SQLite database"
	Encrypted  Problem = "this is not a SQLite database, or an encrypted one"
	Truncated  Problem = "the file is shorter than its header says"
	OpenHere   Problem = "this process has the file open for writing"
)

// FileError reports a path that cannot be opened as a SQLite database.
type FileError struct {
	Path    string
	Problem Problem
	Err     error  // what the operating system said, may be nil
	Hint    string // what to do
}

// Error names the file, the problem and what to do about it.
func (e *FileError) Error() string {
	text := fmt.Sprintf("open %s: %s", e.Path, e.Problem)
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return text + "; " + e.Hint
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// HotJournalError reports that the last process to write to the database died in the middle, and that its
// rollback journal has to be applied before the file can be read. That would change the file, so it is left alone.
type HotJournalError struct {
	Path    string // of the database
	Journal string // of the rollback journal
}

// Error says how to get the journal applied.
func (e *HotJournalError) Error() string {
	return fmt.Sprintf("open %s: the process that wrote to it last was killed in the middle, and %s still has to be rolled back; "+
		"start the server that owns it once and stop it again, or copy both files and open the copy with sqlite3",
		e.Path, e.Journal)
}

// BusyError reports that another process kept the database locked for longer than we waited.
type BusyError struct {
	Path string
	Err  error
}

// Error says who may be holding the lock.
func (e *BusyError) Error() string {
	return fmt.Sprintf("open %s: another process is writing to it and holds its lock (%v); try again, or stop that process first", e.Path, e.Err)
}

// Unwrap returns SQLite's error.
func (e *BusyError) Unwrap() error { return e.Err }

// ChangedError reports that the file was written to while the snapshot was read, so what was read may be a mixture.
type ChangedError struct {
	Path string
	What string // what is different now
}

// Error says what to do before reading again.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s was changed while it was read (%s), so nothing read from it can be trusted; "+
		"stop the process that writes to it and start again", e.Path, e.What)
}

// DamagedError reports that SQLite found the database malformed.
type DamagedError struct {
	Path string
	Err  error
}

// Error says how to find out more.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("read %s: the database is damaged (%v); run PRAGMA integrity_check on a copy, and restore a backup or try sqlite3's .recover", e.Path, e.Err)
}

// Unwrap returns SQLite's error.
func (e *DamagedError) Unwrap() error { return e.Err }

// explain gives an error of SQLite the name of the file and a hint, where the code tells enough for one.
func explain(path string, err error) error {
	code, found := ResultCode(err)
	if !found {
		return err
	}
	if code == lib.SQLITE_READONLY_ROLLBACK {
		return &HotJournalError{Path: path, Journal: path + "-journal"}
	}
	switch code & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_PROTOCOL:
		return &BusyError{Path: path, Err: err}
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return &DamagedError{Path: path, Err: err}
	}
	return fmt.Errorf("%s: %w", path, err)
}

// RefusesValue reports whether an error says that SQLite does not take a value for what it is: its size, its type, or a constraint.
func RefusesValue(err error) bool {
	switch primary(err) {
	case lib.SQLITE_TOOBIG, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH:
		return true
	}
	return false
}
