package queue

import (
	"context"
	"fmt"
	"time"
)

// grace is how long Close waits for a Write whose context has ended.
const grace = time.Second

// Close takes no more values, writes what is not written, at once and again after failures, and ends the queue's goroutine. When ctx ends first, the write that
// is at work is cancelled, nothing more is tried, and the error is an *UnwrittenError; so it is when Fatal was true of an error. What was written
// in spite of an error is among its keys too. A Write that does not return within a second of the end of its context is left behind, with the goroutine.
// Values that were set aside are no error. Closing again gives the same, and may give up sooner.
func (q *Queue[T]) Close(ctx context.Context) error {
	q.mutex.Lock()
	q.closed = true
	q.failure.hurry = true
	q.mutex.Unlock()
	q.wakeWriter()
	select {
	case <-q.gone:
	case <-ctx.Done():
		q.giveUp(context.Cause(ctx))
		q.wait(grace)
	}
	return q.unwritten(ctx)
}

// wait waits for the end of the writer.
func (q *Queue[T]) wait(longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-q.gone:
	case <-timer.C:
	}
}

// unwritten is the error for what is not durable at the end.
func (q *Queue[T]) unwritten(ctx context.Context) error {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.entries) == 0 {
		return nil
	}
	lost := &UnwrittenError{Keys: make([]string, 0, len(q.entries)), Writing: !q.ended}
	for _, e := range q.group[q.decided:] {
		lost.Keys = append(lost.Keys, e.key)
	}
	for e := q.dirty.first; e != nil; e = e.next {
		if !e.writing.puts.some() {
			lost.Keys = append(lost.Keys, e.key)
		}
	}
	lost.Err = q.why(context.Cause(ctx))
	return lost
}

// why tells why values are left; stopped is why Close does not wait any longer.
func (q *Queue[T]) why(stopped error) error {
	if q.fatal != nil {
		return q.fatal
	}
	if q.gaveUp != nil {
		stopped = q.gaveUp
	}
	if trouble := q.failure.trouble(); trouble != nil {
		return fmt.Errorf("%w; the last write: %w", stopped, trouble)
	}
	return stopped
}
