package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// SetError lists what is wrong with a set of files. No database was looked at.
type SetError struct {
	Set      string
	Problems []string // each with the file and line it is about
}

// Error lists the problems.
func (e *SetError) Error() string {
	return fmt.Sprintf("the schema set %q cannot be used:%s", e.Set, list(e.Problems))
}

// EngineError says that a set has no files for the engine of a database.
type EngineError struct {
	Set     string
	Engine  engine.Kind
	Engines []engine.Kind // those it has files for
}

// Error names the engines that can be used.
func (e *EngineError) Error() string {
	names := make([]string, len(e.Engines))
	for i, kind := range e.Engines {
		names[i] = string(kind)
	}
	return fmt.Sprintf("the schema set %q has no files for %s; use a database of %s", e.Set, e.Engine, strings.Join(names, " or "))
}

// OwnerError says that a database belongs to another set, or to nobody that is known.
type OwnerError struct {
	Database string   // in words
	Set      string   // whose files were to be applied
	Owner    Owner    // whose database it is
	Tables   []string // some of those that are there
}

// Error says whose database it is, and what to do.
func (e *OwnerError) Error() string {
	begin := fmt.Sprintf("%s is not a database of the schema set %q", e.Database, e.Set)
	const most = 5
	tables := strings.Join(e.Tables[:min(len(e.Tables), most)], ", ")
	if len(e.Tables) > most {
		tables += ", …"
	}
	switch e.Owner {
	case Unknown:
		if slices.Contains(e.Tables, VersionTable) {
			return begin + ": its tables are there (" + tables + "), but no version is recorded, as a server leaves it that was interrupted " +
				"while it created them, before it could be used; drop the database (SQLite: remove the file) and create it again"
		}
		return begin + ": it holds tables, but no record of their version (" + tables + ")" +
			"; give an empty database, or look into this one and remove what a broken creation left"
	case UpstreamsDatabase:
		return begin + ": it is a database of the Python homeserver; use that server's schema directory for it"
	default:
		return fmt.Sprintf("%s: it belongs to %q; use the program that made it, or give another database", begin, e.Owner)
	}
}

// TooNewError is the guard against a rollback too far: newer code has changed the database so that this code would harm
// it. Nothing was written.
type TooNewError struct {
	Database      string
	Set           string
	CodeVersion   int // what this code expects
	CompatVersion int // the oldest code that may open the database
	Version       int // the database's
}

// Error says which version is needed.
func (e *TooNewError) Error() string {
	if e.CompatVersion == GuardVersion {
		return e.Database + " is not complete: a port or a restore into it was begun and has not ended; finish that first, by running it again"
	}
	return fmt.Sprintf("%s has schema version %d and can be opened by code of schema version %d and later, but this code has %d; "+
		"run the newer release again, or restore the backup that was made before it ran", e.Database, e.Version, e.CompatVersion, e.CodeVersion)
}

// BehindError says that something is missing in a database which may not be changed now. Nothing was written.
type BehindError struct {
	Database string
	Plan     *Plan
}

// Error lists what is missing.
func (e *BehindError) Error() string {
	if e.Plan.Create {
		return e.Database + " is empty: it has to be created first, by the process that may upgrade (for a server with workers: the main process)"
	}
	var missing []string
	if compat := e.Plan.CompatVersion; compat != nil {
		missing = append(missing, fmt.Sprintf("compat version %d", *compat))
	}
	for _, step := range e.Plan.Steps {
		missing = append(missing, step.Name())
	}
	return fmt.Sprintf("%s has schema version %d and this code needs %d; missing:%s\n"+
		"run the process that may upgrade first (for a server with workers: the main process), or `synapse upgrade`",
		e.Database, e.Plan.From, e.Plan.To, list(missing))
}

// MissingCodeError says that deltas are written in a language that cannot be run, and nobody has given their meaning.
type MissingCodeError struct {
	Database string
	Files    []string
}

// Error names the files.
func (e *MissingCodeError) Error() string {
	return fmt.Sprintf("%s needs deltas that this release does not know how to apply:%s\n"+
		"let the release of the server that they belong to upgrade the database, or use a newer release of this program; nothing was changed",
		e.Database, list(e.Files))
}

// LogicalError says that a physical database does not hold a logical one that it is configured to.
type LogicalError struct {
	Database string
	Missing  []string // logical databases
	Held     []string
}

// Error says what the database was created for.
func (e *LogicalError) Error() string {
	return fmt.Sprintf("%s was created for the logical databases %s and does not hold %s; "+
		"correct data_stores in the configuration (Databases, in a program): each has to stay where its tables are",
		e.Database, strings.Join(e.Held, ", "), strings.Join(e.Missing, ", "))
}

// SessionsError says that others use a database that is to be changed.
type SessionsError struct {
	Database string
	Sessions []string // in words
}

// Error lists them.
func (e *SessionsError) Error() string {
	return fmt.Sprintf("%s is in use:%s\nstop the server and its workers first, or say that these sessions are known and may go on (--sessions-known)",
		e.Database, list(e.Sessions))
}

// ChangedError says that a file was changed after an upgrade was interrupted in the middle of it.
type ChangedError struct {
	Database string
	File     string
	Creating bool // the database is not complete yet, and holds nothing of anybody's
}

// Error says how to go on.
func (e *ChangedError) Error() string {
	otherwise := ""
	if e.Creating {
		otherwise = ", or drop the database, which is not complete and holds no data yet, and create it again"
	}
	return fmt.Sprintf("%s: a creation or an upgrade was interrupted in the middle of %s, and this code has another file or none in its place; "+
		"finish with the release that began%s", e.Database, e.File, otherwise)
}

// StepError says where a step failed.
type StepError struct {
	Database string
	Place    string // file and line, or the Go delta
	Applied  int    // steps that are done, and stay done
	Err      error
}

// Error gives the place and the cause.
func (e *StepError) Error() string {
	return fmt.Sprintf("%s: %s: %v; %s; correct the cause and run the same again",
		e.Database, e.Place, e.Err, applied(e.Applied))
}

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

func applied(number int) string {
	switch number {
	case 0:
		return "no step was applied before it"
	case 1:
		return "1 step was applied before it and stays"
	}
	return strconv.Itoa(number) + " steps were applied before it and stay"
}

// place is a file and a line, for messages.
func place(name string, line int) string { return name + ":" + strconv.Itoa(line) }

func list(items []string) string {
	const most = 50
	var text strings.Builder
	for _, item := range items[:min(len(items), most)] {
		text.WriteString("\n  " + item)
	}
	if len(items) > most {
		fmt.Fprintf(&text, "\n  and %d more", len(items)-most)
	}
	return text.String()
}

// missingFrom gives the elements of wanted that are not in held.
func missingFrom(wanted, held []string) []string {
	var missing []string
	for _, name := range wanted {
		if !slices.Contains(held, name) {
			missing = append(missing, name)
		}
	}
	return missing
}
