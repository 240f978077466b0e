package homeserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
)

// CreateSQLite creates the schema of all logical databases in an empty SQLite
// database, in one transaction. A database that holds a table already is refused
// with *NotEmptyError and left as it is.
func CreateSQLite(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("create the homeserver schema: connect: %w", err)
	}
	err = inSQLiteTransaction(ctx, conn, func() error { return fillSQLite(ctx, conn) })
	return errors.Join(err, conn.Close())
}

// inSQLiteTransaction takes the write lock before the first look, so that two
// creations at once cannot both find the database empty.
func inSQLiteTransaction(ctx context.Context, conn *sql.Conn, work func() error) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("create the homeserver schema: begin: %w", err)
	}
	if err := work(); err != nil {
		_, rollback := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, rollback)
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		_, rollback := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(fmt.Errorf("create the homeserver schema: commit: %w", err), rollback)
	}
	return nil
}

const countSQLiteTables = `SELECT count(*), coalesce(min(name), '') FROM sqlite_schema
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`

func fillSQLite(ctx context.Context, conn *sql.Conn) error {
	found := NotEmptyError{Engine: engine.SQLite}
	if err := conn.QueryRowContext(ctx, countSQLiteTables).Scan(&found.Tables, &found.Table); err != nil {
		return fmt.Errorf("create the homeserver schema: look for tables: %w", err)
	}
	if found.Tables > 0 {
		return &found
	}
	return runSchema(engine.SQLite, func(script string) error {
		_, err := conn.ExecContext(ctx, script)
		return err
	})
}

// CreatePostgres creates the schema of all logical databases in the current
// schema of an empty PostgreSQL database, in one transaction. One that holds a
// table already is refused with *NotEmptyError and left as it is; what an
// extension brought does not count.
func CreatePostgres(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return fillPostgres(ctx, tx) })
}

// The lock makes a second creation wait until it can see the tables of the first.
const lockPostgresCreation = `SELECT pg_advisory_xact_lock(hashtextextended('homeserver schema creation', 0))`

const countPostgresTables = `SELECT count(*), coalesce(min(c.relname), '')
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema()))
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
  AND NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

func fillPostgres(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, lockPostgresCreation); err != nil {
		return fmt.Errorf("create the homeserver schema: wait for other creations: %w", err)
	}
	found := NotEmptyError{Engine: engine.Postgres}
	if err := tx.QueryRow(ctx, countPostgresTables).Scan(&found.Tables, &found.Table); err != nil {
		return fmt.Errorf("create the homeserver schema: look for tables: %w", err)
	}
	if found.Tables > 0 {
		return &found
	}
	return runSchema(engine.Postgres, func(script string) error {
		_, err := tx.Conn().PgConn().Exec(ctx, script).ReadAll()
		return err
	})
}

// recordVersion runs after the full schemas. upgraded is false, because no delta
// has been applied.
const recordVersion = `INSERT INTO schema_version (version, upgraded) VALUES (%d, false);
INSERT INTO schema_compat_version (compat_version) VALUES (%d);`

func runSchema(kind engine.Kind, run func(script string) error) error {
	for _, database := range logicalDatabases {
		script, err := fullSchema(database, kind)
		if err != nil {
			return err
		}
		if err := run(script); err != nil {
			return fmt.Errorf("create the homeserver schema: %s: %w", database, err)
		}
	}
	if err := run(fmt.Sprintf(recordVersion, Version, CompatVersion)); err != nil {
		return fmt.Errorf("create the homeserver schema: record its version: %w", err)
	}
	return nil
}
