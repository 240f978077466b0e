package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/port"
)

// endPort ends a move: it is over, or it is given up.
func (e *environment) endPort(ctx context.Context, flags *portFlags) error {
	if flags.finish && flags.abandon {
		return &usageError{errors.New("--finish and --abandon exclude each other")}
	}
	end, done, nothing := port.Finish, "the move is over: what ports had kept in the target is removed",
		"there is nothing to remove: no port has been made into this database, or the move was finished before"
	if flags.abandon {
		end, done, nothing = port.Abandon, "the target is as it was prepared before the first port",
			"there is nothing to abandon: no port has been made into this database"
	}
	main, state, err := e.portDatabases(flags.configs)
	if err != nil {
		return err
	}
	return e.endWith(ctx, end, port.Options{Target: main, State: state, Log: e.logger()}, done, nothing)
}

func (e *environment) endWith(
	ctx context.Context, end func(context.Context, port.Options) (bool, error), options port.Options, done, nothing string,
) error {
	found, err := end(ctx, options)
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	if !found {
		done = nothing
	}
	_, err = fmt.Fprintln(e.stdout, done)
	return err
}
