package server

import (
	"cmp"
	"context"
	"errors"
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

// statement is written by the server, with its own quoting of names and values: query gives it of the arguments.
type statement struct {
	query     string
	arguments []any
	what      string // is done, in errors
}

// CreateRole makes a role that may log in and nothing more.
func (p *Postgres) CreateRole(ctx context.Context, name, password string) error {
	return p.execute(ctx, createRole(name, password))
}

func createRole(name, password string) statement {
	const query = `SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)`
	return statement{query, []any{name, password}, "create role " + name}
}

// DropRole removes a role that owns nothing any more.
func (p *Postgres) DropRole(ctx context.Context, name string) error {
	return p.execute(ctx, dropRole(name))
}

func dropRole(name string) statement {
	return statement{`SELECT format('DROP ROLE IF EXISTS %I', $1::text)`, []any{name}, "drop role " + name}
}

// CreateDatabase makes a database.
func (p *Postgres) CreateDatabase(ctx context.Context, options DatabaseOptions) error {
	return p.execute(ctx, p.createDatabase(options))
}

func (p *Postgres) createDatabase(options DatabaseOptions) statement {
	const query = `SELECT format('CREATE DATABASE %I OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L TEMPLATE %I',
		$1::text, $2::text, $3::text, $4::text, $5::text, $6::text) || $7::text`
	return statement{query, []any{
		options.Name,
		cmp.Or(options.Owner, p.Superuser()),
		cmp.Or(options.Encoding, "UTF8"),
		cmp.Or(options.Collate, options.Locale, "C"),
		cmp.Or(options.CType, options.Locale, "C"),
		cmp.Or(options.Template, "template0"),
		p.strategy(),
	}, "create database " + options.Name}
}

// strategy has the files of the template copied, which takes half as long as writing all of them to the WAL, the default of PostgreSQL
// 15, where a checkpoint waits for no disk.
func (p *Postgres) strategy() string {
	const first = 150000
	if p.given != nil || p.options.Durable || p.Version() < first {
		return ""
	}
	return " STRATEGY file_copy"
}

// CreateOwned makes a role with a password, and the database that it owns.
func (p *Postgres) CreateOwned(ctx context.Context, options DatabaseOptions, password string) error {
	return p.execute(ctx, createRole(options.Owner, password), p.createDatabase(options))
}

// DropDatabase ends a database's sessions and removes it. A database that is not there is no error. It needs
// PostgreSQL 13 or later.
func (p *Postgres) DropDatabase(ctx context.Context, name string) error {
	return p.execute(ctx, dropDatabase(name))
}

func dropDatabase(name string) statement {
	return statement{`SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text)`, []any{name}, "drop database " + name}
}

// DropOwned removes a database as DropDatabase does, and then the role that owned it, also when the database could not be removed.
func (p *Postgres) DropOwned(ctx context.Context, name, owner string) error {
	return p.execute(ctx, dropDatabase(name), dropRole(owner))
}

// execute runs statements on one connection, since making one takes longer than most of them. When one fails the others are run.
func (p *Postgres) execute(ctx context.Context, statements ...statement) error {
	connection, err := p.Connect(ctx, "postgres")
	if err != nil {
		return fmt.Errorf("%s: %w", statements[0].what, err)
	}
	defer connection.Close(ctx)
	var errs []error
	for _, one := range statements {
		if err := one.run(ctx, connection); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", one.what, err))
		}
	}
	return errors.Join(errs...)
}

func (s statement) run(ctx context.Context, connection *pgx.Conn) error {
	var text string
	if err := connection.QueryRow(ctx, s.query, s.arguments...).Scan(&text); err != nil {
		return fmt.Errorf("write the statement: %w", err)
	}
	// The simple protocol: CREATE and DROP DATABASE refuse to be part of a transaction or a prepared statement.
	if _, err := connection.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("run the statement: %w", err)
	}
	return nil
}
