package relocale

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// undoPatience is how long putting everything back may take after ctx has ended.
const undoPatience = time.Minute

// undo puts everything back after a failure, by a connection that may be a new one: the old database accepts connections again, and
// what was made is removed.
func (r *run) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoPatience)
	defer cancel()
	for _, reader := range r.readers {
		closeNow(reader)
	}
	r.readers = nil
	err := r.controlAgain(ctx)
	if err == nil {
		err = r.undoMade(ctx)
	}
	if err != nil {
		return &UndoError{Database: r.source.name, Err: err}
	}
	return nil
}

// controlAgain makes the control connection again if it was lost.
func (r *run) controlAgain(ctx context.Context) (err error) {
	if r.control.Ping(ctx) == nil {
		return nil
	}
	closeNow(r.control)
	if r.control, err = connectBeside(ctx, r.options.As); err != nil {
		return err
	}
	return r.lock(ctx)
}

func (r *run) undoMade(ctx context.Context) error {
	found, err := readDatabase(ctx, r.control, r.source.name)
	if err != nil {
		return err
	}
	if found == nil || found.oid != r.source.oid {
		return fmt.Errorf("the database %s is not there any more", r.source.name)
	}
	r.source = found
	all, err := findMade(ctx, r.control, r.source)
	if err != nil {
		return err
	}
	if done := finished(all); r.made != nil && done != nil && done.oid == r.made.oid {
		return errors.New("the new database has got its name, but the answer of the server was lost; it is complete")
	}
	if len(unfinished(all)) == 0 {
		return nil
	}
	return r.putBack(ctx, unfinished(all))
}

// Undo puts back what Run has left: the old database accepts connections again, whether it was moved or the move was killed, and
// databases that are not finished are dropped. A finished one stays.
func Undo(ctx context.Context, options Options) (*Report, error) {
	begun := time.Now()
	r := newRun(options)
	err := r.undoAll(ctx)
	r.close()
	r.report.end(err, false, time.Since(begun))
	return r.report, err
}

func (r *run) undoAll(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.report.InPlace = nil
	all, err := findMade(ctx, r.control, r.source)
	if err != nil {
		return err
	}
	if !r.source.open && len(all) == 0 {
		return r.mustBeOpen(nil)
	}
	if done := finished(all); done != nil {
		r.report.Target = done.name
	}
	r.report.Result = Nothing
	if !r.source.open || len(unfinished(all)) > 0 {
		r.report.Result = Undone
	}
	return r.putBack(ctx, unfinished(all))
}
