package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/synapsedb/synapse/engine"
)

// OpenDatabase is Open for code that works on every engine. The logger may be nil.
func OpenDatabase(ctx context.Context, config Config, log *slog.Logger) (engine.Database, error) {
	db, err := Open(ctx, config, loggerOr(log))
	if err != nil {
		return nil, err
	}
	return db.Database(), nil
}

// Database is the open database for code that works on every engine. Closing it closes db.
func (db *DB) Database() engine.Database {
	return &engine.Pool{
		Statements: engine.Statements{Kind: engine.SQLite, Connection: db.DB},
		Label:      db.place.name, DB: db.DB, Repeatable: isRepeatable, Closer: db.Close,
	}
}

// Session takes one of the connections for changing the schema. Closing the session gives it back. A database in memory
// has no other connection until then.
func (db *DB) Session(ctx context.Context) (engine.Session, error) {
	connection, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("take a connection of %s: %w", db.place.name, db.place.explain(err))
	}
	return newSchemaSession(db, connection, func() error { return nil }), nil
}

func newSchemaSession(db *DB, connection *sql.Conn, closer func() error) *schemaSession {
	statements := engine.Statements{Kind: engine.SQLite, Connection: fullTextConnection{connection}}
	return &schemaSession{Statements: statements, db: db, connection: connection, closer: closer}
}

func loggerOr(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

// Close ends the session with its locks, and the database when it was opened with the session.
func (s *schemaSession) Close() error {
	err := s.connection.Close()
	if errors.Is(err, sql.ErrConnDone) {
		err = nil
	}
	err = errors.Join(err, s.closer())
	for _, unlock := range s.unlocks {
		err = errors.Join(err, unlock())
	}
	return err
}
