package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// shortLockWait is for what wants a table for itself beside those who use it, in seconds.
const shortLockWait = 2

// BuildIndex compares an index that is there column by column. InnoDB builds without keeping others from the table, but for
// a moment. An index on some rows only is not supported.
func (s *session) BuildIndex(ctx context.Context, index engine.Index) error {
	if index.Where != "" {
		return fmt.Errorf("build the index %s: %w: MySQL and MariaDB have no index on some rows only", index.Name, errors.ErrUnsupported)
	}
	existing, err := s.indexParts(ctx, index.Table, index.Name)
	if err != nil {
		return err
	}
	if existing == "" {
		return s.ExecAlone(ctx, index.Statement(QuoteIdentifier, ""))
	}
	if existing != wantedParts(index) {
		return &engine.IndexError{Database: s.Name(), Name: index.Name, Table: index.Table, Existing: existing}
	}
	return nil
}

const indexPartsSQL = `SELECT NON_UNIQUE = 0, COALESCE(COLUMN_NAME, ''), COALESCE(SUB_PART, 0), COALESCE(COLLATION, 'A') = 'D'
	FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND INDEX_NAME = ? ORDER BY SEQ_IN_INDEX`

// indexParts spells an index as wantedParts does; it is empty when there is none.
func (s *session) indexParts(ctx context.Context, table, name string) (string, error) {
	rows, err := s.Query(ctx, indexPartsSQL, table, name)
	if err != nil {
		return "", fmt.Errorf("look for the index %s: %w", name, err)
	}
	defer rows.Close()
	var parts []string
	var unique bool
	for rows.Next() {
		var column string
		var length int
		var descending bool
		if err := rows.Scan(&unique, &column, &length, &descending); err != nil {
			return "", fmt.Errorf("look for the index %s: %w", name, err)
		}
		parts = append(parts, spell(column, length, descending))
	}
	return spellIndex(unique, parts), rows.Err()
}

func spell(column string, length int, descending bool) string {
	text := strings.ToLower(column)
	if length > 0 {
		text += fmt.Sprintf("(%d)", length)
	}
	if descending {
		text += " desc"
	}
	return text
}

func spellIndex(unique bool, parts []string) string {
	switch {
	case len(parts) == 0:
		return ""
	case unique:
		return "unique (" + strings.Join(parts, ", ") + ")"
	default:
		return "(" + strings.Join(parts, ", ") + ")"
	}
}

// wantedParts spells columns that are written as SQL.
func wantedParts(index engine.Index) string {
	parts := make([]string, len(index.Columns))
	for i, column := range index.Columns {
		text := strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(column, "`", ""))), " ")
		parts[i] = strings.ReplaceAll(strings.TrimSuffix(text, " asc"), " (", "(")
	}
	return spellIndex(index.Unique, parts)
}

// DropIndex drops an index if there is one.
func (s *session) DropIndex(ctx context.Context, table, name string) error {
	existing, err := s.indexParts(ctx, table, name)
	if err != nil || existing == "" {
		return err
	}
	return s.ExecAlone(ctx, "DROP INDEX "+QuoteIdentifier(name)+" ON "+QuoteIdentifier(table))
}

// ValidateConstraint is not supported: a constraint is valid as soon as it is there.
func (s *session) ValidateConstraint(_ context.Context, table, name string) error {
	return fmt.Errorf("validate the constraint %s of %s: %w: with MySQL and MariaDB it is valid since it was made", name, table, errors.ErrUnsupported)
}

// ChangeTable has a lock_wait_timeout of two seconds.
func (s *session) ChangeTable(ctx context.Context, statement string) (err error) {
	if _, err := s.Exec(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d", shortLockWait)); err != nil {
		return fmt.Errorf("set lock_wait_timeout: %w", err)
	}
	defer func() {
		_, restored := s.Exec(context.WithoutCancel(ctx), "SET SESSION lock_wait_timeout = "+schemaVariables["lock_wait_timeout"])
		if !isGone(restored) {
			err = errors.Join(err, restored)
		}
	}()
	return s.ExecAlone(ctx, statement)
}
