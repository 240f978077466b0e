package background

import (
	"context"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Sleep waits; the error is why ctx ended before.
	Sleep(ctx context.Context, duration time.Duration) error
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) Sleep(ctx context.Context, duration time.Duration) error {
	return engine.Wait(ctx, duration)
}
