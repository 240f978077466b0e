package tables

import (
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Problem is one reason why a move cannot begin.
type Problem = engine.Problem

// ProblemID names a kind of problem.
type ProblemID = engine.ProblemID

// The problems that hinder a move.
const (
	IsHomeserver       ProblemID = "homeserver"
	NoFiles            ProblemID = "set_engine"
	InMemory           ProblemID = "in_memory"
	SourceMissing      ProblemID = "source_missing"
	SameDatabase       ProblemID = "same_database"
	SourceUnreachable  ProblemID = "source_unreachable"
	TargetUnreachable  ProblemID = "target_unreachable"
	SourceSet          ProblemID = "source_set"
	SourceUnfinished   ProblemID = "source_unfinished"
	SourceVersion      ProblemID = "source_version"
	SourcePending      ProblemID = "source_pending_updates"
	TargetInUse        ProblemID = "target_in_use"
	TargetForeign      ProblemID = "target_foreign"
	TargetUnfinished   ProblemID = "target_unfinished"
	TargetVersion      ProblemID = "target_version"
	TargetNotEmpty     ProblemID = "target_not_empty"
	TargetTables       ProblemID = "target_tables"
	Triggers           ProblemID = "triggers"
	Sequences          ProblemID = "sequences"
	TableOnlyInSource  ProblemID = "table_only_in_source"
	TableOnlyInTarget  ProblemID = "table_only_in_target"
	ColumnOnlyInSource ProblemID = "column_only_in_source"
	ColumnOnlyInTarget ProblemID = "column_only_in_target"
	VirtualTables      ProblemID = "virtual_tables"
	ColumnType         ProblemID = "column_type"
	ForeignKeys        ProblemID = "foreign_keys"
	StorageEngine      ProblemID = "storage_engine"
	TargetLocked       ProblemID = "target_locked"
	MissingCode        ProblemID = "code"
)

// RefusedError says that a move has not begun: nothing was written. Problems are all the reasons that were found.
type RefusedError struct{ Problems []Problem }

// Error lists the problems with what to do about each.
func (e *RefusedError) Error() string {
	var text strings.Builder
	reasons := "reasons"
	if len(e.Problems) == 1 {
		reasons = "reason"
	}
	fmt.Fprintf(&text, "the move cannot begin (%d %s); nothing was written", len(e.Problems), reasons)
	for _, problem := range e.Problems {
		fmt.Fprintf(&text, "\n- %s: %s", problem.ID, problem.What)
		if problem.Hint != "" {
			text.WriteString("\n    " + strings.ReplaceAll(problem.Hint, "\n", "\n    "))
		}
	}
	return text.String()
}

// BadValuesError says that values do not fit into the target; nothing was written.
type BadValuesError struct{ Count int64 }

// Error says how many there are; the report lists them.
func (e *BadValuesError) Error() string {
	values := "values do"
	if e.Count == 1 {
		values = "value does"
	}
	return fmt.Sprintf("%d %s not fit into the target exactly; nothing was written", e.Count, values)
}

// MismatchError says that the copy is not equal to the source. The target stays guarded.
type MismatchError struct{ Differences []string }

// Error lists the tables that differ.
func (e *MismatchError) Error() string {
	return "the target is not equal to the source, and stays guarded:\n  " + strings.Join(e.Differences, "\n  ")
}
