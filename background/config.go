package background

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// The values of Config's zero fields.
const (
	DefaultName     = "master"
	DefaultAttempts = 5 // as by the Python homeserver
	DefaultGrace    = 10 * time.Second
	DefaultInterval = time.Minute
)

// The waits after failures: they double from the first to the longest.
const (
	firstWait   = time.Second
	longestWait = time.Minute
)

// Config says whose updates an Updater runs, and how.
type Config struct {
	// Name of the physical database, for messages and the Controller; "master" when empty.
	Name string
	// Open opens a session; it is called again when the connection is lost.
	Open func(ctx context.Context) (engine.Session, error)
	// Registry has the handlers.
	Registry *Registry
	// Logical are the logical databases that the physical one holds; nil means all.
	Logical []string
	// Only restricts the updates to these names.
	Only []string
	// Pacing keeps the updates out of the way of others.
	Pacing Pacing
	// Controller is asked before each batch; may be nil.
	Controller Controller
	// ControllerPaces says that the Controller itself makes the pauses between batches; otherwise Pacing goes on to.
	ControllerPaces bool
	// Attempts is how often in a row a batch may fail before its update is set aside; 5 when zero. The waits in between
	// begin with 1 s and double up to 60 s.
	Attempts int
	// Wait waits for another process that runs the updates, instead of refusing.
	Wait bool
	// SessionsKnown works beside other sessions, which is refused otherwise. A server's own pool are such sessions.
	SessionsKnown bool
	// Brief closes the session after each batch. It is for a database in memory, whose only connection it may be.
	Brief bool
	// Grace is how long a batch that is under way may go on after the end of its context; 10 s when zero.
	Grace time.Duration
	// Interval is how long Serve waits before it looks again for updates that others have enqueued; 1 min when zero.
	Interval time.Duration
	// OnBatch is called after each batch; may be nil.
	OnBatch func(report Report)
	// Clock is the real one when nil.
	Clock Clock
	// Log may be nil.
	Log *slog.Logger
}

// Report is what came of a batch.
type Report struct {
	Update   string
	Size     int // that was asked for
	Items    int
	Duration time.Duration
	Done     bool  // the update has ended
	Err      error // nil when the batch was committed
	SetAside bool  // the update has failed too often
}

func (c *Config) complete() error {
	setDefault(&c.Name, DefaultName)
	setDefault(&c.Attempts, DefaultAttempts)
	setDefault(&c.Grace, DefaultGrace)
	setDefault(&c.Interval, DefaultInterval)
	if c.Clock == nil {
		c.Clock = realClock{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = c.Log.With("database", c.Name)
	if c.Open == nil || c.Registry == nil {
		return errors.New("background updates need a way to open the database, and a registry of handlers")
	}
	if c.Attempts < 0 || c.Grace < 0 || c.Interval < 0 {
		return errors.New("background updates: neither the attempts nor the grace nor the interval can be negative")
	}
	return c.Pacing.complete()
}

// pauses reports whether it is the Updater that makes pauses between batches.
func (c *Config) pauses() bool {
	return !c.Pacing.NoSleep && (c.Controller == nil || !c.ControllerPaces)
}
