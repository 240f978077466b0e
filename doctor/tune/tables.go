package tune

import (
	"fmt"
	"strconv"
)

// pace is how often autovacuum should come to a table of some size.
type pace struct {
	vacuum, analyze, insert float64
}

// paces are by the least number of rows. The server's own scale factor of 0.2 lets a table of 100 million rows gather 20 million dead ones.
func paceOf(rows int64) pace {
	switch {
	case rows >= 100_000_000:
		return pace{0.005, 0.005, 0.01}
	case rows >= 1_000_000:
		return pace{0.02, 0.01, 0.05}
	case rows >= 100_000:
		return pace{0.05, 0.05, 0.1}
	}
	return pace{0.2, 0.1, 0.2}
}

// tables are the advice for the biggest tables.
func (a *adviser) tables() []Table {
	tables := []Table{}
	for _, facts := range a.facts.Tables {
		table := facts.Table
		p := paceOf(table.Rows)
		dead := func(factor float64) string { return strconv.FormatInt(int64(factor*float64(table.Rows)), 10) }
		table.Settings = nil
		add := func(name string, value string, reason string) {
			server, known := a.facts.Settings[name]
			if !known {
				return
			}
			one := Setting{Name: name, Current: server.text() + " (the server's)", Advice: value, Reason: reason, Change: !server.is(value)}
			if own, set := facts.Options[name]; set {
				one.Current, one.Change = own, !sameNumber(own, value)
			}
			table.Settings = append(table.Settings, one)
		}
		add("autovacuum_vacuum_scale_factor", factor(p.vacuum), fmt.Sprintf("a vacuum comes after about %s dead rows; there are %d now", dead(p.vacuum), table.DeadRows))
		add("autovacuum_analyze_scale_factor", factor(p.analyze), fmt.Sprintf("the planner's statistics are renewed after about %s changed rows", dead(p.analyze)))
		add("autovacuum_vacuum_insert_scale_factor", factor(p.insert), fmt.Sprintf("a table that only grows is vacuumed after about %s new rows, so that indexes alone can answer, and no vacuum of all of it comes at once one day", dead(p.insert)))
		limit := a.autovacuum()[1]
		if _, own := facts.Options[limit.Name]; own { // otherwise the server's holds
			add(limit.Name, limit.Advice, "as for the server")
		}
		tables = append(tables, table)
	}
	return tables
}

func factor(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

func sameNumber(a, b string) bool {
	first, err := strconv.ParseFloat(a, 64)
	second, otherErr := strconv.ParseFloat(b, 64)
	return err == nil && otherErr == nil && first == second
}
