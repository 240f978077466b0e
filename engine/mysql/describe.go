package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// description is a catalog that is being read. Every part is one query for the whole database; only a sequence, which
// MariaDB lists nowhere, takes one of its own.
type description struct {
	session *session
	catalog *engine.Catalog
	// collation is what the database gives a new table.
	collation string
}

// Describe reads the catalog. What changes without a statement about the schema (counters, numbers of rows) is not in it,
// and neither is the database's own default character set, or what temporary tables there are.
func (s *session) Describe(ctx context.Context) (*engine.Catalog, error) {
	reading := &description{session: s, catalog: &engine.Catalog{Tables: []engine.Table{}, Objects: []engine.Object{}}}
	if err := s.QueryRow(ctx, `SELECT @@collation_database`).Scan(&reading.collation); err != nil {
		return nil, fmt.Errorf("describe %s: %w", s.Name(), err)
	}
	for _, part := range []struct {
		name string
		read func(context.Context) error
	}{
		{"tables", reading.tables},
		{"columns", reading.columns},
		{"indexes", reading.indexes},
		{"foreign keys", reading.foreignKeys},
		{"checks", reading.checks},
		{"partitions", reading.partitions},
		{"triggers", reading.triggers},
		{"views", reading.views},
		{"routines", reading.routines},
		{"events", reading.events},
	} {
		if err := part.read(ctx); err != nil {
			return nil, fmt.Errorf("describe %s: read %s: %w", s.Name(), part.name, err)
		}
	}
	slices.SortFunc(reading.catalog.Tables, func(a, b engine.Table) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(reading.catalog.Objects, func(a, b engine.Object) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Type, b.Type))
	})
	return reading.catalog, nil
}

// each runs a query for the whole database and calls row for each of its rows, all of whose values are texts; NULL is "".
func (d *description) each(ctx context.Context, query string, row func(values []string) error) error {
	rows, err := d.session.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		if err := row(texts(values)); err != nil {
			return err
		}
	}
	return rows.Err()
}

func texts(values []sql.NullString) []string {
	plain := make([]string, len(values))
	for i, value := range values {
		plain[i] = value.String
	}
	return plain
}

func (d *description) add(kind, name, table string, definition ...string) {
	definition = slices.DeleteFunc(definition, func(part string) bool { return part == "" })
	d.catalog.Objects = append(d.catalog.Objects, engine.Object{
		Type: kind, Name: name, Table: table, Definition: d.local(strings.Join(definition, " ")),
	})
}

// local takes the database's own name out of what the server has written into a definition.
func (d *description) local(definition string) string {
	return strings.ReplaceAll(definition, QuoteIdentifier(d.session.info.Database)+".", "")
}

// list collects, in order, the elements of what has the same name and table.
type list struct {
	name, table string
	elements    []string
	rest        []string
}

// grouped adds an element to the last group, or begins a new one; rest is what all rows of a group share.
func grouped(groups []list, name, table, element string, rest ...string) []list {
	last := len(groups) - 1
	if last < 0 || groups[last].name != name || groups[last].table != table {
		return append(groups, list{name: name, table: table, elements: []string{element}, rest: rest})
	}
	groups[last].elements = append(groups[last].elements, element)
	return groups
}

func (l list) inParentheses() string { return "(" + strings.Join(l.elements, ", ") + ")" }
