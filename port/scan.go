package port

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// scan reads the whole source and finds every value and row that PostgreSQL cannot take, before anything is written.
func (r *run) scan(ctx context.Context) error {
	left := slices.DeleteFunc(slices.Clone(r.plan.tables), r.recall)
	if len(left) == 0 {
		return nil
	}
	workers := r.readers()
	if r.comparesAny() {
		if err := r.connect(ctx); err != nil {
			return err
		}
		defer r.disconnect()
		workers = r.workers
	}
	r.options.Progress.enter(PhaseScan)
	var tasks []*task
	for _, table := range left {
		progress := r.options.Progress.table(table.name, table.rowsAtMost())
		if table.way == wayCompare {
			tasks = append(tasks, r.compareTasks(table, progress)...)
		} else {
			tasks = append(tasks, r.scanTasks(table, progress)...)
		}
	}
	keys := r.parentScans
	if r.resumed && !r.options.Check { // the interrupted port has looked at the keys
		keys = func() []*task { return nil }
	}
	if !r.comparesAny() {
		return runTasks(ctx, workers, append(tasks, keys()...))
	}
	if err := runTasks(ctx, workers, tasks); err != nil {
		return err
	}
	return runTasks(ctx, workers, keys()) // of which tables differ is known only now
}

// parentScans look for rows whose parent is missing. Where nothing differs the target has proved that there are none.
func (r *run) parentScans() []*task {
	changes := func(name string) bool {
		table := r.plan.table(name)
		return table != nil && (table.way != wayCompare || table.differs())
	}
	var tasks []*task
	for _, key := range r.target.schema.ForeignKeys {
		if !changes(key.Table) && !changes(key.Parent) {
			continue
		}
		if scan := r.parentScan(key); scan != nil {
			tasks = append(tasks, scan)
		}
	}
	return tasks
}

func (r *run) scanTasks(table *tablePlan, progress *TableProgress) []*task {
	weight := table.rowsAtMost()
	end := &task{name: "scan " + table.name, weight: weight, run: func(ctx context.Context, w *worker) error {
		progress.end()
		table.rows = progress.done.Load()
		table.deviates = r.found.has(table.name)
		return r.scanKeys(ctx, w.reader, table)
	}}
	tasks := []*task{end}
	var inspect *task
	if table.search != nil {
		inspect = &task{name: end.name, weight: weight, run: func(ctx context.Context, w *worker) error {
			return inspectSearch(ctx, w.reader, table)
		}}
		tasks = append(tasks, inspect)
	}
	for _, part := range units(table) {
		scan := &task{name: end.name, weight: weight, run: func(ctx context.Context, w *worker) error {
			return r.scanUnit(ctx, w.reader, part, progress)
		}}
		if inspect != nil {
			inspect.before(scan)
		}
		scan.before(end)
		tasks = append(tasks, scan)
	}
	return tasks
}

// scanUnit converts the rows of a range and throws them away.
func (r *run) scanUnit(ctx context.Context, reader *sqlite.Reader, part unit, progress *TableProgress) error {
	inspector := r.inspector(part.table)
	encoder := convert.NewEncoder(part.table.columns, 1)
	var buffer []byte
	var rows int64
	var bytes int
	err := each(ctx, reader, func(row *sqlite.Rows) error {
		if part.table.drops(row.Int64(0)) {
			return nil
		}
		encoded, findings := encoder.Encode(buffer[:0], row)
		buffer = encoded
		bytes += len(encoded)
		if rows++; rows%1024 == 0 {
			progress.add(1024)
			progress.carry(bytes)
			bytes = 0
		}
		if len(findings) == 0 && len(encoded) < inspector.least {
			return nil
		}
		return r.examine(ctx, reader, part.table, row.Int64(0), encoded, findings, inspector)
	}, part.query(), part.arguments()...)
	progress.add(rows % 1024)
	progress.carry(bytes)
	return err
}

// drops reports whether a row of the search index is a second one of its event.
func (t *tablePlan) drops(rowid int64) bool {
	return t.search != nil && t.search.duplicates[rowid]
}

// examine looks closely at a row that is not plainly good.
func (r *run) examine(
	ctx context.Context, reader *sqlite.Reader, table *tablePlan, rowid int64,
	encoded []byte, findings []convert.Finding, inspector *inspector,
) error {
	for _, finding := range findings {
		if finding.Class == convert.ClassConverted {
			table.noteConverted(finding.Column)
		}
		if err := r.note(ctx, reader, table, rowid, finding); err != nil {
			return err
		}
	}
	if len(encoded) < inspector.least || !convert.Sendable(findings) {
		return nil
	}
	class, detail, err := inspector.inspect(ctx, encoded)
	if err != nil || class == "" {
		return err
	}
	r.decide(table, rowid, class)
	deviation := Deviation{Table: table.name, RowID: rowid, Class: class, Action: ActionSetAside, Detail: detail}
	return r.add(ctx, reader, table, deviation)
}

// note records one finding about a row of the source.
func (r *run) note(
	ctx context.Context, reader *sqlite.Reader, table *tablePlan, rowid int64, finding convert.Finding,
) error {
	return r.add(ctx, reader, table, deviationOf(table, rowid, finding))
}

func deviationOf(table *tablePlan, rowid int64, finding convert.Finding) Deviation {
	deviation := Deviation{Table: table.name, RowID: rowid, Class: finding.Class, Action: actionFor(finding.Class)}
	if finding.Column >= 0 {
		deviation.Column = table.columns[finding.Column].Name
	}
	return deviation
}

// add notes a deviation with the row's key and the beginning of the value.
func (r *run) add(ctx context.Context, reader *sqlite.Reader, table *tablePlan, deviation Deviation) error {
	err := r.describe(ctx, reader, table, &deviation)
	if err == nil {
		r.found.add(deviation)
	}
	return err
}

// describe fills in what people want to see, unless there are too many deviations to keep.
func (r *run) describe(ctx context.Context, reader *sqlite.Reader, table *tablePlan, deviation *Deviation) error {
	if r.found.full() {
		return nil
	}
	if err := describe(ctx, reader, table, deviation); err != nil {
		return fmt.Errorf("look at row %d of %s: %w", deviation.RowID, table.name, err)
	}
	return nil
}

// scanned is what the scan found out of one table that the copy has to know. It is kept in the state, so that a port that
// is taken up need not scan again.
type scanned struct {
	Rows       int64                   `json:"rows"`
	Deviations bool                    `json:"deviations,omitempty"` // rows that do not go over as they stand
	Decisions  map[int64]convert.Class `json:"decisions,omitempty"`
	Duplicates []int64                 `json:"duplicates,omitempty"` // of the search index
	Orphans    int64                   `json:"orphans,omitempty"`
}

func (r *run) scanned() map[string]scanned {
	all := map[string]scanned{}
	for _, table := range r.plan.tables {
		found := scanned{Rows: table.rows, Deviations: table.deviates, Decisions: r.decisions.rows[table.name]}
		if table.search != nil {
			found.Duplicates, found.Orphans = slices.Sorted(maps.Keys(table.search.duplicates)), table.search.orphans
		}
		all[table.name] = found
	}
	return all
}

func (r *run) recalls(table *tablePlan) bool {
	return r.resumed && !r.options.Check && table.way != wayCompare && r.target.earlier.copied(table.name)
}

// recall takes over what the scan of an interrupted port of the same source found in a table; false when it has to be read.
func (r *run) recall(table *tablePlan) bool {
	if !r.recalls(table) {
		return false
	}
	found := r.target.earlier.scan[table.name]
	table.rows, table.deviates = found.Rows, found.Deviations
	if found.Decisions != nil {
		r.decisions.rows[table.name] = found.Decisions
	}
	if table.search != nil {
		table.search.duplicates, table.search.orphans = map[int64]bool{}, found.Orphans
		for _, rowid := range found.Duplicates {
			table.search.duplicates[rowid] = true
		}
	}
	return true
}
