package tables

import (
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
)

func (s *shape) quote(name string) string {
	if s.engine == engine.SQLite {
		return sqlite.QuoteIdentifier(name)
	}
	return postgres.QuoteIdentifier(name)
}

// createTable makes a table with all that belongs to it.
func (s *shape) createTable(table *engine.Table) []string {
	statements := []string{s.made[table.Name] + ";"}
	if s.engine != engine.SQLite {
		columns := make([]string, len(table.Columns))
		for i := range table.Columns {
			columns[i] = s.quote(table.Columns[i].Name) + " " + describeColumn(&table.Columns[i])
		}
		what := "TABLE"
		if slices.Contains(s.unlogged, table.Name) {
			what = "UNLOGGED TABLE"
		}
		statements[0] = fmt.Sprintf("CREATE %s %s (%s);", what, s.quote(table.Name), strings.Join(columns, ", "))
	}
	for _, one := range s.objects {
		switch {
		case one.table != table.Name, s.engine == engine.SQLite && (one.constraint || one.name == ""): // in the table's own statement
		case one.constraint, one.kind == foreignKey:
			statements = append(statements, s.addConstraint(one, ""))
		default:
			statements = append(statements, one.definition+";")
		}
	}
	return statements
}

// addColumn gives nothing where the rows that are there would need values that nobody can make up.
func (s *shape) addColumn(table string, wanted *engine.Column) []string {
	if wanted.NotNull && wanted.Default == "" {
		return nil
	}
	return []string{fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;", s.quote(table), s.quote(wanted.Name), describeColumn(wanted))}
}

// alterColumn gives nothing on SQLite, where only a new table has other columns, and for types, whose values may not fit.
func (s *shape) alterColumn(table string, wanted, there *engine.Column) (statements []string) {
	if s.engine == engine.SQLite {
		return nil
	}
	alter := func(what string) {
		statements = append(statements, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s %s;", s.quote(table), s.quote(wanted.Name), what))
	}
	generated := strings.Contains(wanted.Type+there.Type, " GENERATED ")
	switch {
	case generated || wanted.Default == there.Default:
	case wanted.Default == "":
		alter("DROP DEFAULT")
	default:
		alter("SET DEFAULT " + wanted.Default)
	}
	switch {
	case there.NotNull && !wanted.NotNull:
		alter("DROP NOT NULL")
	case wanted.NotNull && !there.NotNull:
		alter("SET NOT NULL")
	}
	return statements
}

func (s *shape) allowNull(table, column string) []string {
	if s.engine == engine.SQLite {
		return nil
	}
	return []string{fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL;", s.quote(table), s.quote(column))}
}

// createObject makes what is missing beside those who use the table.
func (s *shape) createObject(wanted *object) []string {
	switch {
	case isIndex(wanted.kind):
		return []string{s.buildIndex(wanted) + ";"}
	case s.engine == engine.SQLite && wanted.name == "": // only a new table has it
		return nil
	case wanted.kind == foreignKey, wanted.kind == check:
		validate := fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s;", s.quote(wanted.table), s.quote(wanted.name))
		return []string{s.addConstraint(wanted, " NOT VALID"), validate}
	case wanted.kind == view && s.engine != engine.SQLite:
		return []string{fmt.Sprintf("CREATE VIEW %s AS %s", s.quote(wanted.name), strings.TrimSpace(wanted.definition))}
	}
	return []string{wanted.definition + ";"}
}

func (s *shape) addConstraint(wanted *object, how string) string {
	definition := strings.TrimSuffix(wanted.definition, " NOT VALID")
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s%s;", s.quote(wanted.table), s.quote(wanted.name), definition, how)
}

// buildIndex is the statement for an index. A unique index does what a unique or primary key does.
func (s *shape) buildIndex(wanted *object) string {
	switch {
	case !isIndex(wanted.kind):
		return ""
	case wanted.constraint:
		_, columns, _ := strings.Cut(wanted.definition, "(")
		return fmt.Sprintf("CREATE UNIQUE INDEX %s%s ON %s (%s", s.concurrently(), s.quote(s.keyName(wanted)), s.quote(wanted.table), columns)
	}
	return strings.Replace(wanted.definition, "INDEX ", "INDEX "+s.concurrently(), 1)
}

func (s *shape) concurrently() string {
	if s.engine == engine.SQLite {
		return ""
	}
	return "CONCURRENTLY "
}

// keyName names a key as PostgreSQL would, where SQLite gives it no name that could be used.
func (s *shape) keyName(key *object) string {
	if key.name != "" {
		return key.name
	}
	var name strings.Builder
	name.WriteString(key.table)
	for _, word := range strings.FieldsFunc(key.definition, func(r rune) bool { return strings.ContainsRune(`(), "`, r) }) {
		name.WriteString("_" + word)
	}
	return name.String() + "_key"
}

// replaceObject takes away what has another one's name, and makes that one.
func (s *shape) replaceObject(there, wanted *object) []string {
	var drop string
	switch {
	case there.constraint, there.kind == foreignKey:
		drop = fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;", s.quote(there.table), s.quote(there.name))
	case isIndex(there.kind):
		drop = fmt.Sprintf("DROP INDEX %s%s;", s.concurrently(), s.quote(there.name))
	case there.kind == trigger && s.engine != engine.SQLite:
		drop = fmt.Sprintf("DROP TRIGGER %s ON %s;", s.quote(there.name), s.quote(there.table))
	case there.kind == function: // the definition replaces it
		return s.createObject(wanted)
	default:
		drop = fmt.Sprintf("DROP %s %s;", strings.ToUpper(string(there.kind)), s.quote(there.name))
	}
	return append([]string{drop}, s.createObject(wanted)...)
}
