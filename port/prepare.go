package port

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// prepare makes targets ready that are empty, when nothing else hinders the port so far: it finishes background updates, which
// have nothing to move, and creates tables. The problems that are left stay with the runs. What cannot be done is found out
// before the first table is created.
func (m *move) prepare(ctx context.Context) error {
	if !m.mendable("target_pending_updates", "target_not_prepared") {
		return nil
	}
	steps := []struct {
		mends string // the problem
		do    func(*run, context.Context, engine.Session) error
		left  []string // what may be left for the steps after it
	}{
		{"target_pending_updates", (*run).finishUpdates, []string{"target_not_prepared"}},
		{"target_not_prepared", (*run).planTables, []string{"target_not_prepared"}},
		{"target_not_prepared", (*run).createTables, []string{"target_pending_updates"}},
		{"target_pending_updates", (*run).finishUpdates, nil},
	}
	for _, step := range steps {
		for _, r := range m.runs {
			if len(r.problems) == 0 || r.problems[0].ID != step.mends {
				continue
			}
			if err := r.makeReady(ctx, step.do); err != nil {
				return r.named(fmt.Errorf("prepare the target: %w", err))
			}
		}
		if !m.mendable(step.left...) || m.uncreatable() {
			return nil
		}
	}
	return nil
}

// mendable reports whether no target has another problem than one of these alone.
func (m *move) mendable(problems ...string) bool {
	return !slices.ContainsFunc(m.runs, func(r *run) bool {
		return len(r.problems) > 1 || len(r.problems) == 1 && !slices.Contains(problems, r.problems[0].ID)
	})
}

// uncreatable reports whether it is known of a target that its tables cannot be created.
func (m *move) uncreatable() bool {
	return slices.ContainsFunc(m.runs, func(r *run) bool { return r.looked && !r.creatable })
}

// makeReady works on a target in a session of its own, and examines it again when the problem should be gone.
func (r *run) makeReady(ctx context.Context, do func(*run, context.Context, engine.Session) error) error {
	if r.target != nil { // its lock and its session would be in the way
		r.target.close()
		r.target = nil
	}
	session, err := r.options.Target.OpenSession(ctx, r.options.Log)
	if err != nil {
		return err
	}
	err = do(r, ctx, session)
	if err = errors.Join(err, session.Close()); err != nil || len(r.problems) > 0 {
		return err
	}
	r.target, r.problems = openTarget(ctx, r.options.Target, r.part)
	return nil
}

// finishUpdates is for a target of upstream's that no server has run on.
func (r *run) finishUpdates(ctx context.Context, session engine.Session) error {
	if r.options.Check || r.source.set != homeserver.Upstream {
		return nil
	}
	_, err := upstream.FinishEmpty(ctx, session)
	if _, left := errors.AsType[*background.LeftError](err); left {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finish the background updates of the empty database: %w", err)
	}
	r.problems = nil
	return nil
}

// setOfSource is the schema that the target needs; nil when upstream's files are not known.
func (r *run) setOfSource() (*schema.Set, error) {
	if r.source.set == homeserver.Ours {
		return homeserver.Set()
	}
	return r.options.Upstream, nil
}

// planTables finds out whether the tables can be created, and what hinders if not.
func (r *run) planTables(ctx context.Context, session engine.Session) error {
	r.looked = true
	set, err := r.setOfSource()
	if set == nil || err != nil {
		return err
	}
	plan, err := schema.MakePlan(ctx, session, set, r.schemaOptions())
	if _, occupied := errors.AsType[*schema.OwnerError](err); occupied {
		return nil
	}
	switch {
	case err != nil:
		return err
	case !plan.Create:
	case int64(set.Version()) != r.source.version:
		r.problems = []Problem{versionProblem(r.source.version, int64(set.Version()))}
	case r.options.Check:
		r.problems = []Problem{{
			ID:   "target_not_prepared",
			What: fmt.Sprintf("the target is empty; the port itself creates the tables of schema %d there, but a check writes nothing", set.Version()),
			Hint: "run `synapse upgrade` on the target, then check again; or port",
		}}
	default:
		r.creatable = true
	}
	return nil
}

// createTables is for a target of which planTables has found out that they can be created.
func (r *run) createTables(ctx context.Context, session engine.Session) error {
	set, err := r.setOfSource()
	if err != nil {
		return err
	}
	if _, err := schema.Prepare(ctx, session, set, r.schemaOptions()); err != nil {
		return err
	}
	r.report.Target.Prepared, r.problems = true, nil
	return nil
}

func (r *run) schemaOptions() schema.Options {
	options := schema.Options{Log: r.options.Log, Config: homeserver.Config{
		ServerName: r.options.ServerName, AllowUnsafeLocale: r.options.Target.AllowUnsafeLocale,
	}}
	if r.part != partAll {
		options.Databases = []string{string(r.part)}
	}
	return options
}
