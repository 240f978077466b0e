package background

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// CreateIndex is an update that makes an index; register its Run with RegisterAlone. Servers go on meanwhile, but with
// SQLite. One that is valid and identical is kept, one that an interrupted run left is built anew, and another one of the
// same name is an error.
type CreateIndex struct {
	// Name and Table as the catalog has them.
	Name, Table string
	// Columns and Where are SQL; see engine.Index. With MySQL and MariaDB there is no index with Where, and the update
	// does nothing.
	Columns []string
	Where   string
	Unique  bool
	// Replaces is an index of the same table that is dropped afterwards; may be empty.
	Replaces string
	// Only are the engines that need the index; on others the update does nothing. Empty: all.
	Only []engine.Kind
}

// Run is an AloneHandler.
func (c CreateIndex) Run(ctx context.Context, alone *Alone) (Result, error) {
	if !concerns(c.Only, alone) {
		return skipped(ctx, alone)
	}
	index := engine.Index{Name: c.Name, Table: c.Table, Columns: c.Columns, Unique: c.Unique, Where: c.Where}
	if err := alone.Session.BuildIndex(ctx, index); err != nil {
		return skippedIfUnsupported(ctx, alone, err)
	}
	if c.Replaces != "" {
		if err := alone.Session.DropIndex(ctx, c.Table, c.Replaces); err != nil {
			return Result{}, fmt.Errorf("drop the index %s, which %s replaces: %w", c.Replaces, c.Name, err)
		}
	}
	return finished(), nil
}

// ChangeTable is an update of one statement that wants a table for itself, such as SET NOT NULL; register its Run with
// RegisterAlone. It waits two seconds for the table and is tried again later, as others queue behind it. The statement must
// be safe to repeat, as the program may end before it is recorded: DROP CONSTRAINT IF EXISTS before ADD CONSTRAINT.
type ChangeTable struct {
	Statement string
	// Only are the engines it is for; on others the update does nothing. Empty: all.
	Only []engine.Kind
}

// Run is an AloneHandler.
func (c ChangeTable) Run(ctx context.Context, alone *Alone) (Result, error) {
	if !concerns(c.Only, alone) {
		return skipped(ctx, alone)
	}
	if err := alone.Session.ChangeTable(ctx, c.Statement); err != nil {
		return Result{}, err
	}
	return finished(), nil
}

func concerns(only []engine.Kind, alone *Alone) bool {
	return len(only) == 0 || slices.Contains(only, alone.Session.Engine())
}

func finished() Result { return Result{Items: 1, Done: true} }

// skipped ends an update that has nothing to do on this engine.
func skipped(ctx context.Context, alone *Alone) (Result, error) {
	alone.Log.InfoContext(ctx, "a background update has nothing to do on this engine", "engine", alone.Session.Engine())
	return Result{Done: true}, nil
}

func skippedIfUnsupported(ctx context.Context, alone *Alone, err error) (Result, error) {
	if errors.Is(err, errors.ErrUnsupported) {
		return skipped(ctx, alone)
	}
	return Result{}, err
}
