package sqlite

import (
	"context"
	"fmt"
)

const (
	hasSequencesQuery = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'sqlite_sequence'`
	sequencesQuery    = `SELECT name, max(seq) FROM sqlite_sequence WHERE typeof(seq) = 'integer' AND name IS NOT NULL GROUP BY name`
)

// Sequences returns the last number given out for every AUTOINCREMENT table that ever had a row.
func (r *Reader) Sequences(ctx context.Context) (map[string]int64, error) {
	sequences := map[string]int64{}
	present := false
	err := r.each(ctx, hasSequencesQuery, nil, func(rows *Rows) { present = rows.Int64(0) > 0 })
	if err == nil && present {
		err = r.each(ctx, sequencesQuery, nil, func(rows *Rows) { sequences[rows.text(0)] = rows.Int64(1) })
	}
	if err != nil {
		return nil, fmt.Errorf("read the sequences of %s: %w", r.path, err)
	}
	return sequences, nil
}

// RowidRange returns the least and the greatest rowid of a table, or that it is empty. It reads only the two ends of
// the table. A table without rowids is an error; Table.RowID tells before.
func (r *Reader) RowidRange(ctx context.Context, table string) (least, greatest int64, empty bool, err error) {
	columns, err := r.tableColumns(ctx, table)
	if err != nil {
		return 0, 0, false, fmt.Errorf("list the columns of %s: %w", table, err)
	}
	rowid, found := Table{Columns: columns}.RowID()
	if !found {
		return 0, 0, false, fmt.Errorf("find the rowids of %s: its own columns took all the names of the rowid", table)
	}
	// Two queries in one: SQLite goes straight to an end of the table only for a lone min or max.
	quoted := QuoteIdentifier(table)
	query := fmt.Sprintf("SELECT (SELECT min(%[1]s) FROM %[2]s), (SELECT max(%[1]s) FROM %[2]s)", rowid, quoted)
	err = r.each(ctx, query, nil, func(rows *Rows) {
		least, greatest, empty = rows.Int64(0), rows.Int64(1), rows.Type(0) == Null
	})
	if err != nil {
		return 0, 0, false, fmt.Errorf("find the rowids of %s: %w", table, err)
	}
	return least, greatest, empty, nil
}
