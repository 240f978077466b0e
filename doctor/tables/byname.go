package tables

import (
	"context"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// compareByName compares a PostgreSQL database with the tables of the same set on SQLite, which can be made without the server:
// tables, columns, and by their columns unique keys and indexes. What only PostgreSQL has is not looked for. While updates are
// pending that only PostgreSQL has, indexes are not compared: which of them these will build is not known.
func compareByName(ctx context.Context, wanted *expected, from engine.Querier, actual *shape) ([]difference, error) {
	keys, err := readIndexes(ctx, from)
	if err != nil {
		return nil, err
	}
	c := &comparison{wanted: wanted, actual: actual}
	for _, table := range wanted.must.tables {
		c.tableByName(table)
	}
	for _, one := range wanted.must.objects {
		if len(wanted.only) == 0 && isIndex(one.kind) && !wanted.must.virtual(one.table) && actual.table(one.table) != nil && !has(keys, one, actual) {
			id, severity := missing(one.kind)
			c.add(id, severity, one.String())
		}
	}
	return c.found, nil
}

func (c *comparison) tableByName(wanted *engine.Table) {
	must := c.wanted.must
	if must.shadow(wanted.Name) || slices.Contains(passing(), wanted.Name) {
		return
	}
	there := c.actual.table(wanted.Name)
	if there == nil {
		c.add(TableMissing, finding.Error, wanted.Name)
		return
	}
	for i := range wanted.Columns {
		if name := wanted.Columns[i].Name; !must.virtual(wanted.Name) && column(there, name) == nil {
			c.add(ColumnMissing, finding.Error, wanted.Name+"."+name)
		}
	}
}

// virtual tables are full-text indexes, which the engines have in different columns.
func (s *shape) virtual(table string) bool {
	const words = "CREATE VIRTUAL "
	made := s.made[table]
	return len(made) > len(words) && strings.EqualFold(made[:len(words)], words)
}

// shadow tables are those in which a virtual one keeps its content.
func (s *shape) shadow(name string) bool {
	for end := strings.LastIndex(name, "_"); end > 0; end = strings.LastIndex(name[:end], "_") {
		if s.virtual(name[:end]) {
			return true
		}
	}
	return false
}

// columnsOf are the names of an index's columns, and nothing when it has an expression among them.
func columnsOf(one *object) []string {
	keys, _, _ := strings.Cut(one.signature, " where ")
	words := strings.Fields(keys)
	var names []string
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "(":
			return nil
		case ",", ")", "asc", "desc", "collate", "nocase":
		default:
			names = append(names, words[i])
		}
	}
	return names
}

// builtIndex is an index that is there.
type builtIndex struct {
	table   string
	unique  bool
	columns []string
}

const indexesQuery = `SELECT t.relname::text, i.indisunique, (SELECT string_agg(coalesce(lower(a.attname), '(expression)'), ',' ORDER BY k.place)
	FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number)
FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid
WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())`

func readIndexes(ctx context.Context, from engine.Querier) (all []builtIndex, err error) {
	return all, engine.Each(ctx, from, indexesQuery, nil, func(scan func(...any) error) error {
		var one builtIndex
		var columns string
		err := scan(&one.table, &one.unique, &columns)
		one.columns = strings.Split(columns, ",")
		all = append(all, one)
		return err
	})
}

// has reports whether an index serves as another: a unique key by the same columns in any order, an index that begins with them.
func has(there []builtIndex, wanted *object, actual *shape) bool {
	columns, table := columnsOf(wanted), actual.table(wanted.table)
	if len(columns) == 0 {
		return true // by an expression, which is not compared
	}
	return slices.ContainsFunc(there, func(one builtIndex) bool {
		switch {
		case one.table != table.Name:
			return false
		case wanted.kind == unique:
			return one.unique && slices.Equal(slices.Sorted(slices.Values(one.columns)), slices.Sorted(slices.Values(columns)))
		default:
			return len(one.columns) >= len(columns) && slices.Equal(one.columns[:len(columns)], columns)
		}
	})
}
