package back

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// plan says which table comes from where, column by column.
type plan struct {
	tables []*tablePlan
	left   []LeftTable
}

// tablePlan says how one table is copied.
type tablePlan struct {
	name    string // in the file
	source  *source
	from    *catalog.Table
	counts  bool             // AUTOINCREMENT
	columns []convert.Column // of the source
	names   []string         // of the same columns in the file
	rows    int64            // copied
	guess   int64            // as the server estimates them
}

// reads is the query by which the source hands out the rows.
func (t *tablePlan) reads() string {
	names := make([]string, len(t.columns))
	for i, column := range t.columns {
		names[i] = postgres.QuoteIdentifier(column.Name)
	}
	return fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT (FORMAT binary)", strings.Join(names, ", "), t.source.quote(t.from.Name))
}

func (t *tablePlan) quotedNames() string {
	names := make([]string, len(t.names))
	for i, name := range t.names {
		names[i] = sqlite.QuoteIdentifier(name)
	}
	return strings.Join(names, ", ")
}

type planner struct {
	options  *Options
	sources  []*source
	layout   layout
	parts    []layout // what each source holds, where there are several
	plan     *plan
	problems engine.Problems
}

// makePlan pairs the tables and columns of both sides. What has no counterpart is a Problem.
func makePlan(ctx context.Context, sources []*source, options *Options) (*plan, engine.Problems, error) {
	p := &planner{options: options, sources: sources, plan: &plan{}}
	var err error
	if p.layout, err = layoutOf(ctx, options.Set, nil, options.Log); err != nil {
		return nil, nil, err
	}
	for _, source := range sources {
		part := p.layout
		if len(sources) > 1 {
			if part, err = layoutOf(ctx, options.Set, source.Logical, options.Log); err != nil {
				return nil, nil, err
			}
		}
		p.parts = append(p.parts, part)
	}
	for _, table := range p.layout {
		if _, left := notCopied(options.Set, table.name); !left {
			p.add(table)
		}
	}
	if err := p.rest(ctx); err != nil {
		return nil, nil, err
	}
	return p.plan, p.problems, p.estimate(ctx)
}

func (p *planner) problem(id engine.ProblemID, hint, format string, values ...any) {
	p.problems = append(p.problems, engine.Problem{ID: id, What: fmt.Sprintf(format, values...), Hint: hint})
}

const otherFiles = "give the schema files of the homeserver that last used the source (--schema-dir)"

// owner is the source that a table of the file comes from: the first that holds its logical database.
func (p *planner) owner(table string) *source {
	for i, part := range p.parts {
		if part.table(table) != nil {
			return p.sources[i]
		}
	}
	return p.sources[0]
}

func (p *planner) add(table *liteTable) {
	source := p.owner(table.name)
	from := engine.FindName(source.schema.Tables, table.name, func(t *catalog.Table) string { return t.Name })
	if from == nil {
		p.problem("table_only_in_target", otherFiles, "%s has no table %s", source.session.Name(), table.name)
		return
	}
	planned := &tablePlan{name: table.name, source: source, from: from, counts: table.counts}
	p.pair(planned, table)
	p.plan.tables = append(p.plan.tables, planned)
}

// pair matches the columns by name.
func (p *planner) pair(planned *tablePlan, table *liteTable) {
	var missing, alone []string
	for _, column := range table.columns {
		match := engine.FindName(planned.from.Columns, column.name, func(c *catalog.Column) string { return c.Name })
		if match == nil {
			missing = append(missing, column.name)
			continue
		}
		kind := convert.KindOf(match.Type)
		if !holds(affinityOf(column.declared), kind) {
			p.problem("column_type", "report this as a missing feature", "table %s, column %s: a column of SQLite that is declared %q does not hold values of type %s as they are",
				planned.name, column.name, column.declared, match.TypeLabel)
		}
		planned.columns = append(planned.columns, convert.Column{Name: match.Name, Kind: kind})
		planned.names = append(planned.names, column.name)
	}
	for _, column := range planned.from.Columns {
		if engine.FindName(table.columns, column.Name, func(c *liteColumn) string { return c.name }) == nil {
			alone = append(alone, column.Name)
		}
	}
	if len(missing) > 0 {
		p.problem("column_only_in_target", otherFiles, "table %s: the source lacks %s", planned.name, engine.List(missing))
	}
	if len(alone) > 0 {
		p.problem("column_only_in_source", otherFiles+", or drop the columns if nothing needs them", "table %s: only the source has %s", planned.name, engine.List(alone))
	}
}

// rest is about the tables that stay where they are.
func (p *planner) rest(ctx context.Context) error {
	said := map[string]bool{}
	for i, source := range p.sources {
		for _, table := range source.schema.Tables {
			reason, left := notCopied(p.options.Set, table.Name)
			switch {
			case left && (reason == "" || said[table.Name]):
				continue
			case left:
			case p.layout.table(table.Name) == nil:
				filled, err := source.filled(ctx, table.Name)
				if err != nil {
					return err
				}
				if filled {
					p.problem("table_only_in_source", "if nothing needs it, drop it; if a module made it, move it by hand once the homeserver runs on SQLite, and rename it away until then",
						"table %s of %s holds rows, and the SQLite schema has no such table", table.Name, source.session.Name())
					continue
				}
				reason = "the SQLite schema has no such table, and it is empty"
			case p.owner(table.Name) != p.sources[i] && p.parts[i].table(table.Name) == nil:
				reason = "left over in " + source.session.Name() + "; " + p.owner(table.Name).session.Name() + " holds it now"
			default:
				continue
			}
			said[table.Name] = true
			p.plan.left = append(p.plan.left, LeftTable{table.Name, reason})
		}
	}
	return nil
}

func (s *source) filled(ctx context.Context, table string) (bool, error) {
	var filled bool
	err := s.conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+s.quote(table)+")").Scan(&filled)
	return filled, err
}

const estimateSQL = `SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = $1`

func (p *planner) estimate(ctx context.Context) error {
	for _, table := range p.plan.tables {
		if err := table.source.conn.QueryRow(ctx, estimateSQL, table.from.OID).Scan(&table.guess); err != nil {
			return err
		}
	}
	return nil
}

// guessed is how many rows there are, as the servers estimate them.
func (p *plan) guessed() (rows int64) {
	for _, table := range p.tables {
		rows += table.guess
	}
	return rows
}
