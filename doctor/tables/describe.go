package tables

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// describe reads the shape of a database.
func describe(ctx context.Context, session engine.Session) (*shape, error) {
	catalog, err := session.Describe(ctx)
	if err != nil {
		return nil, err
	}
	if session.Engine() == engine.SQLite {
		if err := addKeys(ctx, session, catalog); err != nil {
			return nil, fmt.Errorf("read the keys of %s: %w", session.Name(), err)
		}
	}
	return newShape(session.Engine(), catalog), nil
}

// The keys that stand in a table's own statement. Virtual tables have none, and are left alone: their module may be missing.
const (
	uniqueKeysQuery = `SELECT s.name, (SELECT group_concat(c.name, ', ' ORDER BY c.seqno) FROM pragma_index_info(l.name) AS c)
FROM sqlite_schema AS s JOIN pragma_index_list(s.name) AS l
WHERE s.type = 'table' AND s.sql NOT LIKE 'CREATE VIRTUAL %' AND l.origin <> 'c' ORDER BY s.name, l.seq`
	rowidKeysQuery = `SELECT s.name, c.name FROM sqlite_schema AS s JOIN pragma_table_info(s.name) AS c
WHERE s.type = 'table' AND s.sql NOT LIKE 'CREATE VIRTUAL %' AND c.pk = 1 AND upper(c.type) = 'INTEGER'
	AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.name) WHERE origin = 'pk') ORDER BY s.name`
	foreignKeysQuery = `SELECT s.name, f.id, f."table", f."from", coalesce(f."to", ''), f.on_update, f.on_delete
FROM sqlite_schema AS s JOIN pragma_foreign_key_list(s.name) AS f
WHERE s.type = 'table' AND s.sql NOT LIKE 'CREATE VIRTUAL %' ORDER BY s.name, f.id, f.seq`
)

// addKeys adds the unique keys and foreign keys of SQLite's tables to the catalog.
func addKeys(ctx context.Context, from engine.Querier, catalog *engine.Catalog) error {
	for _, query := range []string{uniqueKeysQuery, rowidKeysQuery} {
		err := engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
			var table, columns string
			err := scan(&table, &columns)
			catalog.Objects = append(catalog.Objects, engine.Object{Type: "key", Table: table, Definition: "(" + columns + ")"})
			return err
		})
		if err != nil {
			return err
		}
	}
	return addForeignKeys(ctx, from, catalog)
}

// reference is a foreign key that is read column by column.
type reference struct {
	table, parent, update, remove string
	id                            int
	from, to                      []string
}

func (r *reference) object() engine.Object {
	var text strings.Builder
	fmt.Fprintf(&text, "FOREIGN KEY (%s) REFERENCES %s", strings.Join(r.from, ", "), r.parent)
	if to := strings.Join(r.to, ""); to != "" {
		fmt.Fprintf(&text, " (%s)", strings.Join(r.to, ", "))
	}
	for _, action := range []struct{ event, does string }{{"UPDATE", r.update}, {"DELETE", r.remove}} {
		if action.does != "NO ACTION" {
			fmt.Fprintf(&text, " ON %s %s", action.event, action.does)
		}
	}
	return engine.Object{Type: "foreign key", Table: r.table, Definition: text.String()}
}

func addForeignKeys(ctx context.Context, from engine.Querier, catalog *engine.Catalog) error {
	var all []*reference
	err := engine.Each(ctx, from, foreignKeysQuery, nil, func(scan func(...any) error) error {
		var one reference
		var column, parentColumn string
		if err := scan(&one.table, &one.id, &one.parent, &column, &parentColumn, &one.update, &one.remove); err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].table != one.table || all[len(all)-1].id != one.id {
			all = append(all, &one)
		}
		last := all[len(all)-1]
		last.from, last.to = append(last.from, sqlite.QuoteIdentifier(column)), append(last.to, quoteIfAny(parentColumn))
		return nil
	})
	for _, one := range all {
		one.parent = sqlite.QuoteIdentifier(one.parent)
		catalog.Objects = append(catalog.Objects, one.object())
	}
	return err
}

func quoteIfAny(name string) string {
	if name == "" {
		return ""
	}
	return sqlite.QuoteIdentifier(name)
}
