package demo

import (
	"regexp"
	"strings"
)

// looseSchema is what a schema loses while rows are loaded. An index that is built
// afterwards, by sorting, costs a fraction of one that takes a million random event
// ids one by one; the indexes of UNIQUE and PRIMARY KEY cannot be dropped, so they
// are taken out of the catalog, their empty root pages kept, and put back to be filled
// by REINDEX. That is for a file of our own only, which is thrown away on any error.
type looseSchema struct {
	// constraints are the rows of the catalog that have to be put back.
	constraints []catalogRow
	// definitions create the ordinary indexes, then the triggers.
	definitions []string
}

// catalogRow is a row of sqlite_schema.
type catalogRow struct {
	rowid, root       int64
	kind, name, table string
	sql               string
}

const readCatalog = `SELECT rowid, coalesce(rootpage, 0), type, name, tbl_name, coalesce(sql, '')
FROM sqlite_schema ORDER BY rowid`

// keyLine is a constraint with an index, as the schema files write it.
const keyLine = `,\n    (UNIQUE|PRIMARY KEY) \([^)]*\)`

// loosen takes keys, indexes and triggers away. The schema is read anew by the next
// connection. With untyped set, typelessColumn loses its type too.
func (w *writer) loosen(untyped bool) looseSchema {
	var loose looseSchema
	key, tables := regexp.MustCompile(keyLine), map[string]bool{}
	catalog := w.catalog()
	indexes := keyIndexes(catalog)
	w.script("PRAGMA writable_schema = ON")
	for _, row := range catalog {
		switch {
		// A key without an index is an INTEGER PRIMARY KEY: the rowid itself.
		case row.kind == "table" && indexes[row.name] > 0 && len(key.FindAllString(row.sql, -1)) == indexes[row.name]:
			tables[row.name] = true
			loose.constraints = append(loose.constraints, row)
			sql := loosened(key.ReplaceAllString(row.sql, ""), row.name, untyped)
			w.run("UPDATE sqlite_schema SET sql = ? WHERE rowid = ?", sql, row.rowid)
		case row.kind == "index" && row.sql == "" && tables[row.table]:
			loose.constraints = append(loose.constraints, row)
			w.run("DELETE FROM sqlite_schema WHERE rowid = ?", row.rowid)
		case row.kind != "table" && row.sql != "":
			loose.definitions = append(loose.definitions, row.sql)
			w.script("DROP " + row.kind + " " + row.name)
		}
	}
	return loose
}

// keyIndexes counts the indexes of each table that belong to keys.
func keyIndexes(catalog []catalogRow) map[string]int {
	indexes := map[string]int{}
	for _, row := range catalog {
		if row.kind == "index" && row.sql == "" {
			indexes[row.table]++
		}
	}
	return indexes
}

func loosened(sql, table string, untyped bool) string {
	if untyped && table == typelessTable {
		name, _, _ := strings.Cut(typelessColumn, " ")
		return strings.Replace(sql, typelessColumn, name, 1)
	}
	return sql
}

// restoreKeys puts the constraints back into the catalog.
func (w *writer) restoreKeys(loose looseSchema) {
	w.script("PRAGMA writable_schema = ON")
	for _, row := range loose.constraints {
		if row.kind == "table" {
			w.run("UPDATE sqlite_schema SET sql = ? WHERE rowid = ?", row.sql, row.rowid)
			continue
		}
		w.run(`INSERT INTO sqlite_schema (rowid, type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, ?, ?, NULL)`,
			row.rowid, row.kind, row.name, row.table, row.root)
	}
}

// buildIndexes fills the indexes of the keys, which fails if a key is there twice,
// and creates the others.
func (w *writer) buildIndexes(loose looseSchema) {
	w.script("REINDEX")
	for _, definition := range loose.definitions {
		w.script(definition)
	}
}

func (w *writer) catalog() []catalogRow {
	var rows []catalogRow
	w.query(readCatalog, func(row *row) {
		rows = append(rows, catalogRow{rowid: row.ColumnInt64(0), root: row.ColumnInt64(1), kind: row.ColumnText(2),
			name: row.ColumnText(3), table: row.ColumnText(4), sql: row.ColumnText(5)})
	})
	return rows
}
