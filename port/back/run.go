package back

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// run is one move.
type run struct {
	options Options
	report  *Report
	sources []*source
	plan    *plan
}

// Run makes the file. The report is there also when it fails, unless the options are wrong. Errors a caller can test for:
// *RefusedError before anything was written, *UnmadeError after, which has *ValueError, *MismatchError, *DamagedError or *KeysError in
// its chain where one of these is the cause.
func Run(ctx context.Context, options Options) (*Report, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &run{options: options, report: newReport(options)}
	err = r.work(ctx)
	r.report.complete(options, err)
	return r.report, err
}

func (r *run) work(ctx context.Context) error {
	defer r.close()
	r.options.Progress.enter(PhasePreflight, 0)
	problems, err := r.preflight(ctx)
	if err != nil {
		return fmt.Errorf("check both sides: %w", err)
	}
	if len(problems) > 0 {
		return &RefusedError{problems}
	}
	if r.options.Check {
		return nil
	}
	return r.make(ctx)
}

func (r *run) close() {
	for _, source := range r.sources {
		source.close()
	}
}

// preflight lists everything that hinders.
func (r *run) preflight(ctx context.Context) (engine.Problems, error) {
	problems, err := destinationProblems(r.options.Destination)
	if err != nil {
		return nil, err
	}
	readable := true
	for i, given := range r.options.Sources {
		opened, more, err := openSource(ctx, given, &r.options)
		if err != nil {
			return nil, err
		}
		problems = append(problems, more...)
		if opened == nil {
			readable = false
			continue
		}
		r.sources = append(r.sources, opened)
		r.report.Sources[i].ServerVersion, r.report.Sources[i].Schema = opened.server.Version, opened.schema.Name
		r.report.Warnings = append(r.report.Warnings, opened.warnings...)
	}
	if !readable { // what is half known is not compared
		return problems, nil
	}
	made, more, err := makePlan(ctx, r.sources, &r.options)
	if err != nil {
		return nil, err
	}
	r.plan, r.report.Left = made, made.left
	return append(problems, more...), nil
}

// make writes the file under another name, and removes it unless all went well.
func (r *run) make(ctx context.Context) (err error) {
	shop, err := openWorkshop(ctx, r.options.Destination)
	if busy, is := errors.AsType[*busyError](err); is {
		return &RefusedError{engine.Problems{busy.problem}}
	}
	if err != nil {
		return fmt.Errorf("make a folder beside %s: %w", r.options.Destination, err)
	}
	defer func() {
		if removeErr := shop.remove(); removeErr != nil {
			r.report.warn("what was written on the way could not be removed: " + removeErr.Error())
		}
	}()
	for _, step := range []func(context.Context, *workshop) error{r.prepare, r.fill, r.verify, r.publish} {
		if err := step(ctx, shop); err != nil {
			return r.unmade(ctx, err)
		}
	}
	return nil
}

func (r *run) unmade(ctx context.Context, err error) error {
	unmade := &UnmadeError{Destination: r.options.Destination, Err: err}
	switch {
	case ctx.Err() != nil:
		unmade.Err = context.Cause(ctx)
	case isFull(err):
		unmade.Hint = "make room, or name a file on another disk: it becomes about as large as the source (SELECT pg_database_size(current_database()))"
	}
	return unmade
}
