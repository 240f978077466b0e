package sqlite

import (
	"context"
	"database/sql"

	lib "modernc.org/sqlite/lib"

	"github.com/synapsedb/synapse/engine"
)

// Beginner begins transactions: a *DB, a *sql.DB, a *sql.Conn.
type Beginner = engine.Beginner

// Transact runs work in a transaction and commits it; it rolls back when work returns an error or panics. When another
// connection holds a lock (SQLITE_BUSY, SQLITE_LOCKED), also at the commit, everything is repeated, up to five attempts in
// all: work must be able to run more than once. Nothing else is repeated. A ReadOnly transaction takes no write lock.
func Transact(ctx context.Context, beginner Beginner, options sql.TxOptions, work func(*sql.Tx) error) error {
	return engine.Transact(ctx, beginner, options, faults(), work)
}

func faults() engine.Faults { return engine.Faults{Repeatable: isRepeatable, Over: isOver} }

// isOver recognises "no transaction is active": SQLite has rolled back by itself after the first error.
func isOver(err error) bool { return primary(err) == lib.SQLITE_ERROR }

func isRepeatable(err error) bool {
	code := primary(err)
	return code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED
}
