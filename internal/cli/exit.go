package cli

import (
	"context"
	"errors"
	"syscall"

	"github.com/synapsedb/synapse/config"
)

// The exit codes. Those of 1 to 5 are upstream's script's, for the same reasons.
const (
	exitOK          = 0 // done, and proved
	exitFailed      = 1 // the source is not a file, the configuration cannot be read, or another failure outside the job
	exitUsage       = 2 // wrong flags, or a database section without name
	exitEngine      = 3 // the database section is not of PostgreSQL
	exitNoDatabase  = 4 // there is no database section
	exitRefused     = 5 // refused, or stopped on the way; the message says whether anything was written
	exitInterrupted = 128
)

// jobError is about the job itself, not about how it was asked for.
type jobError struct{ err error }

func (e *jobError) Error() string { return e.err.Error() }
func (e *jobError) Unwrap() error { return e.err }

// stoppedError is the error of a job that was stopped by a key instead of the signal that it stands for.
type stoppedError struct {
	err error
	by  *signalError
}

func (e *stoppedError) Error() string   { return e.err.Error() }
func (e *stoppedError) Unwrap() []error { return []error{e.err, e.by} }

// stoppedBy tells apart the error of a job whose context ended because of a signal.
func stoppedBy(ctx context.Context, err error) error {
	if stopped, ok := errors.AsType[*signalError](context.Cause(ctx)); ok {
		return &stoppedError{err, stopped}
	}
	return err
}

func exitCode(ctx context.Context, err error) int {
	var usage *usageError
	var missing *config.MissingNameError
	var engine *config.EngineError
	var job *jobError
	var stopped *signalError
	switch {
	case err == nil:
		return exitOK
	case errors.As(context.Cause(ctx), &stopped), errors.As(err, &stopped):
		if number, ok := stopped.signal.(syscall.Signal); ok {
			return exitInterrupted + int(number)
		}
		return exitRefused
	case errors.As(err, &usage), errors.As(err, &missing):
		return exitUsage
	case errors.As(err, &engine):
		return exitEngine
	case errors.Is(err, config.ErrNoDatabase):
		return exitNoDatabase
	case errors.As(err, &job):
		return exitRefused
	}
	return exitFailed
}
