package tables

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/phases"
	"github.com/synapsedb/synapse/schema"
)

// Options say what to move and where.
type Options struct {
	// From is the source. It is only read.
	From synapse.Database
	// To is the target: an empty database, one with the set's tables and no row in them, or one that a move before has not filled to
	// the end.
	To synapse.Database
	// Set is the schema set, with files for both engines. The source has to be at its version.
	Set *schema.Set
	// FindSet is asked for the set where Set is nil, with what the source says of itself. Its error is a reason for a refusal.
	FindSet func(source *schema.State) (*schema.Set, error)
	// Config is handed to what the set's code is; see schema.Options.
	Config any
	// Check does all checks and the scan, and writes nothing.
	Check bool
	// Progress is called when a phase begins and as it goes on, from several goroutines, one at a time. May be nil.
	Progress func(Progress)
	// Log may be nil.
	Log *slog.Logger
}

// Phase is what a move is at.
type Phase string

// The phases, in their order.
const (
	PhasePreflight Phase = "preflight"
	PhaseScan      Phase = "scan"
	PhasePrepare   Phase = "prepare" // the target's tables
	PhaseCopy      Phase = "copy"
	PhaseVerify    Phase = "verify"
	PhaseFinish    Phase = "finish"
)

// Progress is how far a phase is. Done counts rows; Total is how many there are, and 0 during the scan, which finds that out.
type Progress = phases.State[Phase]

// filler names this package in a target that it fills.
const filler = "synapse port --from --to"

// move is one move.
type move struct {
	options Options
	set     *schema.Set
	report  *Report
	meter   *phases.Meter[Phase]
	entered time.Time
	phase   Phase
	source  *side
	target  *side
	pairs   []*pair
	most    int // bytes of a value that the target takes
	before  os.FileInfo
}

// Move copies all rows of a set's tables from one database into another and proves that both are equal. Until then the target is guarded,
// so that nothing starts on it. A move that was interrupted or killed is begun anew by the next one. The report is there in any
// case. Errors a caller can test for: *RefusedError and *BadValuesError (nothing was written), and *MismatchError.
func Move(ctx context.Context, options Options) (report *Report, err error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	m := &move{options: options, set: options.Set, meter: &phases.Meter[Phase]{Show: options.Progress}}
	m.report = &Report{
		Started: time.Now().UTC(), Steps: []Step{}, Tables: []TableReport{},
		Source: Side{Engine: options.From.Engine}, Target: Side{Engine: options.To.Engine},
	}
	defer func() {
		m.enter("", 0)
		err = errors.Join(err, m.source.close(), m.target.close())
		m.report.end(err, options.Check)
	}()
	return m.report, m.run(ctx)
}

// schemaOptions are those by which package schema looks at both sides. The target holds the logical databases that the source does.
func (m *move) schemaOptions(filling string) schema.Options {
	return schema.Options{
		Databases: m.source.state.Databases, Config: m.options.Config, Filling: filling, SessionsKnown: true, Log: m.options.Log,
	}
}

func (m *move) run(ctx context.Context) error {
	m.enter(PhasePreflight, 0)
	if err := m.preflight(ctx); err != nil {
		return err
	}
	m.enter(PhaseScan, 0)
	if err := m.scan(ctx); err != nil {
		return err
	}
	if m.options.Check {
		return m.unchanged()
	}
	return m.fill(ctx)
}

// enter begins a phase; "" only ends the one before.
func (m *move) enter(phase Phase, total int64) {
	if m.phase != "" {
		m.report.Steps = append(m.report.Steps, Step{Phase: m.phase, Seconds: time.Since(m.entered).Seconds()})
	}
	m.phase, m.entered = phase, time.Now()
	if phase != "" {
		m.meter.Enter(phase, total)
	}
}

// fill writes the target.
func (m *move) fill(ctx context.Context) (err error) {
	m.enter(PhasePrepare, 0)
	written, err := m.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, written.close()) }()
	m.enter(PhaseCopy, m.report.Rows)
	if err := written.copy(ctx); err != nil {
		return err
	}
	m.enter(PhaseVerify, 2*m.report.Rows) //nolint:mnd // both sides
	if err := m.verify(ctx, written.session); err != nil {
		return err
	}
	m.enter(PhaseFinish, 0)
	return written.finish(ctx)
}

// unchanged makes sure that a file which is read as one that nobody writes to was left alone.
func (m *move) unchanged() error {
	if m.before == nil {
		return nil
	}
	now, err := os.Stat(m.options.From.SQLite.Path())
	if err != nil {
		return fmt.Errorf("look at the source once more: %w", err)
	}
	if !os.SameFile(m.before, now) || m.before.Size() != now.Size() || !m.before.ModTime().Equal(now.ModTime()) {
		return &engine.Error{Op: "read", Object: m.options.From.SQLite.Path(), Err: errors.New("the file has been written to meanwhile"),
			Hint: "run the same command again, best with the program stopped that writes to it"}
	}
	return nil
}
