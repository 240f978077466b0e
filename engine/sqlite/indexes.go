package sqlite

import (
	"context"
	"fmt"
	"strings"
)

// Index is one unique index or constraint of a table.
type Index struct {
	Name    string // empty for the INTEGER PRIMARY KEY, which is the table itself
	Primary bool   // it enforces the primary key
	Columns []IndexColumn
	Where   string // the condition of a partial index, SQL, empty for all others
}

// IndexColumn is one key column of an index.
type IndexColumn struct {
	Name      string // empty for an expression
	Collation string // "BINARY" unless declared otherwise
	Descends  bool
}

const (
	indexListQuery = `
SELECT l.name, l.origin = 'pk', coalesce(s.sql, ''), l.partial
  FROM pragma_index_list(?, 'main') AS l LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = l.name
 WHERE l."unique" ORDER BY l.seq`
	indexColumnsQuery = `SELECT coalesce(name, ''), coll, "desc" FROM pragma_index_xinfo(?, 'main') WHERE key ORDER BY seqno`
)

// UniqueIndexes returns everything that keeps rows of the table unique: unique indexes, UNIQUE constraints and the
// primary key. SQLite takes any two NULLs in one for different, also in a primary key of a table with rowids.
// A virtual table has none, and asking for them is an error where its module is missing.
func (r *Reader) UniqueIndexes(ctx context.Context, table string) ([]Index, error) {
	var indexes []Index
	err := r.each(ctx, indexListQuery, []any{table}, func(rows *Rows) {
		index := Index{Name: rows.text(0), Primary: rows.Int64(1) != 0}
		if rows.Int64(3) != 0 {
			index.Where = condition(rows.text(2))
		}
		indexes = append(indexes, index)
	})
	if err != nil {
		return nil, fmt.Errorf("list the unique indexes of %s: %w", table, err)
	}
	for i := range indexes {
		if indexes[i].Columns, err = r.indexColumns(ctx, indexes[i].Name); err != nil {
			return nil, fmt.Errorf("list the columns of index %s: %w", indexes[i].Name, err)
		}
	}
	return r.withRowIDKey(ctx, table, indexes)
}

func (r *Reader) indexColumns(ctx context.Context, index string) ([]IndexColumn, error) {
	var columns []IndexColumn
	err := r.each(ctx, indexColumnsQuery, []any{index}, func(rows *Rows) {
		columns = append(columns, IndexColumn{Name: rows.text(0), Collation: rows.text(1), Descends: rows.Int64(2) != 0})
	})
	return columns, err
}

// withRowIDKey adds the INTEGER PRIMARY KEY, which needs no index and so is in no list.
func (r *Reader) withRowIDKey(ctx context.Context, table string, indexes []Index) ([]Index, error) {
	for _, index := range indexes {
		if index.Primary {
			return indexes, nil
		}
	}
	columns, err := r.tableColumns(ctx, table)
	if err != nil {
		return nil, fmt.Errorf("list the columns of %s: %w", table, err)
	}
	for _, column := range columns {
		if column.PrimaryKey == 1 {
			key := Index{Primary: true, Columns: []IndexColumn{{Name: column.Name, Collation: "BINARY"}}}
			return append([]Index{key}, indexes...), nil
		}
	}
	return indexes, nil
}

// condition returns what follows WHERE in a CREATE INDEX statement.
func condition(statement string) string {
	for _, token := range scan(statement) {
		if token.depth == 0 && strings.EqualFold(token.text, "where") {
			return strings.TrimSpace(statement[token.end:])
		}
	}
	return ""
}
