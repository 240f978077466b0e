package background

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// ValidateConstraint is an update that has the rows of a table checked for a constraint that was made NOT VALID; register
// its Run with RegisterAlone. Rows that break it are an error. On engines whose constraints are always valid it does
// nothing.
type ValidateConstraint struct {
	// Table and Constraint as the catalog has them.
	Table, Constraint string
}

// Run is an AloneHandler.
func (v ValidateConstraint) Run(ctx context.Context, alone *Alone) (Result, error) {
	if err := alone.Session.ValidateConstraint(ctx, v.Table, v.Constraint); err != nil {
		return skippedIfUnsupported(ctx, alone, err)
	}
	return finished(), nil
}

// ValidateAndDelete is ValidateConstraint that deletes the rows that break the constraint, in batches; register its Run with
// RegisterAlone and InBatches.
type ValidateAndDelete struct {
	// Table and Constraint as the catalog has them; a Table that needs quotes in SQL is not supported.
	Table, Constraint string
	// Keys are those of a Statement.
	Keys []string
	// Breaks is a condition, as SQL, that is true for the rows that break the constraint; IsNull and LacksReference
	// write it.
	Breaks string
}

// IsNull is true for the rows that break a NOT NULL.
func IsNull(column string) string { return column + " IS NULL" }

// LacksReference is true for the rows that break a foreign key from columns of table to others, which are SQL.
func LacksReference(table string, columns []string, referenced string, referencedColumns []string) string {
	var given, same []string
	for i, column := range columns {
		given = append(given, fmt.Sprintf("%s.%s IS NOT NULL", table, column))
		same = append(same, fmt.Sprintf("referenced_row.%s = %s.%s", referencedColumns[i], table, column))
	}
	return fmt.Sprintf("%s AND NOT EXISTS (SELECT 1 FROM %s AS referenced_row WHERE %s)",
		strings.Join(given, " AND "), referenced, strings.Join(same, " AND "))
}

// validation is the progress: validate first, and, where that fails, delete through the table and validate again.
type validation struct {
	Deleting bool  `json:"deleting,omitempty"`
	After    []any `json:"after,omitempty"`
	Deleted  int64 `json:"deleted,omitempty"`
	// Again says that the table was walked through once.
	Again bool `json:"again,omitempty"`
}

// Run is an AloneHandler.
func (v ValidateAndDelete) Run(ctx context.Context, alone *Alone) (Result, error) {
	var from validation
	if err := decode(alone.Progress, &from); err != nil {
		return Result{}, err
	}
	if from.Deleting {
		return v.delete(ctx, alone, from)
	}
	err := alone.Session.ValidateConstraint(ctx, v.Table, v.Constraint)
	_, broken := errors.AsType[*engine.ConstraintError](err)
	switch {
	case err == nil:
		return finished(), nil
	case broken && from.Again && from.Deleted == 0:
		return Result{}, fmt.Errorf("no row is found to break it by (%s): %w", v.Breaks, err)
	case broken:
		return Result{Progress: validation{Deleting: true}}, nil
	default:
		return skippedIfUnsupported(ctx, alone, err)
	}
}

func (v ValidateAndDelete) delete(ctx context.Context, alone *Alone, from validation) (Result, error) {
	after, err := key(from.After)
	if err != nil {
		return Result{}, err
	}
	rows := &keyRange{table: v.Table, keys: v.Keys, after: after}
	var more bool
	var deleted int64
	err = alone.Session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		rows.until = nil // the transaction may be a repeated one
		if more, err = rows.cut(ctx, tx, alone.Size); err != nil {
			return err
		}
		deleted, err = rows.exec(ctx, tx, "DELETE FROM "+v.Table+" WHERE "+Range+" AND ("+v.Breaks+")")
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("delete the rows of %s that break %s: %w", v.Table, v.Constraint, err)
	}
	next := validation{Deleting: more, Again: !more, After: rows.until, Deleted: from.Deleted + deleted}
	if !more {
		alone.Log.InfoContext(ctx, "rows that break a constraint were deleted", "table", v.Table, "constraint", v.Constraint, "rows", next.Deleted)
	}
	return Result{Items: alone.Size, Progress: next}, nil
}
