package schema

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

//go:embed bookkeeping
var bookkeepingFiles embed.FS

// applier carries out a plan.
type applier struct {
	session engine.Session
	set     *Set
	plan    *Plan
	options Options
	record  *record
	done    int // steps
}

func newApplier(session engine.Session, set *Set, plan *Plan, options Options) *applier {
	return &applier{
		session: session, set: set, plan: plan, options: options,
		record: &record{own: set.own(), version: plan.state.Version, exists: plan.state.hasVersion, compat: plan.CompatVersion},
	}
}

func (a *applier) apply(ctx context.Context) error {
	a.options.Log.InfoContext(ctx, "preparing the database", "database", a.plan.Database, "set", a.plan.Set,
		"from", a.plan.From, "to", a.plan.To, "steps", len(a.plan.Steps))
	remaining := a.plan.Steps
	if a.plan.Create && !a.plan.state.Creating {
		begin := a.createAtOnce
		if !a.session.TransactionalDDL() {
			begin = a.beginCreation
		}
		together, err := begin(ctx)
		if err != nil {
			return err
		}
		remaining = remaining[together:]
	}
	for i := range remaining {
		// The tables of a database that is being created are empty, so that no step can come too early.
		if !a.plan.Create {
			if err := a.checkRequired(ctx, remaining[i].Version); err != nil {
				return err
			}
		}
		if err := a.step(ctx, &remaining[i]); err != nil {
			return err
		}
	}
	if err := a.finish(ctx); err != nil {
		return err
	}
	return a.checkRequired(ctx, a.set.Version())
}

// createAtOnce creates in one transaction, as far as steps can be in one. It returns how many are done.
func (a *applier) createAtOnce(ctx context.Context) (together int, err error) {
	unchecked := false
	for together < len(a.plan.Steps) && a.plan.Steps[together].Transaction {
		unchecked = unchecked || a.plan.Steps[together].keysUnchecked()
		together++
	}
	err = a.transact(ctx, unchecked, func(tx engine.Tx, record *record) error {
		if err := a.createBookkeeping(ctx, tx); err != nil {
			return err
		}
		if err := record.begin(ctx, tx, a.plan, a.logical()); err != nil {
			return err
		}
		if together < len(a.plan.Steps) {
			if err := record.setProgress(ctx, tx, creation, progress{}); err != nil {
				return err
			}
		}
		for i := range together {
			if err := a.runStep(ctx, tx, record, &a.plan.Steps[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		for i := range together {
			a.count(ctx, &a.plan.Steps[i])
		}
	}
	return together, err
}

// beginCreation is for engines that cannot undo: the first record says that a creation goes on, and by which set.
func (a *applier) beginCreation(ctx context.Context) (together int, err error) {
	if err := a.createBookkeeping(ctx, a.session); err != nil {
		return 0, err
	}
	return 0, a.transact(ctx, false, func(tx engine.Tx, record *record) error {
		if err := record.mark(ctx, tx, a.plan, a.logical()); err != nil {
			return err
		}
		return record.setProgress(ctx, tx, creation, progress{})
	})
}

func (a *applier) logical() []string { return a.options.logical(a.set) }

func (a *applier) createBookkeeping(ctx context.Context, on engine.Querier) error {
	read := a.set.engines[a.plan.Engine].bookkeeping
	return a.runStatements(ctx, on, read, read.statements)
}

// step applies one step and the record of it.
func (a *applier) step(ctx context.Context, step *Step) error {
	if err := a.stepOnce(ctx, step); err != nil {
		if _, located := errors.AsType[*StepError](err); located {
			return err
		}
		return a.failed(step.File, err) // at its begin, its record or its commit
	}
	a.count(ctx, step)
	return nil
}

func (a *applier) stepOnce(ctx context.Context, step *Step) error {
	if !step.Transaction {
		return a.statementByStatement(ctx, step)
	}
	return a.transact(ctx, step.keysUnchecked(), func(tx engine.Tx, record *record) error {
		if err := record.open(ctx, tx); err != nil {
			return err
		}
		return a.runStep(ctx, tx, record, step)
	})
}

func (a *applier) count(ctx context.Context, step *Step) {
	a.done++
	a.options.Log.InfoContext(ctx, "applied", "database", a.plan.Database, "step", step.Name())
	if a.options.OnStep != nil {
		a.options.OnStep(step, a.done, len(a.plan.Steps))
	}
}

// runStep applies a step inside a transaction and records it there.
func (a *applier) runStep(ctx context.Context, tx engine.Tx, record *record, step *Step) error {
	if read := step.script(); read != nil {
		if err := a.runStatements(ctx, tx, read, read.statements); err != nil {
			return err
		}
	} else if err := a.runCode(ctx, tx, step.delta.code); err != nil {
		return a.failed(step.File, err)
	}
	if step.delta == nil {
		return nil
	}
	return record.applied(ctx, tx, step.delta)
}

func (a *applier) runCode(ctx context.Context, tx engine.Tx, code *GoDelta) error {
	if code.Create != nil {
		if err := code.Create(ctx, tx); err != nil {
			return fmt.Errorf("create: %w", err)
		}
	}
	if code.Upgrade == nil || a.plan.Create {
		return nil
	}
	if err := code.Upgrade(ctx, tx, a.options.Config); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	return nil
}

func (a *applier) runStatements(ctx context.Context, on engine.Querier, read *script, statements []sqltext.Statement) error {
	for _, statement := range statements {
		if _, err := on.Exec(ctx, statement.Text); err != nil {
			return a.failed(place(read.path, statement.Line), err)
		}
	}
	return nil
}

func (a *applier) failed(place string, err error) error {
	return &StepError{Database: a.plan.Database, Place: place, Applied: a.done, Err: err}
}

// transact runs work with a copy of the record, which becomes the record when the transaction is committed: work may
// run more than once.
func (a *applier) transact(ctx context.Context, keysUnchecked bool, work func(engine.Tx, *record) error) error {
	var after record
	err := a.session.Transact(ctx, engine.TxOptions{KeysUnchecked: keysUnchecked}, func(tx engine.Tx) error {
		after = *a.record
		return work(tx, &after)
	})
	if err == nil {
		*a.record = after
	}
	return err
}

// finish records the version of the code where no delta has, and that nothing is unfinished.
func (a *applier) finish(ctx context.Context) error {
	return a.transact(ctx, false, func(tx engine.Tx, record *record) error {
		return record.finish(ctx, tx, a.plan)
	})
}
