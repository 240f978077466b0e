package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/synapsedb/synapse/engine"
)

// Beginner begins transactions: a *DB, a *sql.DB, a *sql.Conn.
type Beginner interface {
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

// Transact runs work in a transaction and commits it; it rolls back when work returns an error or panics. A deadlock
// (1213), a lock that was not to be had in time (1205) and a row that has changed since the transaction began (1020, with
// MariaDB's innodb_snapshot_isolation), also at the commit, have everything repeated, up to five attempts in all: work must
// be able to run more than once. Nothing else is repeated, since nothing else is known to have had no effect.
//
// Statements like CREATE TABLE commit by themselves, and what came before them in work too: they do not belong here.
func Transact(ctx context.Context, beginner Beginner, options sql.TxOptions, work func(engine.Tx) error) error {
	return engine.Retry(ctx, isRepeatable, func() error { return transactOnce(ctx, beginner, options, work) })
}

func transactOnce(ctx context.Context, beginner Beginner, options sql.TxOptions, work func(engine.Tx) error) (err error) {
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
	if err := work(engine.Statements{Kind: engine.MySQL, Connection: transaction}); err != nil {
		return err
	}
	committed = true
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// rollback takes a transaction that is over already, by the end of its context, or whose connection is gone, for rolled
// back.
func rollback(transaction *sql.Tx) error {
	err := transaction.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) || isGone(err) {
		return nil
	}
	return fmt.Errorf("roll back transaction: %w", err)
}

// isGone reports whether an error says that the connection has ended.
func isGone(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, mysql.ErrInvalidConn)
}

func isRepeatable(err error) bool {
	return isNumber(err, errDeadlock, errLockWaitTimeout, errRowChanged)
}
