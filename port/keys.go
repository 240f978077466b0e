package port

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// scanKeys finds rows that a unique key of the target will refuse. What SQLite itself holds unique is not read again.
func (r *run) scanKeys(ctx context.Context, reader *sqlite.Reader, table *tablePlan) error {
	if table.search != nil { // second rows of an event are dropped there
		return countOrphans(ctx, reader, table)
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
	if child == nil || parent == nil || child.rowid == "" || child.search != nil || child.empty {
		return nil
	}
	pair, complete := pairKey(child, parent, key)
	if !complete {
		return nil
	}
	return &task{name: "scan " + child.name, weight: child.rowsAtMost(), run: func(ctx context.Context, w *worker) error {
		if child.rowsAtMost() > parent.rowsAtMost()/8 {
			missing, err := anyRow(ctx, w.reader, pair.difference())
			if err != nil || !missing {
				return err
			}
		}
		return each(ctx, w.reader, func(row *sqlite.Rows) error {
			return r.add(ctx, w.reader, child, Deviation{
				Table: child.name, RowID: row.Int64(0), Class: convert.ClassMissingParent, Action: ActionSetAside,
				Column: key.Columns[0], Detail: fmt.Sprintf("foreign key %s: no such %s (%s)",
					key.Name, key.Parent, strings.Join(key.ParentKey, ", ")),
			})
		}, pair.orphans())
	}}
}

// keyPair is a foreign key as the source can be asked about it.
type keyPair struct {
	child, parent *tablePlan
	own, other    []string // expressions
}

func pairKey(child, parent *tablePlan, key *catalog.ForeignKey) (keyPair, bool) {
	pair := keyPair{child: child, parent: parent}
	for i := range key.Columns {
		own, other := child.columnNamed(key.Columns[i]), parent.columnNamed(key.ParentKey[i])
		if own < 0 || other < 0 {
			return pair, false
		}
		pair.own = append(pair.own, child.reads[own])
		pair.other = append(pair.other, parent.reads[other])
	}
	return pair, true
}

// difference selects keys that the parent seems to lack. SQLite merges both sides in the order of their indexes, which
// is many times faster than looking every row up (docs/PERFORMANCE.md); it takes '5' and 5 for different, so what it
// finds must be looked at again.
func (p keyPair) difference() string {
	return fmt.Sprintf("SELECT %[1]s FROM %[2]s WHERE %[3]s IS NOT NULL EXCEPT SELECT %[4]s FROM %[5]s ORDER BY %[6]s",
		strings.Join(p.own, ", "), p.child.from, strings.Join(p.own, " IS NOT NULL AND "),
		strings.Join(p.other, ", "), p.parent.from, ordinals(len(p.own)))
}

func ordinals(count int) string {
	list := make([]string, count)
	for i := range list {
		list[i] = strconv.Itoa(i + 1)
	}
	return strings.Join(list, ", ")
}

// orphans selects the rowids of rows whose parent is missing.
func (p keyPair) orphans() string {
	matches, present := make([]string, len(p.own)), make([]string, len(p.own))
	for i := range p.own {
		matches[i] = fmt.Sprintf("p.%s = c.%s", p.other[i], p.own[i])
		present[i] = fmt.Sprintf("c.%s IS NOT NULL", p.own[i])
	}
	return fmt.Sprintf("SELECT c.%s FROM %s AS c WHERE %s AND NOT EXISTS (SELECT 1 FROM %s AS p WHERE %s)",
		p.child.rowid, p.child.from, strings.Join(present, " AND "), p.parent.from, strings.Join(matches, " AND "))
}

// anyRow reports whether a query has a row.
func anyRow(ctx context.Context, reader *sqlite.Reader, query string) (found bool, err error) {
	rows, err := reader.Query(ctx, query)
	if err != nil {
		return false, err
	}
	found, err = rows.Next()
	return found, errors.Join(err, rows.Close())
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
