package queue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// shown is how many values that were set aside a Status lists.
const shown = 100

// counts are what a queue has done.
type counts struct {
	written, groups uint64
	lastWrite       time.Time
}

// Status is how a queue is. All is well while Attempts is 0, Rejected is empty, Fatal is nil, and Oldest is not much more than Delay ago.
type Status struct {
	// Pending is how many keys have a last value that is not durable, those that are being written included. It cannot be more than there are keys.
	Pending int
	// Oldest is when the first value was put that is not durable: after a crash now, what was put since then is lost. Zero when nothing is pending. If it gets
	// older while Attempts is 0, a single write takes long.
	Oldest time.Time
	// Attempts is how many writes have failed in a row; 0 while the database works, and FailingSince and NextAttempt are zero then.
	Attempts     int
	FailingSince time.Time
	// NextAttempt is when the next write begins, unless somebody asks for it sooner. In the past while it is at work.
	NextAttempt time.Time
	// LastError is why a write failed last, and LastFailure when, also when others have succeeded since; nil and zero when none has failed.
	LastError   error
	LastFailure time.Time
	// LastWrite is when a group became durable last; zero before the first.
	LastWrite time.Time
	// Put is how many values were put, Written how many became durable (fewer, since only the last of each key is written), and Groups by how many writes.
	Put, Written, Groups uint64
	// Waiting is how many callers wait for something to become durable.
	Waiting int
	// Rejected are values that the database refuses for what they are. They are not stored, and are not tried again: the key's next value is.
	// The newest 100, newest first, of RejectedKeys in all.
	Rejected     []Rejection
	RejectedKeys int
	// Fatal is why nothing will be written any more by this process; nil while it may.
	Fatal error
	// Closed tells that no more values are taken.
	Closed bool
}

// Rejection is a value that was set aside.
type Rejection struct {
	Key  string
	Time time.Time
	Err  error
}

// Status tells how the queue is. It waits for nothing.
func (q *Queue[T]) Status() Status {
	status, rejected := q.look()
	slices.SortFunc(rejected, func(a, b Rejection) int { return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Key, b.Key)) })
	status.Rejected = rejected[:min(shown, len(rejected))]
	return status
}

// look copies what there is to know, as of one moment.
func (q *Queue[T]) look() (Status, []Rejection) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	status := Status{
		Pending: len(q.entries), Oldest: q.oldestTime(), Attempts: q.failure.attempts, LastError: q.failure.err, LastFailure: q.failure.last, LastWrite: q.counts.lastWrite,
		Put: q.sequence, Written: q.counts.written, Groups: q.counts.groups, Waiting: q.waiting,
		RejectedKeys: len(q.rejected), Fatal: q.fatal, Closed: q.closed,
	}
	if status.Attempts > 0 {
		status.FailingSince = q.failure.since
		if q.fatal == nil && !q.ended {
			status.NextAttempt = q.nextAttempt()
		}
	}
	var rejected []Rejection
	for key, r := range q.rejected {
		rejected = append(rejected, Rejection{Key: key, Time: r.at, Err: r.err})
	}
	return status, rejected
}

// oldestTime is when the first value was put that is not decided.
func (q *Queue[T]) oldestTime() time.Time {
	switch {
	case q.decided < len(q.group):
		return q.group[q.decided].writing.since
	case q.dirty.first != nil:
		return q.dirty.first.dirty.since
	default:
		return time.Time{}
	}
}

// String says in a line how the queue is, for a log or a terminal.
func (s Status) String() string {
	parts := []string{s.progress()}
	if s.RejectedKeys > 0 {
		first := s.Rejected[0]
		parts = append(parts, fmt.Sprintf("the database refuses the last %s, of %q since %s: %v", values(s.RejectedKeys), first.Key, stamp(first.Time), first.Err))
	}
	return strings.Join(parts, "; ")
}

// progress is the part of the line about what is to be written.
func (s Status) progress() string {
	switch {
	case s.Fatal != nil:
		return fmt.Sprintf("nothing is written any more, and the last %s in memory alone: %v", valuesAre(s.Pending), s.Fatal)
	case s.Attempts > 0:
		next := "no more are tried"
		if !s.NextAttempt.IsZero() {
			next = "the next one is at " + stamp(s.NextAttempt)
		}
		return fmt.Sprintf("the last %s not written, the first since %s; %d writes in a row have failed since %s, %s: %v",
			valuesAre(s.Pending), stamp(s.Oldest), s.Attempts, stamp(s.FailingSince), next, s.LastError)
	case s.Pending > 0:
		return fmt.Sprintf("the last %s to be written, the first since %s", valuesAre(s.Pending), stamp(s.Oldest))
	default:
		return "everything is written"
	}
}

// values counts them in words.
func values(keys int) string {
	if keys == 1 {
		return "value of 1 key"
	}
	return fmt.Sprintf("values of %d keys", keys)
}

func valuesAre(keys int) string {
	if keys == 1 {
		return values(keys) + " is"
	}
	return values(keys) + " are"
}

func stamp(moment time.Time) string { return moment.UTC().Format("2006-01-02 15:04:05.000Z") }
