package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Beginner begins transactions: a *sql.DB, a *sql.Conn.
type Beginner interface {
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

// Faults tell the errors of an engine apart.
type Faults struct {
	// Repeatable reports whether the engine wants a transaction repeated after an error.
	Repeatable func(error) bool
	// Over reports whether the error of a rollback only says that the transaction has ended already.
	Over func(error) bool
}

// Transact runs work in a transaction of database/sql and commits it; it rolls back when work returns an error or panics.
// What is repeatable, also at the commit, is repeated, up to Attempts times: work must be able to run more than once.
func Transact(ctx context.Context, beginner Beginner, options sql.TxOptions, faults Faults, work func(*sql.Tx) error) error {
	return Retry(ctx, faults.Repeatable, func() error { return transactOnce(ctx, beginner, options, faults, work) })
}

func transactOnce(ctx context.Context, beginner Beginner, options sql.TxOptions, faults Faults, work func(*sql.Tx) error) (err error) {
	transaction, err := beginner.BeginTx(ctx, &options)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	committed := false
	defer func() {
		if !committed {
			err = errors.Join(err, rollback(transaction, faults))
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

// rollback takes a transaction that is over already, by the end of its context or by the engine, for rolled back.
func rollback(transaction *sql.Tx, faults Faults) error {
	err := transaction.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) || faults.Over(err) {
		return nil
	}
	return fmt.Errorf("roll back transaction: %w", err)
}
