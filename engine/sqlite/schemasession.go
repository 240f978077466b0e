package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"

	"github.com/synapsedb/synapse/engine"
)

// schemaSession is an engine.Session: one connection of a DB.
type schemaSession struct {
	engine.Statements

	db         *DB
	connection *sql.Conn
	closer     func() error // ends what was opened with the session
	unlocks    []func() error
}

// OpenSession opens a database as Open does, on one connection on which its schema is created or changed. The journal mode
// of a file stays as it is until a lock is taken (LockSchema, LockUpdates, LockNamed). Unlike SQLite itself, it makes and drops
// FTS3 and FTS4 tables without their module. The logger may be nil.
func OpenSession(ctx context.Context, config Config, log *slog.Logger) (engine.Session, error) {
	config.MaxConnections, config.keepJournal = 1, true
	db, err := Open(ctx, config, loggerOr(log))
	if err != nil {
		return nil, err
	}
	connection, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(db.place.explain(err), db.Close())
	}
	return newSchemaSession(db, connection, db.Close), nil
}

// Name is the path, or what else the database was named by.
func (s *schemaSession) Name() string { return s.db.place.name }

// TransactionalDDL is true.
func (s *schemaSession) TransactionalDDL() bool { return true }

// Transact runs work in a transaction that holds the write lock from its start. What another connection's lock was in the
// way of, also at the commit, is repeated. The error of a commit refused for its foreign keys is a *ForeignKeysError.
func (s *schemaSession) Transact(ctx context.Context, options engine.TxOptions, work func(engine.Tx) error) (err error) {
	if options.KeysUnchecked {
		// SQLite ignores the setting inside of a transaction.
		if err := s.setForeignKeys(ctx, false); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.setForeignKeys(context.WithoutCancel(ctx), true)) }()
	}
	return s.explain(engine.Retry(ctx, isRepeatable, func() error { return s.transactOnce(ctx, options, work) }))
}

// transactOnce uses the driver's transaction, since database/sql rolls its own back at any time after its context has
// ended, and foreign keys can be turned on again only after that.
func (s *schemaSession) transactOnce(ctx context.Context, options engine.TxOptions, work func(engine.Tx) error) (err error) {
	transaction, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	over := false
	defer func() {
		if !over {
			err = errors.Join(err, s.finish(transaction.Rollback, "roll back"))
		}
	}()
	if err := work(s.Statements); err != nil {
		return err
	}
	if options.KeysUnchecked {
		if err := s.checkForeignKeys(ctx); err != nil {
			return err
		}
	}
	over = true // a commit that fails rolls back
	return s.finish(transaction.Commit, "commit")
}

func (s *schemaSession) begin(ctx context.Context) (transaction driver.Tx, err error) {
	err = s.connection.Raw(func(connection any) error {
		beginner, able := connection.(driver.ConnBeginTx)
		if !able {
			return fmt.Errorf("the driver's connection is a %T", connection)
		}
		transaction, err = beginner.BeginTx(ctx, driver.TxOptions{})
		return err
	})
	return transaction, err
}

func (s *schemaSession) finish(end func() error, how string) error {
	err := s.connection.Raw(func(any) error { return end() })
	if err == nil || how == "roll back" && isOver(err) {
		return nil
	}
	return fmt.Errorf("%s transaction: %w", how, err)
}

// ExecAlone runs a statement outside of a transaction. None leaves anything behind when it is interrupted.
func (s *schemaSession) ExecAlone(ctx context.Context, statement string) error {
	_, err := s.Exec(ctx, statement)
	return err
}

// explain names the file where another process was in the way.
func (s *schemaSession) explain(err error) error {
	if isRepeatable(err) {
		return &BusyError{Path: s.Name(), Err: err}
	}
	return err
}
