package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
)

// changeRows copies a source, and changes one row of a hundred in each table that has a column for it: one of text, in no
// key. In tables that have none, and that no other refers to, it deletes them. It returns how many.
func changeRows(ctx context.Context, source, newer string) (changed int64, err error) {
	if err := copyFile(source, newer); err != nil {
		return 0, err
	}
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: newer}, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	statements, err := changes(ctx, session)
	if err != nil {
		return 0, err
	}
	for _, statement := range statements {
		affected, err := session.Exec(ctx, statement)
		if err != nil {
			return changed, fmt.Errorf("%s: %w", statement, err)
		}
		changed += affected
	}
	return changed, nil
}

const (
	tablesSQL = `SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite_%'
		AND name NOT LIKE '%\_search\_%' ESCAPE '\' ORDER BY name`
	freeColumnSQL = `SELECT name FROM pragma_table_info(?1) WHERE upper(type) = 'TEXT' AND pk = 0 AND name NOT IN (
		SELECT c.name FROM pragma_index_list(?1) AS i, pragma_index_info(i.name) AS c WHERE c.name IS NOT NULL)
		AND name NOT IN (SELECT "from" FROM pragma_foreign_key_list(?1)) ORDER BY cid LIMIT 1`
	referredSQL = `SELECT count(*) FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS k WHERE s.type = 'table' AND k."table" = ?1`
)

func changes(ctx context.Context, session engine.Session) (statements []string, err error) {
	tables, err := texts(ctx, session, tablesSQL)
	if err != nil {
		return nil, err
	}
	bookkeeping := map[string]bool{}
	for _, table := range append(homeserver.IdentifyingTables(), homeserver.CompatVersionTable, homeserver.BackgroundUpdatesTable, homeserver.MarkerTable) {
		bookkeeping[table] = table != "events" && table != "event_json"
	}
	for _, table := range tables {
		if bookkeeping[table] || strings.HasPrefix(table, "schema_") || strings.HasPrefix(table, "applied_") {
			continue
		}
		columns, err := texts(ctx, session, freeColumnSQL, table)
		if err != nil {
			return nil, err
		}
		var referred int
		if err := session.QueryRow(ctx, referredSQL, table).Scan(&referred); err != nil {
			return nil, err
		}
		name := sqlite.QuoteIdentifier(table)
		switch {
		case len(columns) > 0:
			column := sqlite.QuoteIdentifier(columns[0])
			statements = append(statements, fmt.Sprintf("UPDATE %s SET %s = %s || ' ' WHERE rowid %% 100 = 0", name, column, column))
		case referred == 0:
			statements = append(statements, fmt.Sprintf("DELETE FROM %s WHERE rowid %% 100 = 0", name))
		}
	}
	return statements, nil
}

func texts(ctx context.Context, session engine.Session, query string, values ...any) (all []string, err error) {
	err = engine.Each(ctx, session, query, values, func(scan func(...any) error) error {
		var one string
		err := scan(&one)
		all = append(all, one)
		return err
	})
	return all, err
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was only read
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
