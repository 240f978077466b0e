package queue

import (
	"context"
	"runtime"
	"time"
)

// idle is how long the writer waits when there is nothing that time would change.
const idle time.Duration = -1

// run is the writer: it writes one group after the other, each when it is due, until there is nothing more to come or ctx ends.
func (q *Queue[T]) run(ctx context.Context) {
	defer close(q.gone)
	defer q.end(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil && !q.complete() {
		if pause := q.pause(); pause != 0 {
			q.rest(ctx, timer, pause)
			continue
		}
		q.gather()
		q.writeGroup(ctx)
	}
}

// rest waits until a pause is over, or something has happened that may have changed it.
func (q *Queue[T]) rest(ctx context.Context, timer *time.Timer, pause time.Duration) {
	var over <-chan time.Time
	if pause != idle {
		timer.Reset(pause)
		over = timer.C
	}
	select {
	case <-q.wake:
	case <-over:
	case <-ctx.Done():
	}
}

// complete tells whether nothing is left to do for ever.
func (q *Queue[T]) complete() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.closed && (q.fatal != nil || len(q.entries) == 0)
}

// pause is how long it is until a group is due, or idle.
func (q *Queue[T]) pause() time.Duration {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.dirty.first == nil || q.fatal != nil {
		return idle
	}
	switch {
	case q.failure.attempts > 0: // what was due once is so still
		return max(time.Until(q.nextAttempt()), 0)
	case q.pressing():
		return 0
	default:
		return max(time.Until(q.dirty.first.dirty.since.Add(q.config.Delay)), 0)
	}
}

// pressing tells whether the first value is not to wait for Delay.
func (q *Queue[T]) pressing() bool {
	return q.closed || q.dirty.length >= q.config.MaxItems || q.dirty.first.dirty.puts.first <= q.urgent
}

// gather lets those whom the last group kept waiting put what they have next. They all wake at once, and the first of them would else have a group for
// itself, for which the others would wait: of 64 that do the same over and over, 1 and 63 in turn. To yield the processor a few times takes
// a small part of what a commit takes, and costs the same when they do not come back.
func (q *Queue[T]) gather() {
	const most = 64
	for range most {
		if q.gathered() {
			return
		}
		runtime.Gosched()
	}
}

// gathered tells whether as many ask as were told of the last group.
func (q *Queue[T]) gathered() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.asked >= q.told
}

// end lets go of all who wait.
func (q *Queue[T]) end(ctx context.Context) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.ended, q.gaveUp = true, context.Cause(ctx)
	q.halt()
}

// halt tells that nothing will be written any more. It may be called again.
func (q *Queue[T]) halt() {
	select {
	case <-q.halted:
	default:
		close(q.halted)
	}
}
