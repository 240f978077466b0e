package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	lib "modernc.org/sqlite/lib"
)

// fullTextConnection makes and drops FTS3 and FTS4 tables by hand, since this SQLite lacks the module: it makes the tables
// of their data, and puts the declaration into sqlite_schema, from which a SQLite that has the module takes over.
type fullTextConnection struct {
	*sql.Conn
}

// ExecContext runs a statement. One with values neither makes nor drops a table, and need not be read for that.
func (c fullTextConnection) ExecContext(ctx context.Context, statement string, values ...any) (sql.Result, error) {
	if len(values) > 0 {
		return c.Conn.ExecContext(ctx, statement, values...)
	}
	table, err := parseFullTextTable(statement)
	if err != nil {
		return nil, err
	}
	if table != nil {
		return driver.RowsAffected(0), c.create(ctx, table)
	}
	if name := droppedTable(statement); name != "" {
		name, declaration, err := c.find(ctx, name)
		if err != nil {
			return nil, err
		}
		if fullTextModule(declaration) {
			return driver.RowsAffected(0), c.drop(ctx, name, declaration)
		}
	}
	return c.Conn.ExecContext(ctx, statement, values...)
}

const (
	findTableSQL = `SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view', 'index')`
	declareSQL   = `INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)`
	undeclareSQL = `DELETE FROM sqlite_schema WHERE type = 'table' AND name = ?1`
)

// find gives empty texts when nothing has the name.
func (c fullTextConnection) find(ctx context.Context, name string) (found, declaration string, err error) {
	err = c.QueryRowContext(ctx, findTableSQL, name).Scan(&found, &declaration)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", "", fmt.Errorf("look for the table %s: %w", name, err)
	}
	return found, declaration, nil
}

func (c fullTextConnection) create(ctx context.Context, table *fullTextTable) error {
	found, declaration, err := c.find(ctx, table.name)
	isIndex := startsWith(scan(declaration), "create", "index") || startsWith(scan(declaration), "create", "unique", "index") || declaration == ""
	switch {
	case err != nil:
		return err
	case found != "" && table.ifNotExists && !isIndex:
		return nil
	case found != "":
		return table.refuse(found+" exists already", "drop it first, or write IF NOT EXISTS")
	case strings.HasPrefix(strings.ToLower(table.name), "sqlite_"):
		return table.refuse("the name is reserved for SQLite", "choose another name")
	}
	return c.together(ctx, func() error {
		if err := c.editSchema(ctx, declareSQL, table.name, table.declaration); err != nil {
			return err
		}
		return c.each(ctx, table.shadows())
	})
}

func (c fullTextConnection) drop(ctx context.Context, name, declaration string) error {
	declared, _ := parseFullText(name, declaration) // that nothing can be read from it is no matter here
	_, external := declared.options["content"]
	var drops []string
	for _, suffix := range shadowSuffixes(declared.module) {
		if !external || suffix != "_content" {
			drops = append(drops, "DROP TABLE IF EXISTS "+QuoteIdentifier(name+suffix))
		}
	}
	return c.together(ctx, func() error {
		if err := c.editSchema(ctx, undeclareSQL, name); err != nil {
			return err
		}
		return c.each(ctx, drops)
	})
}

func (c fullTextConnection) each(ctx context.Context, statements []string) error {
	for _, statement := range statements {
		if _, err := c.Conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// editSchema writes into sqlite_schema and has SQLite read it anew. What the connection takes back by itself at a rollback
// is only what an ordinary statement has changed in the schema since: one has to follow. The same one tells other connections.
func (c fullTextConnection) editSchema(ctx context.Context, statement string, values ...any) (err error) {
	if _, err := c.Conn.ExecContext(ctx, "PRAGMA writable_schema = ON"); err != nil {
		return fmt.Errorf("PRAGMA writable_schema: %w", err)
	}
	defer func() {
		_, closed := c.Conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA writable_schema = RESET")
		err = errors.Join(err, closed)
	}()
	if _, err := c.Conn.ExecContext(ctx, statement, values...); err != nil {
		return fmt.Errorf("write sqlite_schema: %w", err)
	}
	return nil
}

// together has all of work or nothing happen. Its first statement is a write, which waits for the lock.
func (c fullTextConnection) together(ctx context.Context, work func() error) error {
	if _, err := c.Conn.ExecContext(ctx, "SAVEPOINT full_text"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := work()
	if err == nil {
		if _, err = c.Conn.ExecContext(ctx, "RELEASE full_text"); err == nil {
			return nil
		}
	}
	for _, statement := range []string{"ROLLBACK TO full_text", "RELEASE full_text"} {
		_, undone := c.Conn.ExecContext(context.WithoutCancel(ctx), statement)
		if undone != nil && primary(undone) != lib.SQLITE_ERROR { // "no such savepoint": all was rolled back already
			err = errors.Join(err, undone)
		}
	}
	return err
}

// droppedTable is the table of main that a DROP TABLE names, or nothing.
func droppedTable(statement string) string {
	tokens := trimEnd(scan(statement))
	if !startsWith(tokens, "drop", "table") {
		return ""
	}
	rest := tokens[2:]
	if startsWith(rest, "if", "exists") {
		rest = rest[2:]
	}
	if len(rest) == 3 && rest[1].text == "." && strings.EqualFold(unquote(rest[0].text), "main") {
		rest = rest[2:]
	}
	if len(rest) != 1 {
		return ""
	}
	return unquote(rest[0].text)
}
