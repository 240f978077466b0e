package backup

import (
	"context"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/media"
)

// copyWork is a file of the media store that is taken.
type copyWork struct {
	medium Medium
	row    *media.Row
	from   *os.File // nil when it need not be read
	isNew  bool
	read   chan struct{} // closed when it was
}

// turns have several files read at once, and what was read taken down in the order in which the files were found.
type turns struct {
	group   *errgroup.Group
	stop    context.CancelCauseFunc
	outer   context.Context //nolint:containedctx // a single reader's work may go on behind the last turn
	readers chan struct{}
	found   chan *copyWork
	read    func(context.Context, *copyWork) error
}

// mostFound is how many files wait for their turn at most. Each that is to be read is open.
const mostFound = 32

// newTurns begins. The context that it gives ends with the first error.
func newTurns(outer context.Context, readers int, read func(context.Context, *copyWork) error, done func(*copyWork) error) (context.Context, *turns) {
	stopped, stop := context.WithCancelCause(outer)
	group, ctx := errgroup.WithContext(stopped)
	t := &turns{group: group, stop: stop, outer: outer, readers: make(chan struct{}, readers), found: make(chan *copyWork, mostFound), read: read}
	group.Go(func() error { return t.takeDown(ctx, done) })
	return ctx, t
}

// hand gives it a file that was found. A single reader is the caller itself, who does nothing else meanwhile.
func (t *turns) hand(ctx context.Context, work *copyWork) (err error) {
	work.read = make(chan struct{})
	switch {
	case work.from == nil:
		close(work.read)
	case cap(t.readers) == 1:
		err = t.read(t.outer, work)
		close(work.read)
	default:
		t.readers <- struct{}{}
		t.group.Go(func() error {
			defer func() { <-t.readers; close(work.read) }()
			return t.read(ctx, work)
		})
	}
	if err == nil {
		t.found <- work
	}
	return err
}

// takeDown goes on when something has failed, so that nobody waits for it.
func (t *turns) takeDown(ctx context.Context, done func(*copyWork) error) (err error) {
	for work := range t.found {
		<-work.read
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			continue
		}
		if err = done(work); err != nil {
			t.stop(err)
		}
	}
	return err
}

// end waits for all that was handed over. found is how the finding has ended.
func (t *turns) end(found error) error {
	close(t.found)
	defer t.stop(nil)
	if err := t.group.Wait(); err != nil {
		return err
	}
	return found
}
