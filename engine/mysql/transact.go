package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/go-sql-driver/mysql"

	"github.com/synapsedb/synapse/engine"
)

// Beginner begins transactions: a *DB, a *sql.DB, a *sql.Conn.
type Beginner = engine.Beginner

// Transact runs work in a transaction and commits it; it rolls back when work returns an error or panics. A deadlock
// (1213), a lock that was not to be had in time (1205) and a row that has changed since the transaction began (1020, with
// MariaDB's innodb_snapshot_isolation), also at the commit, have everything repeated, up to five attempts in all: work must
// be able to run more than once. Nothing else is repeated, since nothing else is known to have had no effect.
//
// Statements like CREATE TABLE commit by themselves, and what came before them in work too: they do not belong here.
func Transact(ctx context.Context, beginner Beginner, options sql.TxOptions, work func(engine.Tx) error) error {
	return engine.Transact(ctx, beginner, options, faults(), func(transaction *sql.Tx) error {
		return work(engine.Statements{Kind: engine.MySQL, Connection: transaction})
	})
}

// faults has a transaction whose connection is gone for rolled back.
func faults() engine.Faults { return engine.Faults{Repeatable: isRepeatable, Over: isGone} }

// isGone reports whether an error says that the connection has ended.
func isGone(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, mysql.ErrInvalidConn)
}

func isRepeatable(err error) bool {
	return isNumber(err, errDeadlock, errLockWaitTimeout, errRowChanged)
}
