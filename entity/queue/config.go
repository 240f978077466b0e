package queue

import (
	"context"
	"log/slog"
	"time"
)

// Config is what a Queue is made of. Only Write has no default.
type Config[T any] struct {
	// Write makes a group durable, all of it or nothing, in the order given where that matters. It is called by one goroutine, never twice at
	// once, with a context that ends after WriteTimeout, and when Close gives up; it must return soon after that. After an error the same values, or newer ones of
	// the same keys, are given again, also when the error came after the commit: so writing twice must do no harm. The slice is only lent.
	// A panic is not caught.
	Write func(ctx context.Context, group []T) error
	// Rejects tells whether an error of Write is about the values, so that repeating is no use. Such a group is halved until the values that are meant stand
	// alone; they are set aside, and all others are written. Without it, every error is tried again.
	Rejects func(error) bool
	// Fatal tells whether nothing may be written any more after an error of Write. It is asked before Rejects.
	Fatal func(error) bool
	// Merge makes one value of one that is not durable and the next of its key; without it, the next one counts alone. Like Size it is called with the
	// queue's lock held: it must be quick, and not call the queue.
	Merge func(pending, next T) T
	// Size is how many bytes of MaxBytes a value takes; without it, groups are limited by MaxItems alone.
	Size func(T) int

	// Delay is the longest time from the first Put of a key to the start of its write, while writes succeed and keep up. 50 ms without one.
	Delay time.Duration
	// MaxItems and MaxBytes limit a group: 1,000 values and 4 MiB. A larger value is a group by itself. As soon as MaxItems are pending,
	// they are written.
	MaxItems, MaxBytes int
	// FirstBackOff and LongestBackOff limit the pause after a failed write, which doubles from failure to failure and is part chance: 50 ms and 10 s.
	FirstBackOff, LongestBackOff time.Duration
	// WriteTimeout is how long one write may take: 30 s. A group that takes longer is tried again with half as many values.
	WriteTimeout time.Duration
	// Log is told of the first of several failures and of every doubling of their number, of the end of them, and of values set aside. May be nil.
	Log *slog.Logger
}

// withDefaults fills in what is not set.
func (c Config[T]) withDefaults() Config[T] {
	if c.Rejects == nil {
		c.Rejects = never
	}
	if c.Fatal == nil {
		c.Fatal = never
	}
	if c.Merge == nil {
		c.Merge = func(_, next T) T { return next }
	}
	if c.Size == nil {
		c.Size = func(T) int { return 0 }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Delay = orDefault(c.Delay, 50*time.Millisecond)
	c.MaxItems = orDefault(c.MaxItems, 1000)
	c.MaxBytes = orDefault(c.MaxBytes, 4<<20)
	c.FirstBackOff = orDefault(c.FirstBackOff, 50*time.Millisecond)
	c.LongestBackOff = max(orDefault(c.LongestBackOff, 10*time.Second), c.FirstBackOff)
	c.WriteTimeout = orDefault(c.WriteTimeout, 30*time.Second)
	return c
}

func never(error) bool { return false }

// orDefault is a setting, or its default when it is not positive.
func orDefault[N int | time.Duration](setting, without N) N {
	if setting > 0 {
		return setting
	}
	return without
}
