package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	lib "modernc.org/sqlite/lib"

	"github.com/synapsedb/synapse/engine"
)

// Beginner begins transactions: a *DB, a *sql.DB, a *sql.Conn.
type Beginner interface {
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

// Transact runs work in a transaction and commits it; it rolls back when work returns an error or panics. When another
// connection holds a lock (SQLITE_BUSY, SQLITE_LOCKED), also at the commit, everything is repeated, up to five attempts in
// all: work must be able to run more than once. Nothing else is repeated. A ReadOnly transaction takes no write lock.
func Transact(ctx context.Context, beginner Beginner, options sql.TxOptions, work func(*sql.Tx) error) error {
	return engine.Retry(ctx, isRepeatable, func() error { return transactOnce(ctx, beginner, options, work) })
}

func transactOnce(ctx context.Context, beginner Beginner, options sql.TxOptions, work func(*sql.Tx) error) (err error) {
	transaction, err := beginner.BeginTx(ctx, &options)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	committed := false
	defer func() {
		if !committed {
			err = errors.Join(err, rollback(transaction))
		}
	}()
	if err := work(transaction); err != nil {
		return err
	}
	committed = true // a commit that fails rolls back
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// rollback takes a transaction that is over already, by the end of its context or by SQLite, for rolled back.
func rollback(transaction *sql.Tx) error {
	err := transaction.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) || isOver(err) {
		return nil
	}
	return fmt.Errorf("roll back transaction: %w", err)
}

// isOver recognises "no transaction is active": SQLite has rolled back by itself after the first error.
func isOver(err error) bool { return primary(err) == lib.SQLITE_ERROR }

func isRepeatable(err error) bool {
	code := primary(err)
	return code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED
}
