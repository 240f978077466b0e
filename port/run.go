package port

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
	"github.com/synapsedb/synapse/port/difference"
)

// run is one port from beginning to end.
type run struct {
	options Options
	source  *source
	target  *target
	plan    *plan
	workers []*worker
	found   *deviations // by the scan, or made by the copy
	report  *Report
	record  *record

	identity string // of the source
	attempt  int64  // this run's own number, in the state
	seed     uint64 // of all hashes of rows
	resumed  bool   // an interrupted port of the same state of the source is taken up

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

// Run ports the database, or checks whether that could be done. The report is returned beside an error too, as
// far as the run came.
//
// It returns *RefusedError when it cannot begin, *BadValuesError when values do not convert, *InterruptedError when
// ctx ended, *MismatchError when the verification fails, *UnfinishedError around whatever else stopped it after the
// first write. Only a nil error means that the target is complete.
func Run(ctx context.Context, options Options) (*Report, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	r, err := runOnce(ctx, options, false)
	if errors.Is(err, errStartAnew) {
		r, err = runOnce(ctx, options, true)
	}
	return r.report, err
}

// errStartAnew says that a target cannot be made equal to the source row by row.
var errStartAnew = errors.New("the server refuses rows, which have to be set aside: the port has to start over")

func runOnce(ctx context.Context, options Options, anew bool) (*run, error) {
	r := &run{options: options, found: newDeviations(), report: newReport(options), anew: anew}
	r.aside = &asideFile{path: options.SetAsideFile}
	r.decisions.rows = map[string]map[int64]convert.Class{}
	err := r.explain(ctx, withDetail(r.all(ctx)))
	r.report.complete(r, err)
	return r, err
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

// explain says what an error means for the target.
func (r *run) explain(ctx context.Context, err error) error {
	var values *BadValuesError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		if !r.began {
			return fmt.Errorf("interrupted before anything was written: %w", context.Cause(ctx))
		}
		return &InterruptedError{Err: context.Cause(ctx)}
	case errors.As(err, &values):
		return values
	case errors.Is(err, errStartAnew):
		return err
	case r.began:
		return &UnfinishedError{Err: err}
	}
	return err
}

func (r *run) all(ctx context.Context) error {
	defer r.close()
	if err := r.preflight(ctx); err != nil {
		return err
	}
	if err := r.scanPatiently(ctx); err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	if err := r.withControl(ctx, r.checkWritten); err != nil {
		return err
	}
	if err := r.judge(); err != nil || r.options.Check {
		return err
	}
	return r.write(ctx)
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

// judge refuses bad values when they are not to be repaired.
func (r *run) judge() error {
	if err := r.source.snapshot.Unchanged(); err != nil {
		return err
	}
	count := r.found.bad()
	if r.options.Check && count == 0 {
		return nil
	}
	if count == 0 || (r.options.OnBadValue == Repair && !r.options.Check) {
		r.found = newDeviations() // the copy finds them again, and says what became of them
		return nil
	}
	return &BadValuesError{First: r.found.first(), Count: count}
}

func (r *run) write(ctx context.Context) (err error) {
	err = r.withControl(ctx, func(ctx context.Context) error {
		if err := r.lookAgain(ctx); err != nil {
			return err
		}
		if r.idle, err = r.nothingToDo(ctx); err != nil {
			return err
		}
		r.disconnect() // what an attempt before had
		return r.connect(ctx)
	})
	if err != nil {
		return err
	}
	steps := []func(context.Context) error{r.setAside, r.copy, r.setSequences, r.verify, r.finish}
	if r.idle {
		steps = steps[1:]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
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
	if r.source != nil {
		r.report.noteClose(r.source.snapshot.Close())
	}
	if r.aside != nil {
		r.report.noteClose(r.aside.close())
	}
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

// preflight does every check that can be done before the data is read, and lists all that fail.
func (r *run) preflight(ctx context.Context) error {
	r.options.Progress.enter(PhasePreflight)
	source, problems := openSource(ctx, r.options)
	r.source = source
	target, more := openTarget(ctx, r.options.Target)
	r.target = target
	if len(problems) == 0 {
		var err error
		if more, err = r.prepareTarget(ctx, more); err != nil {
			return err
		}
	}
	problems = append(problems, more...)
	if source != nil && r.target != nil {
		pair, err := r.compare(ctx)
		if err != nil {
			return err
		}
		problems = append(problems, pair...)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.target != nil && r.target.earlier != nil && r.target.earlier.stage == stageComplete && !r.options.Check {
		r.report.noteClose(r.aside.recover(r.target.earlier.aside))
	}
	if r.options.OnBadValue == Repair && !r.options.Check {
		problems = append(problems, r.aside.open()...)
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems, Prepared: r.report.Target.Prepared}
	}
	r.report.describe(r)
	return nil
}

// compare checks that the two sides belong together, and makes the plan.
func (r *run) compare(ctx context.Context) ([]Problem, error) {
	var problems []Problem
	if r.source.set != r.target.set {
		return append(problems, Problem{
			ID: "different_schema",
			What: fmt.Sprintf("the source belongs to the schema %q, the target to %q: rows of one do not go into the tables of the other",
				r.source.set, r.target.set),
			Hint: "prepare the target with the program that made the source",
		}), nil
	}
	if r.source.version != r.target.version {
		problems = append(problems, versionProblem(r.source.version, r.target.version))
	}
	plan, more, err := makePlan(ctx, r.source, r.target)
	if err != nil {
		return nil, err
	}
	r.plan = plan
	if err := r.choose(); err != nil {
		return nil, err
	}
	if r.source.version != r.target.version {
		more = slices.DeleteFunc(more, followsFromVersion)
	}
	problems = append(problems, more...)
	return append(problems, r.unknownSequences()...), nil
}

// followsFromVersion tells what two versions of a schema differ in from what is a problem of its own.
func followsFromVersion(problem Problem) bool {
	return slices.Contains([]string{"table_only_in_source", "column_only_in_source", "column_only_in_target"}, problem.ID)
}

func versionProblem(source, target int64) Problem {
	hint := "start the homeserver once on the SQLite database with the version that prepared the target, " +
		"let its background updates finish, stop it, and port again"
	if source > target {
		hint = "prepare the target again, with the version of the homeserver that last used the source"
	}
	return Problem{
		ID:   "schema_version",
		What: fmt.Sprintf("the source has schema version %d, the target has %d; tables and columns that differ are not listed", source, target),
		Hint: hint,
	}
}
