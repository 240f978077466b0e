package background

import (
	"context"
	"errors"
	"slices"
)

// Finish is for schema.Options.OnPending: a start that needs background updates to be done runs the updates of the database
// itself, without pauses, and then goes on. The error is a *LeftError when one of those that are needed cannot be run; what
// else is left does not matter. The session of the start is known.
func Finish(config Config) func(ctx context.Context, required []string) error {
	config.SessionsKnown, config.Pacing.NoSleep = true, true
	return func(ctx context.Context, required []string) error {
		updater, err := New(config)
		if err != nil {
			return err
		}
		err = updater.Run(ctx)
		left, isLeft := errors.AsType[*LeftError](err)
		if !isLeft {
			return err
		}
		isNeeded := func(one Left) bool { return slices.Contains(required, one.Name) }
		if needed := slices.DeleteFunc(slices.Clone(left.Left), func(one Left) bool { return !isNeeded(one) }); len(needed) > 0 {
			return &LeftError{Database: left.Database, Left: needed}
		}
		return nil
	}
}
