package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/synapsedb/synapse/engine"
)

// Options say how Prepare goes about a database.
type Options struct {
	// Databases are the logical databases that the physical one holds; nil means all of the set.
	Databases []string

	// NoUpgrade refuses, with a *BehindError, what would have to be changed. It is for processes that share a database
	// with the one that upgrades it.
	NoUpgrade bool

	// SessionsKnown upgrades a database beside other sessions, which is refused otherwise.
	SessionsKnown bool

	// OnPending is called when background updates have to be done first (see Definition.RequiredUpdates), with their
	// names, and without the lock. It may run them, or wait; when it returns nil, Prepare looks again. Without it, Prepare
	// refuses with a *PendingError.
	OnPending func(ctx context.Context, updates []string) error

	// Filling is who fills the tables of a database that is created, such as a port: the database is guarded by GuardVersion
	// from the first record of its creation on, until Filled. A database that the same one has not filled to the end is no
	// refusal. At most 64 letters; empty for a creation that is complete by itself.
	Filling string

	// Config is handed to the Upgrade functions of Go deltas and to CheckServer and CheckDatabase.
	Config any

	// OnStep is called after each step, with how many of how many are done. May be nil.
	OnStep func(step *Step, done, total int)

	// Log may be nil.
	Log *slog.Logger
}

// Result is what Prepare has done.
type Result struct {
	Plan *Plan
	// Changed is false when the database was as it should be, and nothing was written.
	Changed bool
}

// Prepare makes a database fit for this code: it creates an empty one and upgrades an older one. It is safe to kill at
// any moment, and to run several times at once; each step is done once. A database that another set, another server or
// newer code owns is refused before anything is written, by *OwnerError or *TooNewError; the other refusals are
// *BehindError, *SessionsError, *LogicalError, *MissingCodeError, *ChangedError, *EngineError and *PendingError, which can
// also come in the middle of an upgrade. A step that fails is a *StepError.
func Prepare(ctx context.Context, session engine.Session, set *Set, options Options) (*Result, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	for changed := false; ; {
		result, err := prepareOnce(ctx, session, set, options)
		pending, isPending := errors.AsType[*PendingError](err)
		if !isPending || options.OnPending == nil || len(pending.SetAside) > 0 {
			if result != nil {
				result.Changed = result.Changed || changed
			}
			return result, err
		}
		changed = changed || pending.Applied > 0
		options.Log.WarnContext(ctx, "background updates have to be done first", "database", session.Name(), "updates", pending.Updates)
		if err := options.OnPending(ctx, pending.Updates); err != nil {
			return nil, errors.Join(pending, err)
		}
	}
}

func prepareOnce(ctx context.Context, session engine.Session, set *Set, options Options) (*Result, error) {
	plan, err := MakePlan(ctx, session, set, options)
	if err != nil {
		return nil, err
	}
	if plan.Nothing() {
		return &Result{Plan: plan}, nil
	}
	if options.NoUpgrade {
		return nil, &BehindError{Database: plan.Database, Plan: plan}
	}
	unlock, err := session.LockSchema(ctx, func(holder string) {
		options.Log.WarnContext(ctx, "another process is changing the schema; waiting for it", "database", session.Name(), "holder", holder)
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the schema lock of %s: %w", session.Name(), err)
	}
	result, err := prepareLocked(ctx, session, set, options)
	if unlocked := unlock(); unlocked != nil {
		err = errors.Join(err, fmt.Errorf("give back the schema lock of %s: %w", session.Name(), unlocked))
	}
	return result, err
}

// prepareLocked looks again: while it waited for the lock, another process may have done the work.
func prepareLocked(ctx context.Context, session engine.Session, set *Set, options Options) (*Result, error) {
	plan, err := MakePlan(ctx, session, set, options)
	if err != nil {
		return nil, err
	}
	if plan.Nothing() {
		return &Result{Plan: plan}, nil
	}
	if err := checkSessions(ctx, session, plan, options); err != nil {
		return nil, err
	}
	if err := newApplier(session, set, plan, options).apply(ctx); err != nil {
		return nil, err
	}
	return &Result{Plan: plan, Changed: true}, nil
}

// checkSessions refuses to change tables under a server that runs. Nobody can use a database that is being created.
func checkSessions(ctx context.Context, session engine.Session, plan *Plan, options Options) error {
	if options.SessionsKnown || plan.Create {
		return nil
	}
	sessions, err := session.OtherSessions(ctx)
	if err != nil {
		return fmt.Errorf("look for other sessions of %s: %w", session.Name(), err)
	}
	if len(sessions) > 0 {
		return &SessionsError{Database: session.Name(), Sessions: sessions}
	}
	return nil
}

// MakePlan says what Prepare would do, and refuses what it would refuse for what the database is. It changes nothing. A refusal counts when the
// database has said the same twice: another process may create or upgrade it, without a transaction on MySQL, while it is looked at.
func MakePlan(ctx context.Context, session engine.Session, set *Set, options Options) (*Plan, error) {
	if err := checkServer(ctx, session, set, options); err != nil {
		return nil, err
	}
	var before *State
	for {
		state, err := ReadState(ctx, session)
		if err != nil {
			return nil, err
		}
		plan, err := planFrom(ctx, session, set, state, options)
		if err == nil || reflect.DeepEqual(state, before) {
			return plan, err
		}
		before = state
	}
}

func checkServer(ctx context.Context, session engine.Session, set *Set, options Options) error {
	if set.definition.CheckServer == nil {
		return nil
	}
	if err := set.definition.CheckServer(ctx, session, options.Config); err != nil {
		return fmt.Errorf("%s: %w", session.Name(), err)
	}
	return nil
}

// planFrom is MakePlan for what the database has said of itself.
func planFrom(ctx context.Context, session engine.Session, set *Set, state *State, options Options) (*Plan, error) {
	logical := options.logical(set)
	plan, err := newPlan(session.Name(), session.Engine(), set, state, logical, options.Filling)
	if err != nil {
		return nil, err
	}
	check := set.definition.CheckDatabase
	if check == nil || plan.Create {
		return plan, nil
	}
	if err := check(ctx, session, logical, options.Config); err != nil {
		return nil, fmt.Errorf("%s: %w", session.Name(), err)
	}
	return plan, nil
}

func (o *Options) logical(set *Set) []string {
	if o.Databases == nil {
		return set.databases
	}
	return o.Databases
}
