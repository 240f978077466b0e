package background

import (
	"fmt"
	"math"
	"time"
)

// The values of Pacing's zero fields. All but the growth, the greatest size and the parts are the Python homeserver's.
const (
	DefaultTarget       = 100 * time.Millisecond
	DefaultSleep        = time.Second
	DefaultMinBatchSize = 1
	DefaultBatchSize    = 100
	DefaultMaxBatchSize = 1_000_000
	DefaultGrowth       = 2
	DefaultParts        = 10
)

// leastShare is how many times longer than the shortest of all batches, which is at least what a batch costs however few its
// items, a part of one has to take.
const leastShare = 3

// smoothing is how much of a new batch goes into the averages, as in the Python homeserver.
const smoothing = 0.1

// Pacing keeps updates out of a server's way.
type Pacing struct {
	// Target is how long a batch should take; 100 ms when zero.
	Target time.Duration
	// Sleep is the pause before each batch; 1 s when zero. While other sessions are at work on the server, which PostgreSQL,
	// MySQL and MariaDB tell, it is as many times longer, up to ten: with three others an update gets a quarter of its time.
	Sleep time.Duration
	// Parts is into how many a batch is divided at most; 10 when zero, 1 for never. Each is a batch of its own with its part
	// of Target and of Sleep, so that the update takes the same share of the time, and others wait for less at once. A batch is not
	// divided while its speed is not known, when what it costs to begin one would count, and where a Controller decides.
	Parts int
	// NoSleep leaves the pauses out.
	NoSleep bool
	// MinBatchSize and MaxBatchSize are the limits, in items; 1 and 1,000,000 when zero.
	MinBatchSize int
	MaxBatchSize int
	// DefaultBatchSize is the size of the first batch, while the speed is not known; 100 when zero.
	DefaultBatchSize int
	// Growth is how many times the size of the batch before a batch may have; 2 when zero.
	Growth float64
}

func (p *Pacing) complete() error {
	setDefault(&p.Target, DefaultTarget)
	setDefault(&p.Sleep, DefaultSleep)
	setDefault(&p.MinBatchSize, DefaultMinBatchSize)
	setDefault(&p.MaxBatchSize, DefaultMaxBatchSize)
	setDefault(&p.DefaultBatchSize, DefaultBatchSize)
	setDefault(&p.Growth, DefaultGrowth)
	setDefault(&p.Parts, DefaultParts)
	if p.Target < 0 || p.Sleep < 0 || p.MinBatchSize < 1 || p.DefaultBatchSize < 1 || p.MaxBatchSize < p.MinBatchSize || p.Growth <= 1 || p.Parts < 1 {
		return fmt.Errorf("the pacing of background updates cannot be %+v: nothing may be negative, the smallest batch not above the largest, and the growth above 1", *p)
	}
	return nil
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// figures are what is known of the speed of an update.
type figures struct {
	items        int64
	duration     time.Duration
	averageItems float64
	averageTime  float64       // in ms
	batchSize    int           // of the last batch
	shortest     time.Duration // of all batches; zero before the first, and when that was too fast for the clock
}

// add takes a batch in. The averages begin with the first one: beginning with nothing would take many batches to forget.
func (f *figures) add(items int, duration time.Duration) {
	milliseconds := float64(duration) / float64(time.Millisecond)
	if f.duration == 0 || duration < f.shortest {
		f.shortest = duration
	}
	if f.items == 0 {
		f.averageItems, f.averageTime = float64(items), milliseconds
	} else {
		f.averageItems += smoothing * (float64(items) - f.averageItems)
		f.averageTime += smoothing * (milliseconds - f.averageTime)
	}
	f.items += int64(items)
	f.duration += duration
}

// rate is in items per ms; known is false before the first item.
func (f *figures) rate() (rate float64, known bool) {
	if f.items == 0 || f.averageTime <= 0 {
		return 0, false
	}
	return f.averageItems / f.averageTime, true
}

// parts is into how many a batch is divided that should take so long.
func (f *figures) parts(target time.Duration, most int) int {
	if f.items == 0 || f.shortest <= 0 {
		return 1
	}
	return max(min(int(target/(leastShare*f.shortest)), most), 1)
}

// limits are those of the batch at hand.
type limits struct {
	target         time.Duration
	smallest, most int
	first          int
	growth         float64
}

func (p *Pacing) limits() limits {
	return limits{target: p.Target, smallest: p.MinBatchSize, most: p.MaxBatchSize, first: p.DefaultBatchSize, growth: p.Growth}
}

// next is the size of the next batch. It grows step by step: the speed of small batches tells little of large ones, and
// a statement that is too large cannot be stopped in between without losing its work.
func (f *figures) next(l limits) int {
	size := float64(l.first)
	rate, known := f.rate()
	switch {
	case known:
		size = rate * float64(l.target) / float64(time.Millisecond)
		size = min(size, math.Ceil(float64(f.batchSize)*l.growth))
	case f.items > 0: // too fast for the clock
		size = float64(f.batchSize) * l.growth
	}
	return int(max(min(size, float64(l.most)), float64(l.smallest)))
}
