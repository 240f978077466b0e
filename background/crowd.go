package background

import (
	"context"
	"time"
)

// crowd is how many other sessions are at work on the server, as a moving average.
type crowd struct {
	average float64
	counted bool
}

// longestStretch keeps an update going, however busy the server is.
const longestStretch = 10

// stretch makes a pause as many times longer as there are sessions to share the server with.
func (c *crowd) stretch(pause time.Duration) time.Duration {
	return time.Duration(float64(pause) * min(1+c.average, longestStretch))
}

func (c *crowd) add(others int) {
	if !c.counted {
		c.average, c.counted = float64(others), true
		return
	}
	c.average += smoothing * (float64(others) - c.average)
}

// countOthers looks who is at work before a batch, when what the last one has held up is over.
func (r *run) countOthers(ctx context.Context) error {
	if r.once || !r.updater.config.pauses() {
		return nil
	}
	others, err := r.session.SessionsAtWork(ctx)
	if err == nil {
		r.crowd.add(others)
	}
	return err
}
