package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Attempts is how often a transaction is tried in all, as by the Python homeserver.
const Attempts = 5

// firstBackoff is the longest wait before the second attempt; it doubles with each further one.
const firstBackoff = 20 * time.Millisecond

// Retry does something up to Attempts times, as long as its error is repeatable, and waits between two attempts. The last
// error is in the chain of what it returns, and the end of ctx too when that came first.
func Retry(ctx context.Context, repeatable func(error) bool, once func() error) error {
	for attempt := 1; ; attempt++ {
		err := once()
		switch {
		case err == nil || !repeatable(err):
			return err
		case attempt == Attempts:
			return fmt.Errorf("transaction failed %d times: %w", attempt, err)
		}
		if stopped := BackOff(ctx, attempt); stopped != nil {
			return errors.Join(err, stopped)
		}
	}
}

// BackOff waits after a failed attempt, counted from 1. The wait is part chance, so that those who were in each other's way
// try again at different times; it does not grow any more after Attempts. The error is why ctx ended.
func BackOff(ctx context.Context, attempt int) error {
	longest := firstBackoff << (min(attempt, Attempts) - 1)
	return Wait(ctx, longest/2+rand.N(longest/2))
}

// Wait waits. The error is why ctx ended before.
func Wait(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
