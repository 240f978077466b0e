package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/engine/sqltext"
	"github.com/synapsedb/synapse/schema"
)

// place is where the database is.
type place struct {
	file     string // of SQLite
	postgres string // a connection string, which replaces the file; it may hold a password
}

// open prepares the database, and opens it for work.
func (p place) open(ctx context.Context, log *slog.Logger) (database engine.Querier, closing func() error, err error) {
	if err := p.prepare(ctx, log); err != nil {
		return nil, nil, err
	}
	if p.postgres != "" {
		config, err := pgx.ParseConfig(p.postgres)
		if err != nil {
			return nil, nil, errors.New("SERVICE_POSTGRES cannot be read") // the cause might hold the password
		}
		db := stdlib.OpenDB(*config)
		return engine.Statements{Kind: engine.Postgres, Connection: db, Bind: sqltext.Bind}, db.Close, nil
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Database: p.file}, log)
	if err != nil {
		return nil, nil, err
	}
	return engine.Statements{Kind: engine.SQLite, Connection: db}, db.Close, nil
}

// prepare creates the tables or upgrades them. The session is for that alone.
func (p place) prepare(ctx context.Context, log *slog.Logger) (err error) {
	set, err := newSet()
	if err != nil {
		return err
	}
	session, err := p.openSession(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	_, err = schema.Prepare(ctx, session, set, schema.Options{Log: log})
	return err
}

func (p place) openSession(ctx context.Context, log *slog.Logger) (engine.Session, error) {
	if p.postgres == "" {
		return sqlite.OpenSession(ctx, sqlite.Config{Database: p.file}, log)
	}
	config, _, err := postgres.ParseArgs(map[string]any{"dsn": p.postgres})
	if err != nil {
		return nil, fmt.Errorf("SERVICE_POSTGRES: %w", err)
	}
	return config.OpenSession(ctx, log)
}
