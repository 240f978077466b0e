package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
)

// rollbackTimeout is how long a rollback may take after its context has ended.
const rollbackTimeout = 10 * time.Second

// Beginner begins transactions: a *Pool, a *pgx.Conn, a *pgxpool.Conn.
type Beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Transact runs work in a transaction and commits it; it rolls back when work
// returns an error or panics. A serialization failure (40001) or a deadlock
// (40P01), also of the commit, has everything repeated, up to five attempts in
// all: work must be able to run more than once. Nothing else is repeated,
// since nothing else is known to have had no effect.
func Transact(ctx context.Context, beginner Beginner, options pgx.TxOptions, work func(pgx.Tx) error) error {
	return engine.Retry(ctx, isRepeatable, func() error { return transactOnce(ctx, beginner, options, work) })
}

func transactOnce(ctx context.Context, beginner Beginner, options pgx.TxOptions, work func(pgx.Tx) error) (err error) {
	transaction, err := beginner.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	committed := false
	defer func() {
		if !committed {
			err = errors.Join(err, rollback(ctx, transaction))
		}
	}()
	if err := work(transaction); err != nil {
		return err
	}
	committed = true
	if err := transaction.Commit(ctx); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// rollback works after the end of its context too. A transaction that is over
// already, or whose connection is gone, is rolled back.
func rollback(ctx context.Context, transaction pgx.Tx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	err := transaction.Rollback(ctx)
	if err == nil || errors.Is(err, pgx.ErrTxClosed) || transaction.Conn().IsClosed() {
		return nil
	}
	return fmt.Errorf("roll back transaction: %w", err)
}

func isRepeatable(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && (server.Code == "40001" || server.Code == "40P01")
}
