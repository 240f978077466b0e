package table

import (
	"fmt"
	"time"
)

// RunningError says that another process has the application open.
type RunningError struct {
	Application string // its id
	Database    string // in words
	Holder      string // the process or session that holds the lock, in words
	Record      string // host and process that opened the application last, by the database; may be empty
	Since       time.Time
}

// Error says who it is.
func (e *RunningError) Error() string {
	text := fmt.Sprintf("open the application %s in %s: it is running already, in %s", e.Application, e.Database, e.Holder)
	if e.Record != "" {
		text += fmt.Sprintf(" (opened by %s at %s)", e.Record, e.Since.Format(time.DateTime+" UTC"))
	}
	return text + "; stop that process first, or give this one an application id of its own"
}

// SupersededError says that the application was opened by another process, or the database put back or emptied, while this one had lost its
// connection. This one must not write any more.
type SupersededError struct {
	Application string
	Database    string
	Epoch       int64  // of this Table
	Found       int64  // the epoch that the database has now; 0 when it does not know the application
	Holder      string // who opened it last
}

// Error says what has happened.
func (e *SupersededError) Error() string {
	happened := e.Holder + " has opened it meanwhile"
	switch {
	case e.Found == 0:
		happened = "the database does not know it any more"
	case e.Found < e.Epoch:
		happened = "the database is an older copy"
	}
	return fmt.Sprintf("write to the application %s in %s: the connection was lost, and %s, so nothing more is written by this process; restart it",
		e.Application, e.Database, happened)
}

// ClosedError says that a Table was used after its Close.
type ClosedError struct {
	Application string
	Database    string
}

// Error names both.
func (e *ClosedError) Error() string {
	return fmt.Sprintf("use the application %s in %s: it was closed", e.Application, e.Database)
}

// ValueError says why a text cannot be kept.
type ValueError struct {
	ID      string // of the entity
	Column  string
	Problem string
}

// Error names entity and column.
func (e *ValueError) Error() string {
	return fmt.Sprintf("the %s of the entity %s %s", e.Column, e.ID, e.Problem)
}

// ReadOnlyError says that a database was opened so that nothing can be written to it.
type ReadOnlyError struct {
	Database string
}

// Error says what to do.
func (e *ReadOnlyError) Error() string {
	return fmt.Sprintf("write to %s: it was opened with mode=ro, only for reading; open it without that", e.Database)
}
