package dump

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// check refuses a database that is not complete.
func (m *maker) check(ctx context.Context, database *Database) error {
	name := database.Session.Name()
	logical := database.Logical
	if logical == nil {
		logical = []string{} // nil would be all
	}
	plan, err := schema.MakePlan(ctx, database.Session, m.options.Set, schema.Options{Databases: logical, Config: m.options.Config})
	if err != nil {
		return err
	}
	if plan.Create || plan.From != plan.To || len(plan.Steps) > 0 {
		refusal := &VersionError{Database: name, Version: plan.From, Wanted: plan.To, Empty: plan.Create}
		for i := range plan.Steps {
			refusal.Missing = append(refusal.Missing, plan.Steps[i].Name())
		}
		return refusal
	}
	state, err := schema.ReadState(ctx, database.Session)
	if err != nil {
		return err
	}
	if len(state.Updates) == 0 {
		return nil
	}
	refusal := &UpdatesError{Database: name}
	for _, update := range state.Updates {
		refusal.Updates = append(refusal.Updates, update.Name)
	}
	return refusal
}

// checkRows refuses rows in tables that have none in a database that nobody has used.
func (m *maker) checkRows(ctx context.Context, database *Database) error {
	expected := map[string]bool{}
	for _, table := range m.options.Set.BookkeepingTables() {
		expected[relation(table)] = true
	}
	for _, logical := range database.Logical {
		made, err := m.scratch(ctx, logical)
		if err != nil {
			return err
		}
		for _, e := range made.entries {
			expected[e.owner] = expected[e.owner] || e.row
		}
	}
	reader, err := newReader(database)
	if err != nil {
		return err
	}
	tables, err := reader.tables(ctx)
	if err != nil {
		return err
	}
	refusal := &RowsError{Database: database.Session.Name()}
	for _, table := range tables {
		if expected[relation(table)] {
			continue
		}
		switch some, err := hasRows(ctx, database.Session, reader.quote(table)); {
		case err != nil:
			return fmt.Errorf("look for rows of %s: %w", table, err)
		case some:
			refusal.Tables = append(refusal.Tables, table)
		}
	}
	if len(refusal.Tables) > 0 {
		return refusal
	}
	return nil
}

func hasRows(ctx context.Context, from engine.Querier, quoted string) (bool, error) {
	var one int
	err := from.QueryRow(ctx, "SELECT 1 FROM "+quoted+" LIMIT 1").Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// reader reads a physical database of one engine.
type reader interface {
	// read gives all statements in the order in which they are to be run.
	read(ctx context.Context) ([]entry, error)
	// tables lists the tables that hold rows.
	tables(ctx context.Context) ([]string, error)
	quote(name string) string
}

func newReader(database *Database) (reader, error) {
	switch kind := database.Session.Engine(); kind {
	case engine.SQLite:
		return &sqliteReader{session: database.Session}, nil
	case engine.Postgres:
		if database.PgDump == nil {
			return nil, &ToolError{Program: "pg_dump", Problem: "is needed to dump " + database.Session.Name(), Hint: "name it by PgDump"}
		}
		return &postgresReader{session: database.Session, tool: database.PgDump}, nil
	case engine.MySQL:
		return &mysqlReader{session: database.Session}, nil
	default:
		return nil, fmt.Errorf("no engine is called %q", kind)
	}
}

// texts runs a query whose columns are all texts; NULL is "".
func texts(ctx context.Context, from engine.Querier, query string, values ...any) ([][]string, error) {
	rows, err := from.Query(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]string
	found, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range found {
		places[i] = &found[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		row := make([]string, len(found))
		for i := range found {
			row[i] = found[i].String
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// insert is the statement for a row.
func insert(quotedTable string, quotedColumns []string, values string) string {
	return "INSERT INTO " + quotedTable + " (" + strings.Join(quotedColumns, ", ") + ") VALUES (" + values + ")"
}
