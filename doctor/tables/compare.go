package tables

import (
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// difference is one that was found.
type difference struct {
	id       string
	severity finding.Severity
	evidence string
	commands []string
	build    string // the statement that builds a missing index
}

// compare tells everything in which a database is not what it should be.
func compare(wanted *expected, actual *shape) []difference {
	c := &comparison{wanted: wanted, actual: actual}
	for _, table := range wanted.must.tables {
		c.table(table)
	}
	for _, one := range wanted.must.objects {
		c.object(one)
	}
	c.foreign()
	return c.found
}

type comparison struct {
	wanted *expected
	actual *shape
	found  []difference
}

func (c *comparison) add(id string, severity finding.Severity, evidence string, commands ...string) {
	c.found = append(c.found, difference{id: id, severity: severity, evidence: evidence, commands: commands})
}

func (c *comparison) table(wanted *engine.Table) {
	there := c.actual.table(wanted.Name)
	if there == nil {
		if !slices.Contains(passing(), wanted.Name) {
			c.add(TableMissing, finding.Error, wanted.Name, c.wanted.must.createTable(wanted)...)
		}
		return
	}
	if slices.Contains(c.actual.unlogged, there.Name) && !slices.Contains(c.wanted.must.unlogged, wanted.Name) {
		c.add(TableUnlogged, finding.Error, wanted.Name, "ALTER TABLE "+c.actual.quote(wanted.Name)+" SET LOGGED;")
	}
	for i := range wanted.Columns {
		c.column(wanted, &wanted.Columns[i], column(there, wanted.Columns[i].Name))
	}
}

// passing tables come and go.
func passing() []string { return []string{schema.UpdateErrorsTable, schema.UpdateRatesTable} }

func (c *comparison) column(table *engine.Table, wanted, there *engine.Column) {
	name := table.Name + "." + wanted.Name
	if there == nil {
		c.add(ColumnMissing, finding.Error, name+" "+describeColumn(wanted), c.actual.addColumn(table.Name, wanted)...)
		return
	}
	var differs []string
	if c.actual.typeOf(wanted) != c.actual.typeOf(there) {
		differs = append(differs, fmt.Sprintf("the type is %s, not %s", orNone(there.Type), orNone(wanted.Type)))
	}
	if c.actual.plain(wanted.Default) != c.actual.plain(there.Default) && !isNull(wanted.Default, there.Default) {
		differs = append(differs, fmt.Sprintf("the default is %s, not %s", orNone(there.Default), orNone(wanted.Default)))
	}
	severity := finding.Warning
	switch {
	case there.NotNull && !wanted.NotNull:
		differs = append(differs, "it must not be NULL, and the schema allows it")
		severity = finding.Error
	case wanted.NotNull && !there.NotNull:
		differs = append(differs, "it may be NULL, and the schema forbids it")
	}
	if len(differs) > 0 {
		c.add(ColumnDifferent, severity, name+": "+strings.Join(differs, "; "), c.actual.alterColumn(table.Name, wanted, there)...)
	}
}

// isNull is true of two ways to say that there is no default.
func isNull(one, other string) bool {
	return (one == "" || strings.EqualFold(one, "NULL")) && (other == "" || strings.EqualFold(other, "NULL"))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func describeColumn(c *engine.Column) string {
	text := c.Type
	if c.Default != "" {
		text += " DEFAULT " + c.Default
	}
	if c.NotNull {
		text += " NOT NULL"
	}
	return text
}

// typeOf is what two types have in common that take the same values: SQLite's affinity; on PostgreSQL, varchar without a length
// is text.
func (s *shape) typeOf(c *engine.Column) string {
	if s.engine != engine.SQLite {
		if c.Type == "character varying" {
			return "text"
		}
		return c.Type
	}
	upper := strings.ToUpper(c.Type)
	holds := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(upper, word) })
	}
	switch { // https://www.sqlite.org/datatype3.html#determination_of_column_affinity
	case holds("INT"):
		return "integer"
	case holds("CHAR", "CLOB", "TEXT"):
		return "text"
	case upper == "" || holds("BLOB"):
		return "blob"
	case holds("REAL", "FLOA", "DOUB"): //nolint:misspell // that is the rule
		return "real"
	}
	return "numeric"
}

// severities of what is missing, by its kind.
func missing(kind kind) (id string, severity finding.Severity) {
	switch kind {
	case unique:
		return UniqueMissing, finding.Error
	case index:
		return IndexMissing, finding.Warning
	case foreignKey:
		return ForeignKeyMissing, finding.Warning
	case check:
		return CheckMissing, finding.Warning
	case function:
		return FunctionMissing, finding.Warning
	case view:
		return ViewMissing, finding.Error
	default:
		return TriggerMissing, finding.Warning
	}
}

func (c *comparison) object(wanted *object) {
	if wanted.table != "" && c.actual.table(wanted.table) == nil || c.actual.same(wanted) != nil {
		return // with its table all of it is missing
	}
	other := c.actual.named(wanted)
	if other == nil {
		id, severity := missing(wanted.kind)
		c.add(id, severity, wanted.String(), c.actual.createObject(wanted)...)
		c.found[len(c.found)-1].build = c.actual.buildIndex(wanted)
		return
	}
	severity := finding.Warning
	if wanted.kind == unique {
		severity = finding.Error
	}
	c.add(ObjectDifferent, severity, fmt.Sprintf("%s %s, which should be: %s", other.kind, other, wanted.definition), c.actual.replaceObject(other, wanted)...)
}

// foreign finds what the schema does not have. A foreign column that wants a value refuses the homeserver's rows.
func (c *comparison) foreign() {
	for _, table := range c.actual.tables {
		switch wanted := c.wanted.may.table(table.Name); {
		case wanted != nil:
			c.foreignColumns(wanted, table)
		case !slices.Contains(schema.BookkeepingTables(), table.Name):
			c.add(ForeignObjects, finding.Info, "table "+table.Name)
		}
	}
	for _, one := range c.actual.objects {
		of := one.table == "" || c.wanted.may.table(one.table) != nil
		if of && c.wanted.may.same(one) == nil && c.wanted.may.named(one) == nil {
			c.add(ForeignObjects, finding.Info, fmt.Sprintf("%s %s", one.kind, one))
		}
	}
}

func (c *comparison) foreignColumns(wanted, there *engine.Table) {
	for i := range there.Columns {
		one := &there.Columns[i]
		switch {
		case column(wanted, one.Name) != nil:
		case one.NotNull && one.Default == "" && !strings.Contains(one.Type, " GENERATED "):
			c.add(ColumnDifferent, finding.Error, fmt.Sprintf("%s.%s is not of the schema, and wants a value in every row", there.Name, one.Name),
				c.actual.allowNull(there.Name, one.Name)...)
		default:
			c.add(ForeignObjects, finding.Info, fmt.Sprintf("column %s.%s", there.Name, one.Name))
		}
	}
}
