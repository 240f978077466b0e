package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

const indexStatementSQL = `SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ? COLLATE NOCASE AND sql IS NOT NULL`

// BuildIndex compares the statement of an index that is there, word by word. Nobody else can write while it builds.
func (s *schemaSession) BuildIndex(ctx context.Context, index engine.Index) error {
	existing, err := s.indexStatement(ctx, index.Name)
	if err != nil {
		return err
	}
	wanted := index.Statement(QuoteIdentifier, "")
	if existing == "" {
		return s.ExecAlone(ctx, wanted)
	}
	if !slices.Equal(indexWords(existing), indexWords(wanted)) {
		return &engine.IndexError{Database: s.Name(), Name: index.Name, Table: index.Table, Existing: existing}
	}
	return nil
}

func (s *schemaSession) indexStatement(ctx context.Context, name string) (statement string, err error) {
	err = s.QueryRow(ctx, indexStatementSQL, name).Scan(&statement)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("look for the index %s: %w", name, err)
	}
	return statement, nil
}

// indexWords are the words of a CREATE INDEX without those that change nothing: quotes, case, IF NOT EXISTS, ASC.
func indexWords(statement string) []string {
	var words []string
	for _, token := range sqltext.Tokens(engine.SQLite, statement, math.MaxInt) {
		word := token.Text
		if token.Name != "" {
			word = strings.ToLower(token.Name)
		}
		if word != "asc" && word != ";" {
			words = append(words, word)
		}
	}
	if i := slices.Index(words, "index"); i >= 0 && len(words) > i+3 && slices.Equal(words[i+1:i+4], []string{"if", "not", "exists"}) {
		words = slices.Delete(words, i+1, i+4)
	}
	return words
}

// DropIndex drops an index if there is one.
func (s *schemaSession) DropIndex(ctx context.Context, _, name string) error {
	return s.ExecAlone(ctx, "DROP INDEX IF EXISTS "+QuoteIdentifier(name))
}

// ValidateConstraint is not supported: a constraint is valid as soon as it is there.
func (s *schemaSession) ValidateConstraint(_ context.Context, table, name string) error {
	return fmt.Errorf("validate the constraint %s of %s: %w: with SQLite it is valid since it was made", name, table, errors.ErrUnsupported)
}

// ChangeTable runs the statement as any other: SQLite locks the whole database for every change.
func (s *schemaSession) ChangeTable(ctx context.Context, statement string) error {
	return s.ExecAlone(ctx, statement)
}
