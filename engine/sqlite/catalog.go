package sqlite

import (
	"context"
	"fmt"
	"strings"
)

// Table is one table of the database, without SQLite's own (sqlite_sequence and the like) and without views.
type Table struct {
	Name         string
	Columns      []Column // in order of declaration, generated ones included; none of a virtual table whose module is missing
	Virtual      bool
	Module       string // of a virtual table, in lower case: "fts4"
	ShadowOf     string // the virtual table that keeps its content here
	WithoutRowID bool
	Strict       bool
	SQL          string // the statement that made it
}

// Column is one column of a table.
type Column struct {
	Name       string
	Type       string // as declared, may be empty; values of any type may stand in it unless the table is strict
	NotNull    bool
	Default    string // SQL expression, empty when there is none
	PrimaryKey int    // place in the primary key, counted from 1; 0 when it is not part of it
	Hidden     Hidden
}

// Hidden says why SELECT * leaves a column out, or why INSERT may not name it; SQLite's own numbers.
type Hidden int

// The kinds of columns.
const (
	Ordinary         Hidden = 0
	HiddenByModule   Hidden = 1 // of a virtual table
	GeneratedVirtual Hidden = 2
	GeneratedStored  Hidden = 3
)

// RowID returns a name by which the table's rowid can be read, unless the table has none that can be reached:
// WITHOUT ROWID, virtual, or with columns that took all three names.
func (t Table) RowID() (name string, found bool) {
	if t.WithoutRowID || t.Virtual {
		return "", false
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if !t.hasColumn(name) {
			return name, true
		}
	}
	return "", false
}

func (t Table) hasColumn(name string) bool {
	for _, column := range t.Columns {
		if strings.EqualFold(column.Name, name) {
			return true
		}
	}
	return false
}

const tablesQuery = `
SELECT s.name, coalesce(s.sql, ''), l.type, l.wr, l.strict
  FROM sqlite_schema AS s JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name
 WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\'
 ORDER BY s.rowid`

// Tables returns all tables in the order in which they were made. It works also where a virtual table's module
// is missing from this library, as FTS4 is: such a table comes without columns, and FTSContent finds its content.
func (r *Reader) Tables(ctx context.Context) ([]Table, error) {
	var tables []Table
	shadow := map[string]bool{}
	err := r.each(ctx, tablesQuery, nil, func(rows *Rows) {
		table := Table{Name: rows.text(0), SQL: rows.text(1), WithoutRowID: rows.Int64(3) != 0, Strict: rows.Int64(4) != 0}
		table.Module, _ = declaredModule(table.SQL)
		table.Virtual = table.Module != ""
		shadow[table.Name] = rows.text(2) == "shadow"
		tables = append(tables, table)
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	markShadows(tables, shadow)
	for i := range tables {
		if tables[i].Columns, err = r.tableColumns(ctx, tables[i].Name); err != nil && !tables[i].Virtual {
			return nil, fmt.Errorf("list the columns of %s: %w", tables[i].Name, err)
		}
	}
	return tables, nil
}

const columnsQuery = `SELECT name, type, "notnull", coalesce(dflt_value, ''), pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid`

func (r *Reader) tableColumns(ctx context.Context, table string) ([]Column, error) {
	var columns []Column
	err := r.each(ctx, columnsQuery, []any{table}, func(rows *Rows) {
		columns = append(columns, Column{
			Name: rows.text(0), Type: rows.text(1), NotNull: rows.Int64(2) != 0, Default: rows.text(3),
			PrimaryKey: int(rows.Int64(4)), Hidden: Hidden(rows.Int64(5)),
		})
	})
	return columns, err
}

// markShadows sets ShadowOf: by the suffixes of the full-text and R-tree modules, since a library without the module
// does not know them, and by what SQLite itself calls a shadow table.
func markShadows(tables []Table, shadow map[string]bool) {
	owners := map[string]string{}
	for _, table := range tables {
		for _, suffix := range shadowSuffixes(table.Module) {
			owners[strings.ToLower(table.Name+suffix)] = table.Name
		}
	}
	for i, table := range tables {
		tables[i].ShadowOf = owners[strings.ToLower(table.Name)]
		if shadow[table.Name] && tables[i].ShadowOf == "" {
			tables[i].ShadowOf = ownerByPrefix(tables, table.Name)
		}
	}
}

// ownerByPrefix follows SQLite's rule: the owner's name is all before the last underscore.
func ownerByPrefix(tables []Table, name string) string {
	cut := strings.LastIndexByte(name, '_')
	for _, table := range tables {
		if table.Virtual && cut > 0 && strings.EqualFold(table.Name, name[:cut]) {
			return table.Name
		}
	}
	return ""
}

func shadowSuffixes(module string) []string {
	switch module {
	case "fts3", "fts4":
		return []string{"_content", "_segments", "_segdir", "_docsize", "_stat"}
	case "fts5":
		return []string{"_data", "_idx", "_content", "_docsize", "_config"}
	case "rtree", "rtree_i32", "geopoly":
		return []string{"_node", "_parent", "_rowid"}
	}
	return nil
}

// each calls visit for every row of a query.
func (r *Reader) each(ctx context.Context, query string, arguments []any, visit func(*Rows)) error {
	rows, err := r.Query(ctx, query, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for {
		more, err := rows.Next()
		if err != nil || !more {
			return err
		}
		visit(rows)
	}
}

func (rows *Rows) text(i int) string { return string(rows.Append(i, nil)) }
