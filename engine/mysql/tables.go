package mysql

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

const tablesSQL = `SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, CREATE_OPTIONS, TABLE_COMMENT
	FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME`

// tables lists the tables, with an object for the options of each table that has any.
func (d *description) tables(ctx context.Context) error {
	var sequences []string
	err := d.each(ctx, tablesSQL, func(row []string) error {
		name, kind := row[0], row[1]
		switch kind {
		case "SEQUENCE":
			sequences = append(sequences, name)
		case "BASE TABLE", "SYSTEM VERSIONED":
			d.catalog.Tables = append(d.catalog.Tables, engine.Table{Name: name, Columns: []engine.Column{}})
			if options := d.tableOptions(row); options != "" {
				d.add("table options", name, name, options)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.sequences(ctx, sequences)
}

// tableOptions writes whatever is not the default.
func (d *description) tableOptions(row []string) string {
	var options []string
	add := func(wanted bool, text string) {
		if wanted {
			options = append(options, text)
		}
	}
	kind, storage, collation, others, comment := row[1], row[2], row[3], row[4], row[5]
	add(!strings.EqualFold(storage, "InnoDB"), "ENGINE="+storage)
	add(collation != d.collation, "COLLATE="+collation)
	add(kind == "SYSTEM VERSIONED", "WITH SYSTEM VERSIONING")
	add(others != "", others)
	add(comment != "", "COMMENT="+quoteText(comment))
	return strings.Join(options, " ")
}

// sequences reads the sequences of MariaDB, which are tables with one row; how far one has come is left out.
func (d *description) sequences(ctx context.Context, names []string) error {
	for _, name := range names {
		query := `SELECT start_value, minimum_value, maximum_value, increment, cache_size, cycle_option FROM ` + QuoteIdentifier(name)
		err := d.each(ctx, query, func(row []string) error {
			d.add("sequence", name, "", fmt.Sprintf("START WITH %s MINVALUE %s MAXVALUE %s INCREMENT BY %s CACHE %s CYCLE %s",
				row[0], row[1], row[2], row[3], row[4], row[5]))
			return nil
		})
		if err != nil {
			return fmt.Errorf("sequence %s: %w", name, err)
		}
	}
	return nil
}

const columnsSQL = `SELECT c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, c.COLUMN_DEFAULT, c.COLUMN_DEFAULT IS NULL,
		c.COLLATION_NAME, c.EXTRA, c.GENERATION_EXPRESSION, c.COLUMN_COMMENT
	FROM information_schema.COLUMNS AS c WHERE c.TABLE_SCHEMA = DATABASE() ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION`

// columns fills the tables. Views and sequences have columns too, which belong to their definition.
func (d *description) columns(ctx context.Context) error {
	tables := map[string]*engine.Table{}
	for i := range d.catalog.Tables {
		tables[d.catalog.Tables[i].Name] = &d.catalog.Tables[i]
	}
	return d.each(ctx, columnsSQL, func(row []string) error {
		table := tables[row[0]]
		if table == nil {
			return nil
		}
		column := engine.Column{Name: row[1], Type: d.columnType(row[2], row[6:]), NotNull: row[3] == "NO"}
		if row[5] == "0" {
			column.Default = d.columnDefault(row[4], row[7])
		}
		table.Columns = append(table.Columns, column)
		return nil
	})
}

// columnType is the type with whatever else belongs to the column, as in CREATE TABLE.
func (d *description) columnType(plain string, more []string) string {
	collation, extra, expression, comment := more[0], more[1], more[2], more[3]
	parts := []string{plain}
	if collation != "" && collation != d.collation {
		parts = append(parts, "COLLATE "+collation)
	}
	if expression != "" {
		parts = append(parts, "AS ("+d.local(expression)+")")
	}
	// MySQL's word for a default that is an expression, which the default itself shows.
	if extra = strings.TrimSpace(strings.ReplaceAll(extra, "DEFAULT_GENERATED", "")); extra != "" {
		parts = append(parts, extra)
	}
	if comment != "" {
		parts = append(parts, "COMMENT "+quoteText(comment))
	}
	return strings.Join(parts, " ")
}

// columnDefault is the default as an expression. MariaDB has it so, and writes NULL where there is none; MySQL has the
// value itself unless it is an expression.
func (d *description) columnDefault(text, extra string) string {
	switch {
	case d.session.info.MariaDB && text == "NULL":
		return ""
	case d.session.info.MariaDB, strings.Contains(extra, "DEFAULT_GENERATED"):
		return text
	}
	return quoteText(text)
}

// quoteText writes a text as in a statement.
func quoteText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}
