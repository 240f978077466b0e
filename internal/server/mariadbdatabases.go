package server

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// MariaDBDatabaseOptions describes a database to be made. Only Name is needed.
type MariaDBDatabaseOptions struct {
	// Name of the database.
	Name string
	// Owner is a user that gets all rights on the database.
	Owner string
	// CharacterSet is "utf8mb4" when empty.
	CharacterSet string
	// Collation is "utf8mb4_bin" when it and CharacterSet are empty; else the character set's own.
	Collation string
}

// CreateUser makes a user that may log in, from anywhere, and nothing more.
func (m *MariaDB) CreateUser(ctx context.Context, name, password string) error {
	if err := m.execute(ctx, "CREATE USER "+mariaDBText(name)+"@'%' IDENTIFIED BY "+mariaDBText(password)); err != nil {
		return fmt.Errorf("create user %s: %w", name, err)
	}
	return nil
}

// DropUser removes a user. One that is not there is no error.
func (m *MariaDB) DropUser(ctx context.Context, name string) error {
	if err := m.execute(ctx, "DROP USER IF EXISTS "+mariaDBText(name)+"@'%'"); err != nil {
		return fmt.Errorf("drop user %s: %w", name, err)
	}
	return nil
}

// CreateDatabase makes a database.
func (m *MariaDB) CreateDatabase(ctx context.Context, options MariaDBDatabaseOptions) error {
	collation := options.Collation
	if options.CharacterSet == "" {
		collation = cmp.Or(collation, "utf8mb4_bin")
	}
	statement := "CREATE DATABASE " + mariaDBName(options.Name) + " CHARACTER SET " + mariaDBText(cmp.Or(options.CharacterSet, "utf8mb4"))
	if collation != "" {
		statement += " COLLATE " + mariaDBText(collation)
	}
	statements := []string{statement}
	if options.Owner != "" {
		// The name is a pattern here, in which _ and % stand for others.
		pattern := strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(options.Name)
		statements = append(statements, "GRANT ALL ON "+mariaDBName(pattern)+".* TO "+mariaDBText(options.Owner)+"@'%'")
	}
	if err := m.execute(ctx, statements...); err != nil {
		return fmt.Errorf("create database %s: %w", options.Name, err)
	}
	return nil
}

// DropDatabase ends a database's sessions and removes it. A database that is not there is no error.
func (m *MariaDB) DropDatabase(ctx context.Context, name string) error {
	if err := m.endSessions(ctx, name); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	if err := m.execute(ctx, "DROP DATABASE IF EXISTS "+mariaDBName(name)); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// endSessions ends the sessions that use a database: a transaction would keep it from being removed.
func (m *MariaDB) endSessions(ctx context.Context, database string) error {
	return m.asSuperuser(ctx, func(connection *sql.Conn) error {
		numbers, err := sessionsOf(ctx, connection, database)
		if err != nil {
			return err
		}
		for _, number := range numbers {
			_, err := connection.ExecContext(ctx, "KILL "+strconv.FormatUint(number, 10))
			if refusal, ok := errors.AsType[*mysql.MySQLError](err); err != nil && (!ok || refusal.Number != noSuchThread) {
				return fmt.Errorf("end session %d: %w", number, err)
			}
		}
		return nil
	})
}

// noSuchThread is ER_NO_SUCH_THREAD: the session has just ended.
const noSuchThread = 1094

// sessionsOf returns the numbers of the sessions that use a database.
func sessionsOf(ctx context.Context, connection *sql.Conn, database string) (numbers []uint64, err error) {
	rows, err := connection.QueryContext(ctx, `SELECT id FROM information_schema.processlist WHERE db = ?`, database)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var number uint64
		if err := rows.Scan(&number); err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		numbers = append(numbers, number)
	}
	return numbers, rows.Err()
}

// execute runs statements as the superuser.
func (m *MariaDB) execute(ctx context.Context, statements ...string) error {
	return m.asSuperuser(ctx, func(connection *sql.Conn) error {
		for _, statement := range statements {
			if _, err := connection.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// mariaDBName quotes a name.
func mariaDBName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// mariaDBText quotes a text: statements about users take no parameters.
func mariaDBText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}
