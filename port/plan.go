package port

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
)

// plan says which table goes where, column by column.
type plan struct {
	tables  []*tablePlan // by name
	left    []LeftTable  // tables of the source that are not copied, and why
	cleared []string     // tables of the target that a server fills again
}

// LeftTable is a table of the source that is not copied.
type LeftTable struct {
	Table  string `json:"table"`
	Reason string `json:"reason"`
}

// tablePlan says how one table is copied.
type tablePlan struct {
	name    string // in the target
	source  *sqlite.Table
	target  *catalog.Table
	columns []convert.Column // what is read, in the order of the target's columns
	reads   []string         // expressions over the source, one for each of columns
	from    string           // FROM clause of the source
	rowid   string           // expression for the row's identity in the source, "" when it has none
	search  *searchPlan      // for the search index

	converted sync.Map // index of a column -> true, when values of it were converted

	way      way
	ranges   []span        // of rowids whose rows an interrupted port has put in
	recorded *checksum.Sum // of the target when it was last complete; nil when that is not known
	sum      *checksum.Sum // of the target now; nil when it was not read
	changes  *changes      // what was found to differ, for a table that is compared

	low, high int64 // least and greatest rowid
	empty     bool
	heavy     bool // its indexes are set aside while it is filled
	rows      int64
	deviates  bool // rows of it do not go over as they stand
}

// rowsAtMost is the number of rows that the span of rowids allows.
func (t *tablePlan) rowsAtMost() int64 {
	if t.empty {
		return 0
	}
	span := uint64(t.high) - uint64(t.low) // the difference is meant, also across the whole range
	return int64(min(span, 1<<40)) + 1
}

// noteConverted remembers that a column holds values of another class than its own.
func (t *tablePlan) noteConverted(column int) { t.converted.Store(column, true) }

func (t *tablePlan) isConverted(column int) bool {
	_, found := t.converted.Load(column)
	return found
}

// query reads the whole table, or a range of rowids when ranged.
func (t *tablePlan) query(ranged bool) string {
	rowid := t.rowid
	if rowid == "" {
		rowid = "0"
	}
	text := "SELECT " + rowid + ", " + strings.Join(t.reads, ", ") + " FROM " + t.from
	if ranged { // in this order, so that what was read before a row is known by its rowid
		text += " WHERE " + t.rowid + " BETWEEN ?1 AND ?2 ORDER BY " + t.rowid
	}
	return text
}

func quotedColumns(columns []convert.Column) string {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = postgres.QuoteIdentifier(column.Name)
	}
	return strings.Join(names, ", ")
}

// heavyRows is from how many rows on a table's indexes are built after the load. Below, dropping and
// creating them costs more than keeping them.
const heavyRows = 2000

// makePlan pairs the tables and columns of the source that the target takes. What has no counterpart is a Problem. other is the
// other target; nil when there is none, or when it could not be read.
func makePlan(ctx context.Context, s *source, t, other *target) (*plan, []Problem, error) {
	maker := &planner{source: s, target: t, other: other, plan: &plan{}}
	for _, name := range sortedNames(s.tables) {
		if err := maker.add(ctx, s.tables[name]); err != nil {
			return nil, nil, fmt.Errorf("plan table %s: %w", name, err)
		}
	}
	maker.cleared()
	slices.SortFunc(maker.plan.tables, func(a, b *tablePlan) int { return strings.Compare(a.name, b.name) })
	return maker.plan, maker.problems, nil
}

type planner struct {
	source   *source
	target   *target
	other    *target
	plan     *plan
	problems []Problem
}

func (p *planner) add(ctx context.Context, table *sqlite.Table) error {
	if !p.takes(table.Name) {
		return nil
	}
	if reason, left := p.leaves(table); left {
		if reason != "" {
			p.plan.left = append(p.plan.left, LeftTable{table.Name, reason})
		}
		return nil
	}
	counterpart := engine.FindName(p.target.schema.Tables, table.Name, func(t *catalog.Table) string { return t.Name })
	if counterpart == nil {
		return p.alone(ctx, table)
	}
	planned := &tablePlan{name: counterpart.Name, source: table, target: counterpart}
	planned.from = sqlite.QuoteIdentifier(table.Name)
	planned.rowid = rowidOf(table)
	if table.Name == homeserver.EventSearchTable {
		return p.addSearch(ctx, planned)
	}
	p.pairColumns(planned)
	return p.measure(ctx, planned, table.Name)
}

// leaves reports whether a table is not copied, and why, when an operator should know.
func (p *planner) leaves(table *sqlite.Table) (reason string, left bool) {
	switch {
	case slices.Contains(homeserver.BookkeepingTables(), table.Name), strings.HasPrefix(table.Name, "sqlite_"),
		table.ShadowOf != "":
		return "", true
	case slices.Contains(homeserver.RegeneratedTables(), table.Name), table.Name == homeserver.DirectoryPositionTable:
		return "the homeserver builds the user directory again at its next start", true
	case slices.Contains(homeserver.TransientTables(), table.Name):
		return "locks of running processes, which mean nothing elsewhere", true
	}
	return "", false
}

// alone is about a table that only the source has.
func (p *planner) alone(ctx context.Context, table *sqlite.Table) error {
	if p.target.part == partMain && p.other == nil {
		return nil // state's target may have it
	}
	var rows int64
	counts, err := p.source.integers(ctx, "SELECT count(*) FROM "+sqlite.QuoteIdentifier(table.Name))
	if err != nil {
		return err
	}
	if rows = counts[0]; rows == 0 {
		p.plan.left = append(p.plan.left, LeftTable{table.Name, "the target has no such table, and it is empty"})
		return nil
	}
	p.problems = append(p.problems, Problem{
		ID:   "table_only_in_source",
		What: fmt.Sprintf("table %s, with %d rows, is only in the source", table.Name, rows),
		Hint: "if nothing needs it, drop it in a copy of the source and port the copy; if a module made it, " +
			"let the module create it in the target first",
	})
	return nil
}

// pairColumns matches the columns of a table by name.
func (p *planner) pairColumns(planned *tablePlan) {
	sources := map[string]string{}
	var alone []string
	for _, column := range planned.source.Columns {
		match := engine.FindName(planned.target.Columns, column.Name, func(c *catalog.Column) string { return c.Name })
		if match == nil || match.Generated {
			alone = append(alone, column.Name)
			continue
		}
		sources[match.Name] = column.Name
	}
	p.columnsAlone(planned.source.Name, "the source", alone, "drop the column in a copy of the source "+
		"(ALTER TABLE … DROP COLUMN) and port the copy, if nothing needs it")
	var missing []string
	for _, column := range planned.target.Columns {
		if name, paired := sources[column.Name]; paired {
			planned.columns = append(planned.columns, p.convertColumn(planned.name, column))
			planned.reads = append(planned.reads, sqlite.QuoteIdentifier(name))
		} else if !column.Generated {
			missing = append(missing, column.Name)
		}
	}
	p.columnsAlone(planned.name, "the target", missing,
		"prepare the target with the version of the homeserver that last used the source")
}

func (p *planner) columnsAlone(table, side string, columns []string, hint string) {
	if len(columns) == 0 {
		return
	}
	p.problems = append(p.problems, Problem{
		ID:   "column_only_in_" + strings.TrimPrefix(side, "the "),
		What: fmt.Sprintf("table %s: only %s has the %s %s", table, side, plural(len(columns), "column", "columns"), engine.List(columns)),
		Hint: hint,
	})
}

// convertColumn says how values of a target's column are made.
func (p *planner) convertColumn(table string, column *catalog.Column) convert.Column {
	kind := convert.KindOf(column.Type)
	if kind == convert.Unknown {
		p.problems = append(p.problems, Problem{
			ID:   "column_type",
			What: fmt.Sprintf("table %s, column %s: values of type %s cannot be ported", table, column.Name, column.TypeLabel),
			Hint: "rename the table away in the target if nothing needs it; otherwise report this as a missing feature",
		})
	}
	return convert.Column{
		Name: column.Name, Kind: kind, Length: column.Length, NotNull: column.NotNull, Padded: column.Type == "bpchar",
	}
}

// measure finds the range of rowids.
func (p *planner) measure(ctx context.Context, planned *tablePlan, table string) (err error) {
	if planned.rowid != "" {
		planned.low, planned.high, planned.empty, err = p.source.reader().RowidRange(ctx, table)
	} else {
		planned.high = heavyRows // unknown; one range, and indexes set aside
	}
	if err != nil {
		return err
	}
	planned.heavy = planned.rowsAtMost() >= heavyRows
	p.plan.tables = append(p.plan.tables, planned)
	return nil
}

// rowidOf returns the name by which the rowid can be read, "" for a table that has none.
func rowidOf(table *sqlite.Table) string {
	name, found := table.RowID()
	if !found {
		return ""
	}
	return name
}

// cleared lists the tables of the target that are emptied because a server fills them again, or must not inherit them.
func (p *planner) cleared() {
	for _, name := range slices.Concat(homeserver.RegeneratedTables(), homeserver.TransientTables()) {
		if p.target.schema.Table(name) != nil {
			p.plan.cleared = append(p.plan.cleared, name)
		}
	}
}

func sortedNames[V any](items map[string]V) []string {
	names := make([]string, 0, len(items))
	for name := range items {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
