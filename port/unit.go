package port

// unit is a range of one table's rows: what one worker reads, or copies, at a time.
type unit struct {
	table     *tablePlan
	low, high int64
	whole     bool // the table has no rowid to tell ranges by
}

const (
	unitRows = 50_000 // rows in a unit, as far as the span of rowids tells
	mostUnit = 64     // units of one table
)

// units divides a table. A table without rows has none.
func units(table *tablePlan) []unit {
	if table.empty {
		return nil
	}
	if table.rowid == "" {
		return []unit{{table: table, whole: true}}
	}
	span := uint64(table.high) - uint64(table.low)
	count := min(span/unitRows+1, mostUnit)
	step := span/count + 1
	ranges := make([]unit, 0, count)
	for i := range count {
		low := table.low + int64(i*step)
		high := table.low + int64(min(span, i*step+step-1))
		ranges = append(ranges, unit{table: table, low: low, high: high})
		if i*step+step-1 >= span {
			break
		}
	}
	return ranges
}

// arguments are the parameters of the unit's query.
func (u unit) arguments() []any {
	if u.whole {
		return nil
	}
	return []any{u.low, u.high}
}

func (u unit) query() string { return u.table.query(!u.whole) }
