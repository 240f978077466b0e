package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

const schemaQuery = `SELECT type, name, tbl_name, trim(sql, char(9, 10, 13, 32)) FROM sqlite_schema
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY rowid`

// describedColumnsQuery takes the names of the tables whose module is missing, as a JSON array. A module's hidden columns
// are none that an INSERT could fill.
const describedColumnsQuery = `SELECT s.name, c.name, c.type || CASE c.hidden WHEN 2 THEN ' GENERATED VIRTUAL' WHEN 3 THEN ' GENERATED STORED' ELSE '' END,
	c."notnull", coalesce(c.dflt_value, '')
FROM sqlite_schema AS s JOIN pragma_table_xinfo(s.name, 'main') AS c
WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND s.name NOT IN (SELECT value FROM json_each(?)) AND c.hidden <> 1
ORDER BY s.rowid, c.cid`

// Describe reads the catalog. A table has an object "definition" with the whole statement that made it. An FTS3 or FTS4 table
// has the columns of its declaration, without types.
func (s *schemaSession) Describe(ctx context.Context) (*engine.Catalog, error) {
	catalog := &engine.Catalog{}
	if err := s.describeObjects(ctx, catalog); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", s.Name(), err)
	}
	if err := s.describeColumns(ctx, catalog); err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", s.Name(), err)
	}
	catalog.Sort()
	return catalog, nil
}

func (s *schemaSession) describeObjects(ctx context.Context, catalog *engine.Catalog) error {
	rows, err := s.connection.QueryContext(ctx, schemaQuery)
	if err != nil {
		return err
	}
	catalog.Objects, err = engine.Collect(rows, func(rows *sql.Rows) (object engine.Object, err error) {
		err = rows.Scan(&object.Type, &object.Name, &object.Table, &object.Definition)
		switch object.Type {
		case "table":
			object.Type = "definition"
			catalog.Tables = append(catalog.Tables, engine.Table{Name: object.Name, Columns: declaredColumns(object)})
		case "view":
			object.Table = ""
		}
		return object, err
	})
	return err
}

// declaredColumns reads the columns of a full-text table whose module is missing.
func declaredColumns(table engine.Object) []engine.Column {
	if !fullTextModule(table.Definition) {
		return nil
	}
	var columns []engine.Column
	declared, _ := parseFullText(table.Name, table.Definition) // that it stores no content is no matter here
	for _, name := range declared.columns {
		columns = append(columns, engine.Column{Name: name})
	}
	return columns
}

func (s *schemaSession) describeColumns(ctx context.Context, catalog *engine.Catalog) error {
	names, err := namesOfDeclared(catalog)
	if err != nil {
		return err
	}
	rows, err := s.connection.QueryContext(ctx, describedColumnsQuery, names)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		var column engine.Column
		if err := rows.Scan(&table, &column.Name, &column.Type, &column.NotNull, &column.Default); err != nil {
			return err
		}
		if found := catalog.Table(table); found != nil {
			found.Columns = append(found.Columns, column)
		}
	}
	return rows.Err()
}

// namesOfDeclared is a JSON array.
func namesOfDeclared(catalog *engine.Catalog) (string, error) {
	names := []string{}
	for _, object := range catalog.Objects {
		if object.Type == "definition" && fullTextModule(object.Definition) {
			names = append(names, object.Name)
		}
	}
	encoded, err := json.Marshal(names)
	return string(encoded), err
}

// fullTextModule reports whether a statement makes a table of a module that this SQLite lacks.
func fullTextModule(statement string) bool {
	module, _ := declaredModule(statement)
	return module == "fts3" || module == "fts4"
}
