package port

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// prepareTarget makes a target ready that is empty, when nothing else hinders the port so far: it creates the tables, and
// finishes the background updates, which have nothing to move. It returns the problems of the target that are left.
func (r *run) prepareTarget(ctx context.Context, problems []Problem) ([]Problem, error) {
	for _, step := range []struct {
		problem string
		mend    func(context.Context, engine.Session, []Problem) (left []Problem, err error)
	}{
		{"target_not_prepared", r.createTables},
		{"target_pending_updates", r.finishUpdates},
	} {
		if r.source == nil || len(problems) != 1 || problems[0].ID != step.problem {
			continue
		}
		if r.target != nil { // its lock and its session would be in the way
			r.target.close()
			r.target = nil
		}
		session, err := r.options.Target.OpenSession(ctx, r.options.Log)
		if err != nil {
			return nil, fmt.Errorf("prepare the target: %w", err)
		}
		left, err := step.mend(ctx, session, problems)
		if err = errors.Join(err, session.Close()); err != nil || left != nil {
			return left, err
		}
		r.target, problems = openTarget(ctx, r.options.Target)
	}
	return problems, nil
}

// finishUpdates is for a target of upstream's that no server has run on.
func (r *run) finishUpdates(ctx context.Context, session engine.Session, problems []Problem) ([]Problem, error) {
	if r.options.Check || r.source.set != homeserver.Upstream {
		return problems, nil
	}
	_, err := upstream.FinishEmpty(ctx, session)
	if _, left := errors.AsType[*background.LeftError](err); left {
		return problems, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finish the background updates of the empty target: %w", err)
	}
	return nil, nil
}

// setOfSource is the schema that the target needs; nil when upstream's files are not known.
func (r *run) setOfSource() (*schema.Set, error) {
	if r.source.set == homeserver.Ours {
		return homeserver.Set()
	}
	return r.options.Upstream, nil
}

// createTables returns the problems that are left, or none when the tables are there now.
func (r *run) createTables(ctx context.Context, session engine.Session, problems []Problem) ([]Problem, error) {
	set, err := r.setOfSource()
	if set == nil || err != nil {
		return problems, err
	}
	options := schema.Options{Log: r.options.Log, Config: homeserver.Config{
		ServerName: r.options.ServerName, AllowUnsafeLocale: r.options.Target.AllowUnsafeLocale,
	}}
	plan, err := schema.MakePlan(ctx, session, set, options)
	if _, occupied := errors.AsType[*schema.OwnerError](err); occupied {
		return problems, nil
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the target: %w", err)
	}
	switch {
	case !plan.Create:
		return problems, nil
	case int64(set.Version()) != r.source.version:
		return []Problem{versionProblem(r.source.version, int64(set.Version()))}, nil
	case r.options.Check:
		return []Problem{{
			ID:   "target_not_prepared",
			What: fmt.Sprintf("the target is empty; the port itself creates the tables of schema %d there, but a check writes nothing", set.Version()),
			Hint: "run `synapse upgrade` on the target, then check again; or port",
		}}, nil
	}
	if _, err = schema.Prepare(ctx, session, set, options); err != nil {
		return nil, fmt.Errorf("prepare the target: %w", err)
	}
	r.report.Target.Prepared = true
	return nil, nil
}
