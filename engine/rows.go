package engine

import (
	"context"
	"database/sql"
)

// Each runs a query and calls take for every row, with what reads the row's values.
func Each(ctx context.Context, from Querier, query string, values []any, take func(scan func(...any) error) error) error {
	rows, err := from.Query(ctx, query, values...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Collect reads and closes all rows.
func Collect[T any](rows *sql.Rows, read func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := read(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
