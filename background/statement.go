package background

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Range stands for the bounds of a batch in the statement of a Statement.
const Range = "{range}"

// Statement is an update of one SQL statement that is run for one range of keys after the other; register its Run.
type Statement struct {
	// Table is walked through in the order of Keys: the columns of a unique key that is indexed, integers or text, never
	// NULL. All are SQL: names that need quotes bear them.
	Table string
	Keys  []string
	// SQL holds Range where the condition belongs, once or more, and no "?":
	//
	//	UPDATE events SET stream_ordering2 = stream_ordering WHERE {range} AND stream_ordering2 IS NULL
	SQL string
	// PerEngine replaces SQL on some engines; an empty statement ends the update there without doing anything.
	PerEngine map[engine.Kind]string
}

// FillColumn is an update that sets columns of all rows, or of some; register its Run.
type FillColumn struct {
	// Table and Keys as in a Statement.
	Table string
	Keys  []string
	// Set is what follows SET in an UPDATE.
	Set string
	// Where says which rows are changed, as SQL; empty for all.
	Where string
}

// Run is a Handler.
func (f FillColumn) Run(ctx context.Context, batch *Batch) (Result, error) {
	statement := "UPDATE " + f.Table + " SET " + f.Set + " WHERE " + Range
	if f.Where != "" {
		statement += " AND (" + f.Where + ")"
	}
	return Statement{Table: f.Table, Keys: f.Keys, SQL: statement}.Run(ctx, batch)
}

// reached is the progress by keys.
type reached struct {
	After []any `json:"after,omitempty"`
}

// Run is a Handler.
func (s Statement) Run(ctx context.Context, batch *Batch) (Result, error) {
	statement := s.SQL
	if special, isSpecial := s.PerEngine[batch.Tx.Engine()]; isSpecial {
		statement = special
	}
	if statement == "" {
		return Result{Done: true}, nil
	}
	if !strings.Contains(statement, Range) || len(s.Keys) == 0 {
		return Result{}, fmt.Errorf("the statement of %s has no %s, or no keys: each batch would do all of it", batch.Name, Range)
	}
	var from reached
	if err := decode(batch.Progress, &from); err != nil {
		return Result{}, err
	}
	after, err := key(from.After)
	if err != nil {
		return Result{}, err
	}
	rows := &keyRange{table: s.Table, keys: s.Keys, after: after}
	more, err := rows.cut(ctx, batch.Tx, batch.Size)
	if err != nil {
		return Result{}, err
	}
	changed, err := rows.exec(ctx, batch.Tx, statement)
	if err != nil {
		return Result{}, err
	}
	if !more {
		return Result{Items: int(changed), Done: true}, nil
	}
	// All rows that were walked through count, as they have taken the time.
	return Result{Items: batch.Size, Progress: reached{rows.until}}, nil
}

// exec runs a statement for the range.
func (k *keyRange) exec(ctx context.Context, tx engine.Tx, statement string) (int64, error) {
	condition, values := k.condition()
	var all []any
	for range strings.Count(statement, Range) {
		all = append(all, values...)
	}
	return tx.Exec(ctx, strings.ReplaceAll(statement, Range, "("+condition+")"), all...)
}
