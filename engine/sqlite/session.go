package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// driverConn is what the driver's connections can do and database/sql makes use of.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// session is a connection whose wait for the write lock ends with its context. SQLite waits out its busy timeout even
// when it is interrupted, so the wait is cut into slices.
type session struct {
	driverConn
	patience time.Duration
}

// lockSlice is the longest that a wait goes on after its context has ended.
const lockSlice = 50 * time.Millisecond

// BeginTx begins a transaction; unless it is read-only, it waits for the write lock as long as the busy timeout says.
func (s *session) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if ctx.Done() == nil || s.patience <= lockSlice {
		return s.driverConn.BeginTx(ctx, options)
	}
	if err := s.setTimeout(lockSlice); err != nil {
		return nil, err
	}
	transaction, err := s.beginInSlices(ctx, options)
	if restored := s.setTimeout(s.patience); restored != nil {
		return nil, errors.Join(err, restored, abandon(transaction))
	}
	return transaction, err
}

func (s *session) beginInSlices(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	for deadline := time.Now().Add(s.patience); ; {
		transaction, err := s.driverConn.BeginTx(ctx, options)
		switch {
		case err == nil:
			return transaction, nil
		case !isRepeatable(err) || time.Now().After(deadline):
			return nil, err
		case ctx.Err() != nil:
			return nil, errors.Join(err, context.Cause(ctx))
		}
	}
}

// setTimeout ignores the context: a connection must get its own timeout back whatever happens.
func (s *session) setTimeout(timeout time.Duration) error {
	setting := busySetting(timeout)
	if _, err := s.ExecContext(context.Background(), setting, nil); err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	return nil
}

func abandon(transaction driver.Tx) error {
	if transaction == nil {
		return nil
	}
	return transaction.Rollback()
}

func busySetting(timeout time.Duration) string {
	return fmt.Sprintf("PRAGMA busy_timeout = %d", timeout/time.Millisecond)
}
