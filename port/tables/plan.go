package tables

import (
	"fmt"
	"maps"
	"slices"
)

// pair is a table on both sides.
type pair struct {
	name    string
	columns []pairedColumn
	key     []int // the columns of the primary key, or else of the first key
	source  *table
	target  *table
}

// pairedColumn is a column on both sides, with the kind in which its values go over.
type pairedColumn struct {
	source, target *column
	kind           kind
	same           bool // both columns are of one type of one engine, so that each takes what the other holds
}

// plan pairs the tables of both sides. The problems are all the reasons why that cannot be.
func plan(source, target *side) (pairs []*pair, problems []Problem) {
	for _, name := range slices.Sorted(maps.Keys(source.tables)) {
		if target.tables[name] == nil {
			problems = append(problems, Problem{
				ID: TableOnlyInSource, What: fmt.Sprintf("the schema set has no table %s on the target's engine", name),
				Hint: "move the table elsewhere if it is none of the set's; if it is, the set lacks it in its files for the target's engine",
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(target.tables)) {
		if source.tables[name] == nil {
			problems = append(problems, Problem{
				ID: TableOnlyInTarget, What: fmt.Sprintf("the source has no table %s, which the schema set makes on the target's engine", name),
				Hint: "create it in the source: it is part of the set",
			})
			continue
		}
		paired, wrong := pairColumns(source, target, name)
		pairs, problems = append(pairs, paired), append(problems, wrong...)
	}
	return pairs, problems
}

func pairColumns(source, target *side, name string) (*pair, []Problem) {
	made := &pair{name: name, source: source.tables[name], target: target.tables[name]}
	var problems []Problem
	for _, to := range made.target.columns {
		from := made.source.column(to.name)
		switch {
		case from == nil && !to.generated:
			problems = append(problems, onlyIn(ColumnOnlyInTarget, "target", name, to.name))
		case from == nil || from.generated && to.generated:
		default:
			paired, ok := pairColumn(source, target, from, to)
			if !ok {
				problems = append(problems, differentTypes(name, from, to))
				continue
			}
			made.columns = append(made.columns, paired)
		}
	}
	for _, from := range made.source.columns {
		if made.target.column(from.name) == nil && !from.generated {
			problems = append(problems, onlyIn(ColumnOnlyInSource, "source", name, from.name))
		}
	}
	made.findKey()
	return made, problems
}

// pairColumn finds the kind in which values go over; ok is false when there is none.
func pairColumn(source, target *side, from, to *column) (paired pairedColumn, ok bool) {
	paired = pairedColumn{source: from, target: to, kind: common(from.kind, to.kind)}
	paired.same = source.database.Engine == target.database.Engine && from.spelling == to.spelling
	return paired, paired.kind != unknown && !from.generated && !to.generated && target.holds(to, paired.kind)
}

func onlyIn(id ProblemID, where, table, column string) Problem {
	return Problem{
		ID: id, What: fmt.Sprintf("only the %s has the column %s of table %s", where, column, table),
		Hint: "the tables of both sides have to be the schema set's: compare its files for the two engines",
	}
}

func differentTypes(table string, from, to *column) Problem {
	words := func(c *column) string {
		if c.generated {
			return c.spelling + ", generated"
		}
		return c.spelling
	}
	return Problem{
		ID:   ColumnType,
		What: fmt.Sprintf("column %s of table %s cannot be moved exactly: it is %q in the source and %q in the target", to.name, table, words(from), words(to)),
		Hint: "see docs/port-tables.md for the types that go over; change the set's files, or move the table by hand",
	}
}

// findKey finds the columns that tell rows apart, for messages.
func (p *pair) findKey() {
	for _, found := range slices.Concat(p.source.keys, p.target.keys) {
		if places, ok := p.places(found); ok {
			p.key = places
			return
		}
	}
}
