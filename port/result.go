package port

import "errors"

// resultOf says how it ended for one target. began says that any target was written to.
func resultOf(run *run, err error, began bool) Result {
	var refused *RefusedError
	var values *BadValuesError
	switch {
	case err == nil && run.options.Check:
		return ResultClean
	case err == nil, run.finished:
		return ResultOK
	case errors.As(err, &refused):
		return ResultRefused
	case errors.As(err, &values):
		return ResultBadValues
	case !began:
		return ResultRefused
	default:
		return ResultFailed
	}
}

func (r *Report) problems(err error) {
	if err != nil {
		r.Error = err.Error()
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		r.Problems = refused.Problems
	}
}
