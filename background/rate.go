package background

import (
	"math"
	"time"
)

// memory is how long a batch counts in what a Rate says of the speed: after this time it weighs a third.
const memory = time.Minute

// Rate is how far an update is and how fast it goes. It is kept in the database while the update is pending, and changes
// with each batch, in the batch's transaction.
type Rate struct {
	// Items is how many were worked on, in how many batches.
	Items   int64
	Batches int64
	// Duration is how long the batches took together, without the pauses between them.
	Duration time.Duration
	// Total is about how many items there are in all; nil when that is not known.
	Total *int64
	// Started is when the first batch began, Last when the last one ended.
	Started, Last time.Time
	// RecentItems and RecentTime are the work of the last minute or so, and the time from the end of a batch to the end of
	// the next that it took. Older work counts less and less, and the time in which nobody ran the update does not count.
	RecentItems float64
	RecentTime  time.Duration
}

// PerSecond is how many items are done in a second of late, the pauses between batches included; 0 when that is not known.
func (r Rate) PerSecond() float64 {
	if r.RecentTime <= 0 {
		return 0
	}
	return r.RecentItems / r.RecentTime.Seconds()
}

// TimeLeft is about how long the update still takes if it goes on as of late; nil when that is not known, and also when more
// is done than there was thought to be.
func (r Rate) TimeLeft() *time.Duration {
	speed := r.PerSecond()
	if r.Total == nil || *r.Total <= r.Items || speed <= 0 {
		return nil
	}
	nanoseconds := float64(*r.Total-r.Items) / speed * float64(time.Second)
	if nanoseconds >= math.MaxInt64 {
		return nil
	}
	left := time.Duration(nanoseconds)
	return &left
}

// add takes a batch in that ended now; passed is the time since the batch before it ended.
func (r Rate) add(items int, duration, passed time.Duration, now time.Time) Rate {
	weight := math.Exp(-passed.Seconds() / memory.Seconds())
	r.RecentItems = r.RecentItems*weight + float64(items)
	r.RecentTime = time.Duration(float64(r.RecentTime)*weight) + passed
	r.Items += int64(items)
	r.Batches++
	r.Duration += duration
	r.Last = now
	return r
}
