package split

import (
	"fmt"
	"strings"
)

// ProblemID names a kind of problem.
type ProblemID string

// The problems that refuse a split or a drop.
const (
	EnginesDiffer   ProblemID = "engines_differ"    // source and target are not on the same engine
	SourceNotBoth   ProblemID = "source_not_both"   // the source does not hold main and state
	SourceSchema    ProblemID = "source_schema"     // the set does not fit the source as it is
	SourceUpdates   ProblemID = "source_updates"    // background updates of state are not done
	SourceInUse     ProblemID = "source_in_use"     // others are connected to the source
	SourceLocked    ProblemID = "source_locked"     // another process changes the source
	SourceTables    ProblemID = "source_tables"     // tables or columns of state differ from what the set creates
	TargetReachable ProblemID = "target_unreadable" // the target cannot be opened
	TargetSame      ProblemID = "target_same"       // source and target are one database
	TargetNotEmpty  ProblemID = "target_not_empty"  // there is something in the target
	TargetSchema    ProblemID = "target_schema"     // the set cannot be created in the target, or is not complete there
	TargetInUse     ProblemID = "target_in_use"     // others are connected to the target
	TargetLocked    ProblemID = "target_locked"     // another process works on the target
	TargetOlder     ProblemID = "target_older"      // the source has state groups that the target has not
	NothingLeft     ProblemID = "nothing_left"      // the source has no tables of state
)

// Problem is a reason to refuse.
type Problem struct {
	ID ProblemID `json:"id"`
	// What says what is wrong, Hint what to do.
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}

// RefusedError lists why nothing was done.
type RefusedError struct{ Problems []Problem }

// Error lists the problems with what to do about them.
func (e *RefusedError) Error() string {
	lines := []string{"refused; nothing was changed:"}
	for _, problem := range e.Problems {
		line := "  " + problem.What
		if problem.Hint != "" {
			line += "\n    " + problem.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// MismatchError says that the copy is not what the source is. The copy keeps its guard, so that no server starts on it.
type MismatchError struct{ Differences []string }

// Error lists the differences.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("the copy differs from the source, and cannot be used:\n  %s\nif a server was running meanwhile, stop it; then run the same command again",
		strings.Join(e.Differences, "\n  "))
}
