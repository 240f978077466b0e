package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	lib "modernc.org/sqlite/lib"
)

// transactAttempts is how often a transaction is tried; each attempt waits for locks as long as its connection does.
const transactAttempts = 5

// firstBackoff is the longest wait before the second attempt; it doubles with each further one.
const firstBackoff = 20 * time.Millisecond

// Beginner begins transactions: a *DB, a *sql.DB, a *sql.Conn.
type Beginner interface {
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

// Transact runs work in a transaction and commits it; it rolls back when work returns an error or panics. When another
// connection holds a lock (SQLITE_BUSY, SQLITE_LOCKED), also at the commit, everything is repeated, up to five attempts in
// all: work must be able to run more than once. Nothing else is repeated. A ReadOnly transaction takes no write lock.
func Transact(ctx context.Context, beginner Beginner, options sql.TxOptions, work func(*sql.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := transactOnce(ctx, beginner, options, work)
		switch {
		case err == nil || !isRepeatable(err):
			return err
		case attempt == transactAttempts:
			return fmt.Errorf("transaction failed %d times: %w", attempt, err)
		}
		if stopped := wait(ctx, backoff(attempt)); stopped != nil {
			return errors.Join(err, stopped)
		}
	}
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
	if err == nil || errors.Is(err, sql.ErrTxDone) || primary(err) == lib.SQLITE_ERROR {
		return nil // SQLITE_ERROR: "no transaction is active", since SQLite rolled back by itself after the first error
	}
	return fmt.Errorf("roll back transaction: %w", err)
}

func isRepeatable(err error) bool {
	code := primary(err)
	return code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED
}

// backoff gives transactions that were in each other's way different times to try again.
func backoff(attempt int) time.Duration {
	longest := firstBackoff << (attempt - 1)
	return longest/2 + rand.N(longest/2)
}

func wait(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
