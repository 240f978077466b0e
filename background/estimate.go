package background

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// How an engine estimates the rows of a table without reading them.
const (
	// The density of the last ANALYZE or VACUUM at today's size, as PostgreSQL's planner does it. It is -1 or 0, and there
	// are no pages, before the first of them.
	postgresRowsSQL = `SELECT CAST(reltuples / relpages * (pg_relation_size(oid) / CAST(current_setting('block_size') AS bigint)) AS bigint)
FROM pg_class WHERE oid = to_regclass(?) AND reltuples > 0 AND relpages > 0`
	mysqlRowsSQL = `SELECT table_rows FROM information_schema.tables WHERE table_schema = database() AND table_name = ? AND table_rows IS NOT NULL`
	// An upper bound: rows that were deleted in between count.
	sqliteRowsSQL = `SELECT coalesce((SELECT max(rowid) FROM %[1]s) - (SELECT min(rowid) FROM %[1]s) + 1, 0)`
)

// TotalRows estimates how many rows a table has, as a Total does, without reading them: -1 when the engine does not know.
// With SQLite it is an upper bound, and a table WITHOUT ROWID is an error. table is SQL.
func TotalRows(ctx context.Context, tx engine.Tx, table string) (rows int64, err error) {
	query, values := postgresRowsSQL, []any{table}
	switch tx.Engine() {
	case engine.SQLite:
		query, values = fmt.Sprintf(sqliteRowsSQL, table), nil
	case engine.MySQL:
		query, values = mysqlRowsSQL, []any{strings.ReplaceAll(table, "`", "")}
	case engine.Postgres:
	}
	err = tx.QueryRow(ctx, query, values...).Scan(&rows)
	if errors.Is(err, sql.ErrNoRows) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("estimate the rows of %s: %w", table, err)
	}
	return rows, nil
}

// Total is for the option Total: about how many rows the table has.
func (s Statement) Total(ctx context.Context, tx engine.Tx) (int64, error) {
	return TotalRows(ctx, tx, s.Table)
}

// Total is for the option Total: about how many rows the table has, as all of them are walked through.
func (f FillColumn) Total(ctx context.Context, tx engine.Tx) (int64, error) {
	return TotalRows(ctx, tx, f.Table)
}

// Total is for the option Total: about how many rows are walked through where the constraint is broken.
func (v ValidateAndDelete) Total(ctx context.Context, tx engine.Tx) (int64, error) {
	return TotalRows(ctx, tx, v.Table)
}
