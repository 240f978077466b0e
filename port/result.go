package port

import "errors"

func resultOf(run *run, err error) Result {
	var refused *RefusedError
	var values *BadValuesError
	switch {
	case err == nil && run.options.Check:
		return ResultClean
	case err == nil:
		return ResultOK
	case errors.As(err, &refused):
		return ResultRefused
	case errors.As(err, &values):
		return ResultBadValues
	case !run.began:
		return ResultRefused
	default:
		return ResultFailed
	}
}

func (r *Report) problems(err error) {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		r.Problems = refused.Problems
	}
}
