package table

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// batch is a statement for any number of rows.
type batch struct {
	head, list, tail string // list stands once for each row, between the others
	first            []any  // values of head
}

// statement is the batch for so many rows.
func (b *batch) statement(rows int) string {
	return b.head + b.list + strings.Repeat(", "+b.list, rows-1) + b.tail
}

// upsert puts whole rows into a table, in place of those with the same key.
func upsert(kind engine.Kind, name string, key []string, columns ...string) *batch {
	all := slices.Concat(key, columns)
	replaced := make([]string, len(columns))
	tail := " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET "
	pattern := "%[1]s = excluded.%[1]s"
	if kind == engine.MySQL {
		tail, pattern = " ON DUPLICATE KEY UPDATE ", "%[1]s = VALUES(%[1]s)"
	}
	for i, column := range columns {
		replaced[i] = fmt.Sprintf(pattern, column)
	}
	return &batch{
		head: "INSERT INTO " + name + " (" + strings.Join(all, ", ") + ") VALUES ",
		list: "(?" + strings.Repeat(", ?", len(all)-1) + ")",
		tail: tail + strings.Join(replaced, ", "),
	}
}

func upsertEntities(kind engine.Kind) *batch {
	return upsert(kind, "entities", []string{"application", "id"},
		"state", "attributes", "locals", "definition", "last_changed", "last_written", "removed")
}

// upsertDamaged does not fail on a row that was set aside before: a commit whose answer was lost is repeated.
func upsertDamaged(kind engine.Kind) *batch {
	return upsert(kind, "damaged_entities", []string{"application", "id", "found"},
		"problem", "state", "attributes", "locals", "definition", "last_changed", "last_written")
}

func deleteEntities(application string) *batch {
	return &batch{head: "DELETE FROM entities WHERE application = ? AND id IN (", list: "?", tail: ")", first: []any{application}}
}

const (
	// statementRows is many enough that the way to a server is short beside its work: 50, 200 and 1,000 rows take it the same time for each row
	// or more. A statement has less than 65,535 parameters by it, the most of PostgreSQL and MySQL.
	statementRows = 100
	// statementBytes bounds what a server has to take at once; one row may have more.
	statementBytes = 1 << 20
)

// rowsOf is how many rows a statement has at most. SQLite, to which there is no way, is quickest with one row and a statement that is compiled once.
func rowsOf(kind engine.Kind) int {
	if kind == engine.SQLite {
		return 1
	}
	return statementRows
}

// run runs the batch for count rows, whose values add appends.
func (b *batch) run(ctx context.Context, tx engine.Tx, count int, add func(values []any, row int) (more []any, bytes int)) error {
	runner := runner{batch: b, tx: tx}
	values := slices.Clone(b.first)
	for begin, row, size := 0, 0, 0; row < count; {
		var bytes int
		values, bytes = add(values, row)
		row, size = row+1, size+bytes
		if row < count && row-begin < rowsOf(tx.Engine()) && size < statementBytes {
			continue
		}
		if err := runner.run(ctx, row-begin, values); err != nil {
			return runner.close(err)
		}
		values, begin, size = values[:len(b.first)], row, 0
	}
	return runner.close(nil)
}

// runner keeps the statement that was compiled last.
type runner struct {
	batch    *batch
	tx       engine.Tx
	prepared *sql.Stmt
	rows     int // of prepared
}

func (r *runner) run(ctx context.Context, rows int, values []any) error {
	if r.prepared == nil || r.rows != rows {
		if err := r.close(nil); err != nil {
			return err
		}
		prepared, err := r.tx.Prepare(ctx, r.batch.statement(rows))
		if err != nil {
			return err
		}
		r.prepared, r.rows = prepared, rows
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if r.tx.Engine() == engine.SQLite {
		ctx = context.WithoutCancel(ctx) // one row takes no time, and the driver would start a goroutine for each to watch the context
	}
	_, err := r.prepared.ExecContext(ctx, values...)
	return err
}

// close closes what was compiled. An error before says more.
func (r *runner) close(before error) error {
	if r.prepared == nil {
		return before
	}
	closed := r.prepared.Close()
	r.prepared = nil
	if before != nil {
		return before
	}
	return closed
}
