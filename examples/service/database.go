package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/engine/sqltext"
	"github.com/synapsedb/synapse/schema"
)

// open prepares the database that is named by a path or by a postgres:// address, and opens it for work.
func open(ctx context.Context, name string, log *slog.Logger) (database engine.Querier, closing func() error, err error) {
	if err := prepare(ctx, name, log); err != nil {
		return nil, nil, err
	}
	if isPostgres(name) {
		config, err := pgx.ParseConfig(name)
		if err != nil {
			return nil, nil, errors.New("SERVICE_DATABASE cannot be read") // the cause might hold the password
		}
		db := stdlib.OpenDB(*config)
		return engine.Statements{Kind: engine.Postgres, Connection: db, Bind: sqltext.Bind}, db.Close, nil
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Database: name}, log)
	if err != nil {
		return nil, nil, err
	}
	return engine.Statements{Kind: engine.SQLite, Connection: db}, db.Close, nil
}

// prepare creates the tables or upgrades them. The session is for that alone.
func prepare(ctx context.Context, name string, log *slog.Logger) (err error) {
	set, err := newSet()
	if err != nil {
		return err
	}
	session, err := openSession(ctx, name, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	_, err = schema.Prepare(ctx, session, set, schema.Options{Log: log})
	return err
}

func openSession(ctx context.Context, name string, log *slog.Logger) (engine.Session, error) {
	if !isPostgres(name) {
		return sqlite.OpenSession(ctx, sqlite.Config{Database: name}, log)
	}
	config, _, err := postgres.ParseArgs(map[string]any{"dsn": name})
	if err != nil {
		return nil, fmt.Errorf("SERVICE_DATABASE: %w", err)
	}
	return config.OpenSession(ctx, log)
}

func isPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}
