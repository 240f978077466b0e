package engine

import (
	"context"
	"database/sql"
	"errors"
)

// Database is a physical database that is open for work, by several goroutines at once.
type Database interface {
	// Querier runs statements, each on a connection of its own.
	Querier

	// Name is the database in words, for messages. It holds no secret.
	Name() string

	// Transact runs work in a transaction and commits it; it rolls back when work fails. What the engine wants repeated
	// is repeated: work must be able to run more than once.
	Transact(ctx context.Context, work func(Tx) error) error

	// Close ends all connections.
	Close() error
}

// Pool is a Database on a pool of database/sql.
type Pool struct {
	Statements

	// Label is the name of the database in words.
	Label string
	// DB is the pool itself, for code that needs it.
	DB *sql.DB
	// Repeatable reports whether the engine wants a transaction repeated after an error.
	Repeatable func(error) bool
	// Closer ends what stands behind the pool; nil when closing DB does.
	Closer func() error
}

// Name is the database in words.
func (p *Pool) Name() string { return p.Label }

// Transact runs work in a transaction, up to Attempts times. How a rollback fails is not told: the error that led to it
// says more, and a pool drops the connection.
func (p *Pool) Transact(ctx context.Context, work func(Tx) error) error {
	faults := Faults{Repeatable: p.Repeatable, Over: func(error) bool { return true }}
	return Transact(ctx, p.DB, sql.TxOptions{}, faults, func(transaction *sql.Tx) error {
		return work(Statements{Kind: p.Kind, Connection: transaction, Bind: p.Bind})
	})
}

// Close ends all connections.
func (p *Pool) Close() error {
	err := p.DB.Close()
	if p.Closer != nil {
		err = errors.Join(err, p.Closer())
	}
	return err
}
