package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// Transact runs work in a transaction, up to Attempts times.
func (p *Pool) Transact(ctx context.Context, work func(Tx) error) error {
	return Retry(ctx, p.Repeatable, func() error { return p.transactOnce(ctx, work) })
}

func (p *Pool) transactOnce(ctx context.Context, work func(Tx) error) error {
	transaction, err := p.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer func() {
		_ = transaction.Rollback() // does nothing after a commit; the error that led here says more than its own
	}()
	if err := work(Statements{Kind: p.Kind, Connection: transaction, Bind: p.Bind}); err != nil {
		return err
	}
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// Close ends all connections.
func (p *Pool) Close() error {
	err := p.DB.Close()
	if p.Closer != nil {
		err = errors.Join(err, p.Closer())
	}
	return err
}
