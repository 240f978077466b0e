package background

import (
	"fmt"
	"strings"
)

// RunningError says that another process runs the updates of the database.
type RunningError struct {
	Database string
	Holder   string // in words
}

// Error says who it is.
func (e *RunningError) Error() string {
	return fmt.Sprintf("the background updates of %s are being run already, by %s; leave them to it, or stop it first", e.Database, e.Holder)
}

// SessionsError says that others use the database, for whom nobody has said that they bear the updates.
type SessionsError struct {
	Database string
	Sessions []string // in words
}

// Error lists them.
func (e *SessionsError) Error() string {
	return fmt.Sprintf("%s is in use:\n  %s\nstop the server and its workers first: a server that runs the same updates would do them a second time; "+
		"or say that these sessions are known and run none (--sessions-known)", e.Database, strings.Join(e.Sessions, "\n  "))
}

// MovedError says that an update's progress was changed by somebody else during a batch. The batch was rolled back.
type MovedError struct{ Update string }

// Error says what may have happened.
func (e *MovedError) Error() string {
	return fmt.Sprintf("somebody else has worked on %s at the same time, or removed it; this batch was undone", e.Update)
}

// Reason says why an update is left.
type Reason string

// The reasons.
const (
	Unknown    Reason = "unknown"      // there is no handler of this name
	Elsewhere  Reason = "elsewhere"    // its logical database is not here
	SetAside   Reason = "set aside"    // it has failed too often
	Blocked    Reason = "blocked"      // what it depends on is left
	Cycle      Reason = "cycle"        // it depends on itself, by way of others
	NotAskedTo Reason = "not asked to" // only others were asked for
)

// Left is an update that could not be run.
type Left struct {
	Name   string `json:"name"`
	Reason Reason `json:"reason"`
	// Detail is the error, the name of what is waited for, or the cycle.
	Detail string `json:"detail,omitempty"`
}

// String describes it in a line.
func (l Left) String() string {
	switch l.Reason {
	case Unknown:
		return l.Name + ": this program has no handler of that name; the release that enqueued it has"
	case Elsewhere:
		return fmt.Sprintf("%s: it is for the logical database %s, which is not here", l.Name, l.Detail)
	case SetAside:
		return fmt.Sprintf("%s: set aside: %s; correct the cause and have it tried again (synapse updates retry)", l.Name, l.Detail)
	case Blocked:
		return fmt.Sprintf("%s: waits for %s", l.Name, l.Detail)
	case Cycle:
		return fmt.Sprintf("%s: depends on itself: %s; correct depends_on in background_updates", l.Name, l.Detail)
	default:
		return l.Name + ": not asked for"
	}
}

// LeftError says that everything that could be run was, and what is left.
type LeftError struct {
	Database string
	Left     []Left
}

// Error lists them.
func (e *LeftError) Error() string {
	lines := make([]string, len(e.Left))
	for i, left := range e.Left {
		lines[i] = "\n  " + left.String()
	}
	return fmt.Sprintf("background updates of %s are left:%s", e.Database, strings.Join(lines, ""))
}
