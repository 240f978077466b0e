package engine

import (
	"context"
	"database/sql"
)

// Connection is what Statements needs of a *sql.Tx, *sql.Conn or *sql.DB.
type Connection interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Statements is a Querier, and a Tx, on anything that database/sql gives.
type Statements struct {
	Kind       Kind
	Connection Connection
	// Bind turns the "?" of a statement into what the driver understands; nil leaves them.
	Bind func(statement string) string
}

// Engine is the product behind it.
func (s Statements) Engine() Kind { return s.Kind }

// Exec runs a statement and returns how many rows it changed.
func (s Statements) Exec(ctx context.Context, statement string, values ...any) (int64, error) {
	result, err := s.Connection.ExecContext(ctx, s.bound(statement, values), values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query runs a query.
func (s Statements) Query(ctx context.Context, query string, values ...any) (*sql.Rows, error) {
	return s.Connection.QueryContext(ctx, s.bound(query, values), values...)
}

// QueryRow runs a query for one row.
func (s Statements) QueryRow(ctx context.Context, query string, values ...any) *sql.Row {
	return s.Connection.QueryRowContext(ctx, s.bound(query, values), values...)
}

// Prepare compiles a statement.
func (s Statements) Prepare(ctx context.Context, statement string) (*sql.Stmt, error) {
	if s.Bind != nil {
		statement = s.Bind(statement)
	}
	return s.Connection.PrepareContext(ctx, statement)
}

// bound leaves a statement without values as it is: a file of SQL may use PostgreSQL's operator "?".
func (s Statements) bound(statement string, values []any) string {
	if s.Bind == nil || len(values) == 0 {
		return statement
	}
	return s.Bind(statement)
}
