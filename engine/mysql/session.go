package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// session is one connection on which a schema is created or changed.
type session struct {
	engine.Statements

	config     Config
	pool       *sql.DB // of this one connection
	connection *sql.Conn
	info       *ServerInfo
	// id is the server's number of the connection.
	id uint64
	// mark stands for the database in the names of locks, which are the whole server's.
	mark string
}

var _ engine.Session = (*session)(nil)

// OpenSession opens one connection on which a schema is created or changed. Until it has said on the server what it is, it
// uses no database, so OtherSessions of another process never takes it for a server's. The errors are those of Open. The
// driver's remarks go to the logger, which may be nil.
func (c Config) OpenSession(ctx context.Context, log *slog.Logger) (engine.Session, error) {
	c, err := c.complete()
	if err != nil {
		return nil, c.explain(err)
	}
	linked, err := c.newConnector("", schemaVariables, loggerOr(log))
	if err != nil {
		return nil, err
	}
	opened := &session{config: c, pool: sql.OpenDB(linked)}
	if err := opened.start(ctx); err != nil {
		return nil, errors.Join(c.explain(err), opened.Close())
	}
	return opened, nil
}

// start connects, makes the session known, and looks at the server and the database.
func (s *session) start(ctx context.Context) error {
	var err error
	if s.connection, err = s.pool.Conn(ctx); err != nil {
		return err
	}
	s.Statements = engine.Statements{Kind: engine.MySQL, Connection: s.connection}
	if err := s.introduce(ctx); err != nil {
		return err
	}
	if _, err := s.Exec(ctx, "USE "+QuoteIdentifier(s.config.Database)); err != nil {
		return err
	}
	s.info, err = Check(ctx, s.connection)
	return err
}

// introduce takes the lock by which other sessions know this one for one that changes the schema.
func (s *session) introduce(ctx context.Context) error {
	var caseOfNames int
	if err := s.QueryRow(ctx, `SELECT CONNECTION_ID(), @@lower_case_table_names`).Scan(&s.id, &caseOfNames); err != nil {
		return fmt.Errorf("read the connection's number: %w", err)
	}
	s.mark = databaseMark(s.config.Database, caseOfNames)
	var taken sql.NullInt64
	name := s.presencePrefix() + strconv.FormatUint(s.id, 10)
	if err := s.QueryRow(ctx, `SELECT GET_LOCK(?, 0)`, name).Scan(&taken); err != nil {
		return fmt.Errorf("take the lock %s: %w", name, err)
	}
	if taken.Int64 != 1 {
		return fmt.Errorf("take the lock %s, which bears this connection's number: another one has it", name)
	}
	return nil
}

// databaseMark is a short name for a database: the name of a lock has at most 64 letters, like that of a database alone,
// and case makes no difference to it.
func databaseMark(database string, lowerCaseTableNames int) string {
	if lowerCaseTableNames != 0 {
		database = strings.ToLower(database)
	}
	return markOf(database)
}

// markOf is a short word for any text.
func markOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// presencePrefix begins the names of the locks that sessions introduce themselves by; the connection's number follows.
func (s *session) presencePrefix() string { return "synapse.session." + s.mark + "." }

// Name is the database in words.
func (s *session) Name() string { return s.config.Name() }

// TransactionalDDL is false: statements like CREATE TABLE commit by themselves
// (https://dev.mysql.com/doc/refman/8.0/en/implicit-commit.html).
func (s *session) TransactionalDDL() bool { return false }

// Transact runs work in a transaction, as the function of that name does.
func (s *session) Transact(ctx context.Context, _ engine.TxOptions, work func(engine.Tx) error) error {
	return Transact(ctx, s.connection, sql.TxOptions{}, work)
}

// ExecAlone runs a statement. None leaves anything behind when it is interrupted: they are atomic in the versions that are
// supported (https://dev.mysql.com/doc/refman/8.0/en/atomic-ddl.html, https://mariadb.com/kb/en/atomic-ddl/). It gives up
// after a minute in which another session's transaction has held the table, so that the sessions behind it can go on.
func (s *session) ExecAlone(ctx context.Context, statement string) error {
	_, err := s.Exec(ctx, statement)
	if isNumber(err, errLockWaitTimeout) {
		return &engine.Error{
			Op: "change the schema of", Object: s.Name(), Err: err,
			Hint: "another session holds the table in a transaction: end it (SHOW PROCESSLIST lists them), then try again",
		}
	}
	return err
}

// Close ends the session.
func (s *session) Close() error {
	var ended error
	if s.connection != nil {
		if ended = s.connection.Close(); isGone(ended) {
			ended = nil
		}
	}
	return errors.Join(ended, s.pool.Close())
}
