package port

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// move is a port into one physical database, or into two of which one holds the logical database state alone. Its runs, one
// for each, share one snapshot of the source and go step by step together: no target is written to before both were checked,
// and no guard is lowered before both were verified.
type move struct {
	options Options
	source  *source
	runs    []*run // that of main, or of all, is the first
}

// part says which logical databases a target takes.
type part string

// The parts.
const (
	partAll   part = "" // main and state
	partMain  part = "main"
	partState part = "state"
)

// Run ports the database, or checks whether that could be done. The report is returned beside an error too, as
// far as the run came.
//
// It returns *RefusedError when it cannot begin, *BadValuesError when values do not convert, *InterruptedError when
// ctx ended, *MismatchError when the verification fails, *UnfinishedError around whatever else stopped it after the
// first write. Only a nil error means that the target is complete; with Options.State, that both are.
func Run(ctx context.Context, options Options) (*Report, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	anew := map[part]bool{}
	for {
		m := newMove(options, anew)
		err := m.explain(ctx, withDetail(m.all(ctx)))
		m.complete(err)
		if !errors.Is(err, errStartAnew) {
			return m.runs[0].report, err
		}
		for _, r := range m.runs {
			anew[r.part] = r.anew
		}
	}
}

// errStartAnew says that a target cannot be made equal to the source row by row. The run that met it starts over; another one
// goes on where it was.
var errStartAnew = errors.New("the server refuses rows, which have to be set aside: the port has to start over")

func newMove(options Options, anew map[part]bool) *move {
	m := &move{options: options}
	if options.State == nil {
		m.runs = []*run{newRun(options, partAll, anew)}
		return m
	}
	state := options
	state.Target, state.SetAsideFile = options.State, stateFile(options.SetAsideFile)
	m.runs = []*run{newRun(options, partMain, anew), newRun(state, partState, anew)}
	m.runs[0].report.State = m.runs[1].report
	return m
}

// stateFile is the file of the rows of state that are set aside: each target's is written, and gets its name, by itself.
func stateFile(path string) string {
	extension := filepath.Ext(path)
	return strings.TrimSuffix(path, extension) + "-state" + extension
}

func (m *move) all(ctx context.Context) error {
	defer m.close()
	if err := m.preflight(ctx); err != nil {
		return err
	}
	m.announceScan()
	for _, r := range m.runs {
		if err := r.scanPatiently(ctx); err != nil {
			return fmt.Errorf("read the source: %w", r.named(err))
		}
	}
	check := func(r *run, ctx context.Context) error { return r.withControl(ctx, r.checkWritten) }
	if err := m.refusals(ctx, check); err != nil {
		return err
	}
	if err := m.judge(); err != nil || m.options.Check {
		return err
	}
	if err := m.refusals(ctx, (*run).ready); err != nil {
		return err
	}
	return m.write(ctx)
}

// refusals does something for each run, and lists together why any of them cannot begin.
func (m *move) refusals(ctx context.Context, do func(*run, context.Context) error) error {
	var problems []Problem
	for _, r := range m.runs {
		err := do(r, ctx)
		refused, isRefused := errors.AsType[*RefusedError](err)
		if err != nil && !isRefused {
			return r.named(err)
		}
		if isRefused {
			problems = append(problems, r.namedProblems(refused.Problems)...)
		}
	}
	if len(problems) > 0 {
		return m.refuse(problems)
	}
	return nil
}

func (m *move) refuse(problems []Problem) error {
	prepared := slices.ContainsFunc(m.runs, func(r *run) bool { return r.report.Target.Prepared })
	return &RefusedError{Problems: problems, Prepared: prepared}
}

// judge refuses bad values when they are not to be repaired.
func (m *move) judge() error {
	if err := m.source.snapshot.Unchanged(); err != nil {
		return err
	}
	var count int64
	var first *Deviation
	for _, r := range m.runs {
		if bad := r.found.bad(); bad > 0 {
			count += bad
			if first == nil {
				first = new(r.found.first())
			}
		}
	}
	if m.options.Check && count == 0 {
		return nil
	}
	if count == 0 || (m.options.OnBadValue == Repair && !m.options.Check) {
		for _, r := range m.runs {
			r.found = newDeviations() // the copy finds them again, and says what became of them
		}
		return nil
	}
	return &BadValuesError{First: *first, Count: count}
}

// step is a part of the work that one target does, and then the other.
type step struct {
	do       func(*run, context.Context) error
	workers  bool       // it needs their connections
	announce func(*run) // the tables that it works on; nil for none
}

func (m *move) write(ctx context.Context) error {
	steps := []step{
		{do: (*run).setAside},
		{do: (*run).copy, workers: true, announce: (*run).announceCopy},
		{do: (*run).setSequences},
		{do: (*run).verify, workers: true, announce: (*run).announceVerify},
	}
	if m.idle() {
		steps = steps[1:]
	}
	for _, s := range steps {
		m.announce(s.announce)
		for _, r := range m.runs {
			if err := r.take(ctx, s, len(m.runs) > 1); err != nil {
				return r.named(err)
			}
		}
	}
	// State's guard is lowered first: a homeserver that is started between the two meets that of main.
	for _, r := range slices.Backward(m.runs) {
		if err := r.finish(ctx); err != nil {
			return r.named(err)
		}
	}
	return nil
}

// idle reports whether nothing has to be written but the note of that. Otherwise every target's guard goes up, also that of one
// in which nothing differs: a homeserver must not start on it while the other one is not whole.
func (m *move) idle() bool {
	idle := !slices.ContainsFunc(m.runs, func(r *run) bool { return !r.idle })
	for _, r := range m.runs {
		r.idle = idle
	}
	return idle
}

// take does one step. Of two targets each has its workers' connections only while it needs them: both may be on one server.
func (r *run) take(ctx context.Context, s step, frugal bool) error {
	if s.workers && len(r.workers) == 0 {
		err := r.withControl(ctx, func(ctx context.Context) error {
			if err := r.target.conn.Ping(ctx); err != nil { // it may have been lost, with the lock, while the other target was at work
				return err
			}
			return r.connectAnew(ctx)
		})
		if err != nil {
			return err
		}
	}
	err := s.do(r, ctx)
	if frugal {
		r.disconnect()
	}
	if errors.Is(err, errStartAnew) {
		r.anew = true
	}
	return err
}

func (m *move) began() bool {
	return slices.ContainsFunc(m.runs, func(r *run) bool { return r.began })
}

// explain says what an error means for the target.
func (m *move) explain(ctx context.Context, err error) error {
	var values *BadValuesError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		if !m.began() {
			return fmt.Errorf("interrupted before anything was written: %w", context.Cause(ctx))
		}
		return &InterruptedError{Err: context.Cause(ctx)}
	case errors.As(err, &values):
		return values
	case errors.Is(err, errStartAnew):
		return err
	case m.began():
		return &UnfinishedError{Err: err}
	}
	return err
}

func (m *move) complete(err error) {
	began := m.began()
	for _, r := range m.runs {
		r.report.complete(r, err, began)
	}
}

func (m *move) close() {
	for _, r := range m.runs {
		r.close()
	}
	if m.source != nil {
		m.runs[0].report.noteClose(m.source.snapshot.Close())
	}
}

// named says of an error of state's target that it is that one's.
func (r *run) named(err error) error {
	if r.part == partState && err != nil {
		return fmt.Errorf("%s: %w", r.part, err)
	}
	return err
}

func (r *run) namedProblems(problems []Problem) []Problem {
	if r.part != partState {
		return problems
	}
	named := slices.Clone(problems)
	for i := range named {
		named[i].What = string(r.part) + ": " + named[i].What
	}
	return named
}
