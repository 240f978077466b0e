package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
)

// shortLockTimeout is for what wants a table for itself beside those who use it.
const shortLockTimeout = "2s"

// signatureSQL tells all that makes two indexes the same, but for the table. Its parameters are a schema, or nothing for
// the temporary one, and a name.
const signatureSQL = `SELECT i.indisvalid, pg_get_indexdef(i.indexrelid),
	concat_ws(' | ', m.amname, i.indisunique, i.indnatts, i.indnkeyatts, i.indoption::text, i.indclass::text, i.indcollation::text,
		(SELECT string_agg(pg_get_indexdef(i.indexrelid, n::int, true), ', ' ORDER BY n) FROM generate_series(1, i.indnatts) AS n),
		pg_get_expr(i.indpred, i.indrelid))
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS m ON m.oid = c.relam
WHERE c.relname = $2 AND c.relnamespace = CASE WHEN $1 = '' THEN pg_my_temp_schema() ELSE (SELECT oid FROM pg_namespace WHERE nspname = $1) END`

// signature is an index as the catalog has it.
type signature struct {
	definition, parts string
	valid             bool
}

// BuildIndex compares an index that is there with what the statement would make of an empty table, as the server spells
// expressions in its own way. It builds with CONCURRENTLY.
func (s *session) BuildIndex(ctx context.Context, index engine.Index) error {
	found, err := s.signature(ctx, s.schema, index.Name)
	if err != nil {
		return err
	}
	on := found != nil && s.isOn(ctx, index)
	if found == nil || on && !found.valid {
		return s.ExecAlone(ctx, index.Statement(QuoteIdentifier, "CONCURRENTLY"))
	}
	different := &engine.IndexError{Database: s.name, Name: index.Name, Table: index.Table, Existing: found.definition}
	if !on {
		return different
	}
	wanted, err := s.wanted(ctx, index)
	if err == nil && wanted.parts != found.parts {
		return different
	}
	return err
}

// isOn reports whether the index of that name belongs to that table.
func (s *session) isOn(ctx context.Context, index engine.Index) bool {
	found, err := s.findIndex(ctx, &concurrentIndex{name: index.Name, table: QuoteIdentifier(index.Table)})
	return err == nil && found != nil
}

// signature gives nil when there is no index of that name.
func (s *session) signature(ctx context.Context, schema, name string) (*signature, error) {
	var found signature
	err := s.connection.QueryRowContext(ctx, signatureSQL, schema, name).Scan(&found.valid, &found.definition, &found.parts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, s.explain(ctx, fmt.Errorf("look for the index %s: %w", name, err))
	}
	return &found, nil
}

// wanted makes the index on an empty copy of the table, which is rolled back.
func (s *session) wanted(ctx context.Context, index engine.Index) (made *signature, err error) {
	undone := errors.New("undone")
	err = s.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		table := QuoteIdentifier(index.Table)
		if _, err := tx.Exec(ctx, fmt.Sprintf("CREATE TEMPORARY TABLE %s (LIKE %s.%s)", table, QuoteIdentifier(s.schema), table)); err != nil {
			return err
		}
		// The temporary schema is searched first.
		if _, err := tx.Exec(ctx, index.Statement(QuoteIdentifier, "")); err != nil {
			return err
		}
		if made, err = s.signature(ctx, "", index.Name); err != nil {
			return err
		}
		return undone
	})
	if errors.Is(err, undone) {
		return made, nil
	}
	return nil, fmt.Errorf("compare the index %s with the one that is there: %w", index.Name, err)
}

// DropIndex drops with CONCURRENTLY.
func (s *session) DropIndex(ctx context.Context, _, name string) error {
	return s.ExecAlone(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+QuoteIdentifier(s.schema)+"."+QuoteIdentifier(name))
}

// ValidateConstraint lets others read and write meanwhile.
func (s *session) ValidateConstraint(ctx context.Context, table, name string) error {
	_, err := s.Exec(ctx, "ALTER TABLE "+QuoteIdentifier(table)+" VALIDATE CONSTRAINT "+QuoteIdentifier(name))
	const integrityViolation = "23"
	if server, isServer := errors.AsType[*pgconn.PgError](err); isServer && strings.HasPrefix(server.Code, integrityViolation) {
		return &engine.ConstraintError{Database: s.name, Table: table, Name: name, Err: err}
	}
	return err
}

// ChangeTable has a lock_timeout of two seconds.
func (s *session) ChangeTable(ctx context.Context, statement string) error {
	return s.withLockTimeout(ctx, shortLockTimeout, func() error {
		_, err := s.Exec(ctx, statement)
		return err
	})
}
