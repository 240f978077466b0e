package port

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// scanKeys finds rows that a unique key of the target will refuse. What SQLite itself holds unique is not read again.
func (r *run) scanKeys(ctx context.Context, reader *sqlite.Reader, table *tablePlan) error {
	if table.search != nil {
		return nil // second rows of an event are dropped there
	}
	own, err := reader.UniqueIndexes(ctx, table.source.Name)
	if err != nil {
		return err
	}
	for _, index := range table.target.Indexes {
		if !index.Unique || index.Columns == nil || table.holdsUnique(own, index) {
			continue
		}
		if err := r.scanUnique(ctx, reader, table, index); err != nil {
			return err
		}
	}
	return nil
}

// holdsUnique reports whether SQLite already guarantees what the index asks for.
func (t *tablePlan) holdsUnique(own []sqlite.Index, index *catalog.Index) bool {
	if index.NullsEqual {
		return false
	}
	var wanted []string
	for _, name := range index.Columns {
		column := t.columnNamed(name)
		if column < 0 || t.isConverted(column) {
			return false
		}
		wanted = append(wanted, t.reads[column])
	}
	return slices.ContainsFunc(own, func(held sqlite.Index) bool {
		if !samePredicate(held.Where, index.Predicate) {
			return false
		}
		return !slices.ContainsFunc(held.Columns, func(column sqlite.IndexColumn) bool {
			return !strings.EqualFold(column.Collation, "BINARY") || !slices.Contains(wanted, sqlite.QuoteIdentifier(column.Name))
		})
	})
}

var (
	casts  = regexp.MustCompile(`::"?[a-z_ ]+"?(\[\])?`)
	blanks = regexp.MustCompile(`[\s()";]+`)
)

// samePredicate compares conditions of partial indexes as both engines write them. No condition covers any.
func samePredicate(held, wanted string) bool {
	plain := func(text string) string {
		return strings.ToLower(blanks.ReplaceAllString(casts.ReplaceAllString(text, ""), ""))
	}
	return held == "" || plain(held) == plain(wanted)
}

// scanUnique lists every row but the first of those that agree in a unique key. A condition that SQLite does not
// understand is left to the server, which finds such rows when it builds the index.
func (r *run) scanUnique(
	ctx context.Context, reader *sqlite.Reader, table *tablePlan, index *catalog.Index,
) error {
	var keys, present []string
	for _, name := range index.Columns {
		column := table.columnNamed(name)
		if column < 0 {
			return nil
		}
		keys = append(keys, asStored(table.columns[column], table.reads[column]))
		present = append(present, table.reads[column]+" IS NOT NULL")
	}
	if index.NullsEqual {
		present = []string{"1"}
	}
	if index.Predicate != "" {
		present = append(present, casts.ReplaceAllString(index.Predicate, ""))
	}
	query := fmt.Sprintf(`SELECT id FROM (SELECT %[1]s AS id, row_number() OVER (PARTITION BY %[2]s ORDER BY %[1]s) AS copy
		FROM %[3]s WHERE %[4]s) WHERE copy > 1`,
		table.rowid, strings.Join(keys, ", "), table.from, strings.Join(present, " AND "))
	rows, err := reader.Query(ctx, query)
	if err != nil {
		r.options.Log.Info("a unique key is left for the server to check", "index", index.Name, "error", err)
		return ctx.Err()
	}
	if err := rows.Close(); err != nil {
		return err
	}
	return each(ctx, reader, func(row *sqlite.Rows) error {
		return r.add(ctx, reader, table, Deviation{
			Table: table.name, RowID: row.Int64(0), Class: convert.ClassDuplicate, Action: ActionSetAside,
			Detail: fmt.Sprintf("unique index %s (%s)", index.Name, strings.Join(index.Columns, ", ")),
		})
	}, query)
}

// asStored is what a column's value will be in the target, so that '5' and 5 count as the same.
func asStored(column convert.Column, read string) string {
	switch column.Kind {
	case convert.Bool, convert.Int2, convert.Int4, convert.Int8:
		return "CAST(" + read + " AS INTEGER)"
	case convert.Text:
		return "CAST(" + read + " AS TEXT)"
	default:
		return read
	}
}

// parentScan is the task that finds rows whose parent is missing; nil when a side of the key is not copied.
func (r *run) parentScan(key *catalog.ForeignKey) *task {
	child, parent := r.plan.table(key.Table), r.plan.table(key.Parent)
	if child == nil || parent == nil || child.rowid == "" || child.search != nil {
		return nil
	}
	if child.empty {
		return nil
	}
	query := orphanQuery(child, parent, key)
	if query == "" {
		return nil
	}
	return &task{name: "scan " + child.name, weight: child.rowsAtMost(), run: func(ctx context.Context, w *worker) error {
		return each(ctx, w.reader, func(row *sqlite.Rows) error {
			return r.add(ctx, w.reader, child, Deviation{
				Table: child.name, RowID: row.Int64(0), Class: convert.ClassMissingParent, Action: ActionSetAside,
				Column: key.Columns[0], Detail: fmt.Sprintf("foreign key %s: no such %s (%s)",
					key.Name, key.Parent, strings.Join(key.ParentKey, ", ")),
			})
		}, query)
	}}
}

func orphanQuery(child, parent *tablePlan, key *catalog.ForeignKey) string {
	var matches, present []string
	for i := range key.Columns {
		own, other := child.columnNamed(key.Columns[i]), parent.columnNamed(key.ParentKey[i])
		if own < 0 || other < 0 {
			return ""
		}
		matches = append(matches, fmt.Sprintf("p.%s = c.%s", parent.reads[other], child.reads[own]))
		present = append(present, fmt.Sprintf("c.%s IS NOT NULL", child.reads[own]))
	}
	return fmt.Sprintf("SELECT c.%s FROM %s AS c WHERE %s AND NOT EXISTS (SELECT 1 FROM %s AS p WHERE %s)",
		child.rowid, child.from, strings.Join(present, " AND "), parent.from, strings.Join(matches, " AND "))
}

// table returns the plan of the target's table of that name, or nil.
func (p *plan) table(name string) *tablePlan {
	for _, table := range p.tables {
		if table.name == name {
			return table
		}
	}
	return nil
}
