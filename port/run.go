package port

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
	"github.com/synapsedb/synapse/port/difference"
)

// run is the port into one physical database.
type run struct {
	options Options // Target is this run's own
	part    part
	source  *source
	target  *target
	plan    *plan
	workers []*worker
	found   *deviations // by the scan, or made by the copy
	report  *Report
	record  *record

	objects  *pgx.Batch // that will be recorded
	removals []string   // of them, as statements

	identity string // of the source
	attempt  int64  // this run's own number, in the state
	seed     uint64 // of all hashes of rows
	resumed  bool   // an interrupted port of the same state of the source is taken up

	problems  []Problem // of the target
	looked    bool      // whether its tables can be created is known
	creatable bool      // they can: it is empty

	anew bool // everything starts over, whatever is in the target
	idle bool // nothing differs, so nothing is written but the note of that

	finders   []*difference.Finder
	taken     map[string]int64 // by sequence, the greatest id of the source
	discards  bool             // a target is made equal to the source that somebody has written to
	discarded []string         // tables that only a server fills

	probing   probing
	decisions decisions
	aside     *asideFile
	removed   map[string]checksum.Sum // by table, of rows that the server refused or that were taken out of the target again
	began     bool                    // something was written, or may have been
	wrote     bool                    // something was written for certain
	finished  bool                    // the target is complete
}

// decisions are rows that the scan found to be impossible, by what only the server could say of them.
type decisions struct {
	mutex sync.Mutex
	rows  map[string]map[int64]convert.Class
}

func (r *run) decide(table *tablePlan, rowid int64, class convert.Class) {
	r.decisions.mutex.Lock()
	defer r.decisions.mutex.Unlock()
	if r.decisions.rows[table.name] == nil {
		r.decisions.rows[table.name] = map[int64]convert.Class{}
	}
	r.decisions.rows[table.name][rowid] = class
}

// decision returns what the scan has found so far of a row.
func (r *run) decision(table *tablePlan, rowid int64) convert.Class {
	r.decisions.mutex.Lock()
	defer r.decisions.mutex.Unlock()
	return r.decisions.rows[table.name][rowid]
}

// decided returns what the scan found; it is read after the scan only, so without the lock.
func (r *run) decided(table *tablePlan) map[int64]convert.Class { return r.decisions.rows[table.name] }

func newRun(options Options, part part, anew map[part]bool) *run {
	r := &run{options: options, part: part, found: newDeviations(), report: newReport(options), anew: anew[part]}
	r.aside = &asideFile{path: options.SetAsideFile}
	r.decisions.rows = map[string]map[int64]convert.Class{}
	return r
}

// withDetail adds what else the server said, such as which objects stand in the way.
func withDetail(err error) error {
	var refused *pgconn.PgError
	var values *BadValuesError
	if !errors.As(err, &refused) || errors.As(err, &values) {
		return err
	}
	if refused.Code == "53100" { // disk_full
		err = fmt.Errorf("%w\nthe disk of the server is full: make room there first", err)
	}
	if refused.Code == "55P03" { // lock_not_available
		err = fmt.Errorf("%w\nanother session holds a lock: pg_stat_activity shows who is connected; end that session", err)
	}
	for _, more := range []string{withoutSecrets(refused.Detail), refused.Hint} {
		if more != "" {
			err = fmt.Errorf("%w\n%s", err, more)
		}
	}
	return err
}

// scanPatiently scans, and scans again when the connection to the target was lost meanwhile.
func (r *run) scanPatiently(ctx context.Context) error {
	return r.withControl(ctx, func(ctx context.Context) error {
		r.found = newDeviations()
		r.decisions.rows = map[string]map[int64]convert.Class{}
		r.forgetComparison()
		if err := r.scan(ctx); err != nil {
			return err
		}
		return r.settle()
	})
}

// ready makes sure, right before the first write, that nothing has changed on the target, and that there are connections.
func (r *run) ready(ctx context.Context) error {
	err := r.withControl(ctx, func(ctx context.Context) (err error) {
		if err := r.lookAgain(ctx); err != nil {
			return err
		}
		if r.idle, err = r.nothingToDo(ctx); err != nil {
			return err
		}
		return r.connectAnew(ctx)
	})
	if r.part != partAll {
		r.disconnect()
	}
	return err
}

// lookAgain refuses a target on which somebody began to work during the scan, which may have taken long.
func (r *run) lookAgain(ctx context.Context) error {
	for _, read := range []func(context.Context) error{r.target.readSessions, r.target.readFilled} {
		if err := read(ctx); err != nil {
			return fmt.Errorf("look at the target again: %w", err)
		}
	}
	if problems := r.target.problems(); len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

func (r *run) close() {
	r.disconnect()
	if r.plan != nil {
		r.forgetComparison()
	}
	if r.target != nil {
		r.target.close()
	}
	r.report.noteClose(r.aside.close())
}

// forgetComparison removes what a comparison keeps in temporary files.
func (r *run) forgetComparison() {
	for _, finder := range r.finders {
		r.report.noteClose(finder.Close())
	}
	for _, table := range r.plan.tables {
		if table.changes != nil {
			r.report.noteClose(table.changes.close())
		}
	}
	r.finders = nil
}
