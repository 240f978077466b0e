package port

import (
	"fmt"
	"strings"
)

// Problem is a reason not to begin.
type Problem struct {
	ID   string `json:"id"`   // such as "pending_updates"
	What string `json:"what"` // what is wrong, and where
	Hint string `json:"hint"` // what to do about it
}

// RefusedError says that a port did not begin, and every reason. Nothing was written, unless Prepared is set.
type RefusedError struct {
	Problems []Problem
	// Prepared says that the tables were created in the target, which was empty; no row was copied.
	Prepared bool
}

// Error lists every reason with what to do.
func (e *RefusedError) Error() string {
	var text strings.Builder
	written := "nothing was written"
	if e.Prepared {
		written = "the tables were created in the empty target, and no row was copied"
	}
	fmt.Fprintf(&text, "the port cannot begin (%d %s); %s", len(e.Problems), plural(len(e.Problems), "reason", "reasons"), written)
	for _, problem := range e.Problems {
		fmt.Fprintf(&text, "\n- %s: %s", problem.ID, problem.What)
		if problem.Hint != "" {
			fmt.Fprintf(&text, "\n    %s", strings.ReplaceAll(problem.Hint, "\n", "\n    "))
		}
	}
	return text.String()
}

// Has reports whether one of the reasons has this identifier.
func (e *RefusedError) Has(id string) bool {
	for _, problem := range e.Problems {
		if problem.ID == id {
			return true
		}
	}
	return false
}

// BadValuesError says that the source holds values that PostgreSQL cannot take. Nothing was written
// unless Late is set: then the server found what the scan of the source could not.
type BadValuesError struct {
	First Deviation
	Count int64 // how many there are
	Late  bool
}

func (e *BadValuesError) Error() string {
	text := "bad value: " + e.First.String()
	if e.Count > 1 {
		text += fmt.Sprintf("\nand %d more", e.Count-1)
	}
	if e.Late {
		return text + "\nthe target is unfinished and locked against use: " + whatToDoAboutBadValues
	}
	return text + "\nnothing was written: " + whatToDoAboutBadValues
}

const whatToDoAboutBadValues = "correct the values in the source (--check lists all of them), or let " +
	"--on-bad-value=repair put U+FFFD where that is enough and set the other rows aside in a file"

// InterruptedError says that the port was stopped from outside.
type InterruptedError struct{ Err error }

func (e *InterruptedError) Error() string {
	return "interrupted; the target is unfinished and locked against use: run the same command again, it goes on where it was"
}

// Unwrap returns the cause.
func (e *InterruptedError) Unwrap() error { return e.Err }

// UnfinishedError says that a port failed after it had begun to write.
type UnfinishedError struct{ Err error }

func (e *UnfinishedError) Error() string {
	return e.Err.Error() + "\nthe target is unfinished and locked against use; once the cause is gone run the same command again, it goes on where it was"
}

// Unwrap returns the cause.
func (e *UnfinishedError) Unwrap() error { return e.Err }

// MismatchError says that the two sides differ after the copy.
type MismatchError struct{ Tables []string }

func (e *MismatchError) Error() string {
	return "verification failed, the two sides differ: " + strings.Join(e.Tables, "; ") +
		"\nplease report this, with the output of --json; the source is as it was, and the homeserver can go on with it"
}

func plural(count int, one, many string) string {
	if count == 1 {
		return one
	}
	return many
}
