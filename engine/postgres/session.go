package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// UpgradeApplication is the application_name of a session that changes a schema; by it they know each other.
const UpgradeApplication = "synapse upgrade"

// UpdatesApplication is the application_name of a session that runs background updates.
const UpdatesApplication = "synapse updates"

// lockTimeout keeps a statement that wants a table for itself from queueing before a busy server without end.
const lockTimeout = "30s"

// session is an engine.Session: one connection, through database/sql for its statements, and itself for what the driver
// does better.
type session struct {
	engine.Statements

	name       string
	schema     string // the one in which unqualified names are made
	db         *sql.DB
	connection *sql.Conn
	driver     *pgx.Conn
	log        *slog.Logger
}

// OpenSession opens a connection on which a schema is created or changed: isolation read committed, no statement_timeout,
// a lock_timeout of 30 seconds, application_name UpgradeApplication. Statements are prepared nowhere, since the schema
// changes under them. Warnings of the server go to the logger, which may be nil. The error is an *engine.Error that says
// what to do; a connection through a pooler is refused.
func (c *Config) OpenSession(ctx context.Context, log *slog.Logger) (engine.Session, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	config := c.connection()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams["application_name"] = UpgradeApplication // from the start: others may look before any SET
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { logNotice(log, notice) }
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(1)
	opened := &session{name: c.Describe(), db: db, log: log}
	if err := opened.start(ctx, c); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

func (s *session) start(ctx context.Context, config *Config) (err error) {
	if s.connection, err = s.db.Conn(ctx); err != nil {
		return config.explain(err)
	}
	err = s.connection.Raw(func(raw any) error {
		linked, isLinked := raw.(*stdlib.Conn)
		if !isLinked {
			return fmt.Errorf("the driver's connection is a %T", raw)
		}
		s.driver = linked.Conn()
		return nil
	})
	if err != nil {
		return err
	}
	s.Statements = engine.Statements{Kind: engine.Postgres, Connection: s.connection, Bind: sqltext.Bind}
	return s.setUp(ctx, config)
}

// setUp looks for a pooler before it changes a setting, which behind one would be changed for others.
func (s *session) setUp(ctx context.Context, config *Config) error {
	behind, err := BehindPooler(ctx, s.driver)
	if err != nil {
		return config.explain(err)
	}
	if behind {
		return &engine.Error{Op: "open", Object: s.name, Err: ErrPooler,
			Hint: "give the address of the server itself: behind a pooler, the lock that keeps two upgrades apart may belong to somebody else's session"}
	}
	if err := setSession(ctx, s.driver, config.upgradeSession()); err != nil {
		return config.explain(err)
	}
	return s.findSchema(ctx)
}

// ErrPooler is in the chain of the error of OpenSession when a connection leads through a pooler.
var ErrPooler = errors.New("a pooler stands between this program and the server")

// upgradeSession gives the run-time parameters of a session that changes a schema.
func (c *Config) upgradeSession() map[string]string {
	parameters := c.session()
	parameters["application_name"] = UpgradeApplication
	parameters["client_min_messages"] = "warning"
	parameters["default_transaction_isolation"] = "read committed"
	parameters["idle_in_transaction_session_timeout"] = "0"
	parameters["lock_timeout"] = lockTimeout
	parameters["statement_timeout"] = "0"
	return parameters
}

const schemaSQL = `SELECT coalesce(current_schema(), ''), current_setting('search_path')`

func (s *session) findSchema(ctx context.Context) error {
	var path string
	if err := s.connection.QueryRowContext(ctx, schemaSQL).Scan(&s.schema, &path); err != nil {
		return fmt.Errorf("ask %s for the current schema: %w", s.name, err)
	}
	if s.schema == "" {
		return &engine.Error{Op: "open", Object: s.name, Err: fmt.Errorf("none of the schemas in search_path (%s) exists", path),
			Hint: "create the schema, or correct search_path"}
	}
	return nil
}

// Name is user, servers and database.
func (s *session) Name() string { return s.name }

// TransactionalDDL is true.
func (s *session) TransactionalDDL() bool { return true }

// Transact runs work in a transaction; see Transact of this package for what is repeated.
func (s *session) Transact(ctx context.Context, _ engine.TxOptions, work func(engine.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}
	err := Transact(ctx, s.driver, options, func(pgx.Tx) error { return work(s.Statements) })
	return s.explain(ctx, err)
}

// Exec runs a statement outside of a transaction.
func (s *session) Exec(ctx context.Context, statement string, values ...any) (int64, error) {
	affected, err := s.Statements.Exec(ctx, statement, values...)
	return affected, s.explain(ctx, err)
}

// Close ends the session; a lock and a transaction of it end too. Where a statement was interrupted, the driver asks the
// server to stop it, beside; a process that ended before that would leave the statement at work and the lock taken.
func (s *session) Close() error {
	var err error
	if s.connection != nil {
		if err = s.connection.Close(); errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
			err = nil
		}
	}
	err = errors.Join(err, s.db.Close())
	if s.driver != nil {
		<-s.driver.PgConn().CleanupDone() // the driver waits no longer than 15 s for the server
	}
	if err != nil {
		return fmt.Errorf("close the connection to %s: %w", s.name, err)
	}
	return nil
}

// explain adds what to do about a lock that was not given in time, and why a connection was given up.
func (s *session) explain(ctx context.Context, err error) error {
	const lockNotAvailable = "55P03"
	server, isServer := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return nil
	case isServer && server.Code == lockNotAvailable:
		return &engine.Error{Op: "change the schema of", Object: s.name, Err: err,
			Hint: "another session has held the lock for longer than lock_timeout: stop the server, or end the session whose transaction is open (pg_stat_activity), and try again; nothing was changed by this step"}
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		return errors.Join(err, context.Cause(ctx))
	}
	return err
}
