package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// brokenKeysShown is how many rows a ForeignKeysError names.
const brokenKeysShown = 5

// BrokenKey is a row whose foreign key refers to nothing.
type BrokenKey struct {
	Table  string
	RowID  int64 // 0 in a table WITHOUT ROWID
	Parent string
}

// ForeignKeysError reports that a transaction which ran with foreign keys off would have left some broken. It was rolled back.
type ForeignKeysError struct {
	Path string
	Rows []BrokenKey // the first ones
	More bool        // there are others
}

// Error names the rows.
func (e *ForeignKeysError) Error() string {
	var rows []string
	for _, row := range e.Rows {
		rows = append(rows, fmt.Sprintf("table %s, rowid %d, which refers to no row of %s", row.Table, row.RowID, row.Parent))
	}
	if e.More {
		rows = append(rows, "and others")
	}
	return fmt.Sprintf("check the foreign keys of %s before the commit: %s; nothing was changed: delete these rows or add what they refer to, and try again",
		e.Path, strings.Join(rows, "; "))
}

// setForeignKeys makes sure of it: where a transaction is open, SQLite ignores the setting in silence.
func (s *schemaSession) setForeignKeys(ctx context.Context, on bool) error {
	setting := "PRAGMA foreign_keys = OFF"
	if on {
		setting = "PRAGMA foreign_keys = ON"
	}
	if _, err := s.connection.ExecContext(ctx, setting); err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	var now bool
	if err := s.connection.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&now); err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	if now != on {
		return fmt.Errorf("%s: SQLite did not do it, as a transaction is open", setting)
	}
	return nil
}

const brokenKeysSQL = `SELECT "table", coalesce(rowid, 0), parent FROM pragma_foreign_key_check LIMIT ?`

func (s *schemaSession) checkForeignKeys(ctx context.Context) error {
	rows, err := s.connection.QueryContext(ctx, brokenKeysSQL, brokenKeysShown+1)
	if err != nil {
		return fmt.Errorf("check the foreign keys of %s: %w", s.Name(), err)
	}
	broken, err := engine.Collect(rows, func(rows *sql.Rows) (key BrokenKey, err error) {
		err = rows.Scan(&key.Table, &key.RowID, &key.Parent)
		return key, err
	})
	if err != nil {
		return fmt.Errorf("check the foreign keys of %s: %w", s.Name(), err)
	}
	if len(broken) == 0 {
		return nil
	}
	shown := broken[:min(len(broken), brokenKeysShown)]
	return &ForeignKeysError{Path: s.Name(), Rows: shown, More: len(broken) > len(shown)}
}
