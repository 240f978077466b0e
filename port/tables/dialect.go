package tables

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// dialect is what the engines do each in its own way.
type dialect interface {
	quote(name string) string
	// setUp changes settings of a session that values are read through.
	setUp(ctx context.Context, session engine.Session) error
	// begin begins a transaction of a session which reads one state and writes nothing.
	begin(ctx context.Context, session engine.Session) error
	// describe reads the columns and unique keys of tables.
	describe(ctx context.Context, from engine.Querier, names []string) (map[string]*table, error)
	// holds reports whether a column keeps values of a kind as they are, if accept has nothing against them.
	holds(column *column, of kind) bool
	// expression reads a column so that read understands it.
	expression(column *column, of kind) string
	// read brings what a query gave into the form of a kind.
	read(of kind, stored any) (value []byte, problem Class)
	// accept says why a column does not take a value that is not NULL.
	accept(column *column, of kind, value []byte) Class
	// last is the greatest number that a counter has handed out, 0 for none.
	last(ctx context.Context, from engine.Querier, table string, column *column) (int64, error)
	// check finds what hinders in a source of the engine alone.
	check(ctx context.Context, from engine.Querier, names []string) ([]Problem, error)
}

func dialectOf(of engine.Kind) (dialect, error) {
	switch of {
	case engine.SQLite:
		return sqliteDialect{}, nil
	case engine.Postgres:
		return postgresDialect{}, nil
	case engine.MySQL:
		return mysqlDialect{}, nil
	}
	return nil, fmt.Errorf("no engine is called %q; there are sqlite, postgres and mysql", of)
}

// notNull is NULL where a column forbids it.
func acceptValue(in dialect, column *column, of kind, value []byte) Class {
	if value != nil {
		return in.accept(column, of, value)
	}
	if column.notNull {
		return ClassNull
	}
	return ""
}
