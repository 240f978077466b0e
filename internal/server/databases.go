package server

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DatabaseOptions describes a database to be made. Only Name is needed.
type DatabaseOptions struct {
	// Name of the database.
	Name string
	// Owner is a role; the superuser when empty.
	Owner string
	// Encoding is the character set; "UTF8" when empty.
	Encoding string
	// Locale is both Collate and CType where these are empty; "C" when empty.
	Locale string
	// Collate is the order of texts (LC_COLLATE).
	Collate string
	// CType is what counts as a letter (LC_CTYPE).
	CType string
	// Template is the database copied; "template0" when empty.
	Template string
}

// CreateRole makes a role that may log in and nothing more.
func (p *Postgres) CreateRole(ctx context.Context, name, password string) error {
	const statement = `SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)`
	if err := p.execute(ctx, statement, name, password); err != nil {
		return fmt.Errorf("create role %s: %w", name, err)
	}
	return nil
}

// DropRole removes a role that owns nothing any more.
func (p *Postgres) DropRole(ctx context.Context, name string) error {
	if err := p.execute(ctx, `SELECT format('DROP ROLE IF EXISTS %I', $1::text)`, name); err != nil {
		return fmt.Errorf("drop role %s: %w", name, err)
	}
	return nil
}

// CreateDatabase makes a database.
func (p *Postgres) CreateDatabase(ctx context.Context, options DatabaseOptions) error {
	const statement = `SELECT format('CREATE DATABASE %I OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L TEMPLATE %I',
		$1::text, $2::text, $3::text, $4::text, $5::text, $6::text)`
	err := p.execute(ctx, statement, options.Name,
		cmp.Or(options.Owner, p.Superuser()),
		cmp.Or(options.Encoding, "UTF8"),
		cmp.Or(options.Collate, options.Locale, "C"),
		cmp.Or(options.CType, options.Locale, "C"),
		cmp.Or(options.Template, "template0"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", options.Name, err)
	}
	return nil
}

// DropDatabase ends a database's sessions and removes it. A database that is not there is no error. It needs
// PostgreSQL 13 or later.
func (p *Postgres) DropDatabase(ctx context.Context, name string) error {
	if err := p.execute(ctx, `SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text)`, name); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// execute lets the server write a statement, with its own quoting of names and values, and runs the result.
func (p *Postgres) execute(ctx context.Context, query string, arguments ...any) error {
	connection, err := p.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	var statement string
	if err := connection.QueryRow(ctx, query, arguments...).Scan(&statement); err != nil {
		return fmt.Errorf("write the statement: %w", err)
	}
	// The simple protocol: CREATE and DROP DATABASE refuse to be part of a transaction or a prepared statement.
	if _, err := connection.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("run the statement: %w", err)
	}
	return nil
}
