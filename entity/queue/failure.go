package queue

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// failure is how writes fail.
type failure struct {
	attempts int       // in a row
	since    time.Time // of the first of them
	last     time.Time // when the last one ended; kept after a success
	pause    time.Duration
	hurry    bool  // somebody has begun to wait since it began
	err      error // of the last one; kept after a success
}

// rejection is a value that was set aside, and the puts that it was made of.
type rejection struct {
	puts span
	at   time.Time
	err  error
}

// fail notes a failed write, and whether others may follow.
func (q *Queue[T]) fail(err error) {
	fatal := q.config.Fatal(err)
	q.mutex.Lock()
	q.failure.fail(err, q.config.FirstBackOff, q.config.LongestBackOff)
	if fatal {
		q.fatal = err
		q.halt()
	}
	failed, pending := q.failure, len(q.entries)
	q.mutex.Unlock()
	switch {
	case fatal:
		q.config.Log.Error("nothing will be written any more; the last values stay in memory", "keys", pending, "error", err)
	case bits.OnesCount(uint(failed.attempts)) == 1:
		q.config.Log.Warn("the last values are not written, and will be tried again", "keys", pending, "attempts", failed.attempts,
			"failing_for", failed.last.Sub(failed.since), "pause", failed.pause, "error", err)
	}
}

func (f *failure) fail(err error, first, longest time.Duration) {
	f.last, f.err = time.Now(), err
	if f.attempts == 0 {
		f.since = f.last
	}
	f.attempts++
	f.pause = backOff(f.attempts, first, longest)
}

// backOff is the pause after so many failed attempts: it doubles, and is part chance, so that programs which lost the same database do not all
// come back at the same moment.
func backOff(attempts int, first, longest time.Duration) time.Duration {
	limit := first
	for range attempts {
		if limit >= longest/2 {
			limit = longest
			break
		}
		limit *= 2
	}
	return max(first, limit/2+rand.N(limit/2+1))
}

// nextAttempt is when the next write may begin after a failed one. While somebody waits, pauses stay at a twentieth of the longest, so that who waits for
// two seconds sees a database that is back; and for the first to wait, the next attempt is not later than it would be after a first failure.
func (q *Queue[T]) nextAttempt() time.Time {
	pause := q.failure.pause
	if q.waiting > 0 || q.closed {
		pause = min(pause, max(q.config.FirstBackOff, q.config.LongestBackOff/20))
	}
	if q.failure.hurry {
		pause = min(pause, q.config.FirstBackOff)
	}
	return q.failure.last.Add(pause)
}

// trouble is why nothing was written lately; nil while the database works.
func (f *failure) trouble() error {
	if f.attempts == 0 {
		return nil
	}
	return f.err
}

// recovered notes that the database works, and has taken so many groups. It comes before anybody is told, so that they see it in the status.
func (q *Queue[T]) recovered(groups uint64) {
	q.mutex.Lock()
	failed, pending := q.failure, len(q.entries)
	q.failure.attempts = 0
	if groups > 0 {
		q.counts.groups += groups
		q.counts.lastWrite = time.Now()
	}
	q.mutex.Unlock()
	if failed.attempts > 0 {
		q.config.Log.Info("the database takes values again", "keys", pending, "attempts", failed.attempts, "failed_for", time.Since(failed.since))
	}
}
