package sqlite

import (
	"time"

	"github.com/synapsedb/synapse/engine"
)

// Config says which database to open, and how.
type Config struct {
	// Database is a path, ":memory:", "" for a temporary database, or a file: URI with any of the parameters
	// mode (ro, rw, rwc, memory), cache (shared, private), immutable and psow.
	Database string

	// MustExist refuses to make a new database, as mode=rw does in a URI.
	MustExist bool

	// MaxConnections is how many connections may be open at once; 0 means 8. A private database in memory has
	// exactly one, which also means that a query inside another waits for it without end.
	MaxConnections int

	// BusyTimeout is how long a statement waits for the lock of another connection; 0 means five seconds.
	BusyTimeout time.Duration

	// Durable has a commit in WAL mode return only when it is on the disk, so that it survives a loss of power (synchronous FULL). Without
	// it the last commits before one may be lost, though nothing is damaged (NORMAL).
	Durable bool

	// keepJournal leaves the journal mode as it is until a schema lock is taken.
	keepJournal bool
}

const (
	defaultConnections = 8
	defaultBusyTimeout = 5 * time.Second
)

// complete fills in the defaults and refuses what contradicts the location.
func (c Config) complete(place *location) (Config, error) {
	private := place.memory && !place.shared
	if private && c.MaxConnections > 1 {
		return c, &engine.ConflictError{Keys: []string{"max_connections", "database"},
			Problem: "every connection would get an empty database of its own",
			Hint:    "leave max_connections out, or use file:NAME?mode=memory&cache=shared"}
	}
	if c.MaxConnections < 0 || c.BusyTimeout < 0 {
		return c, &engine.ValueError{Key: "max_connections", Problem: "it is below zero, or the busy timeout is", Allowed: "0 for the default, or more"}
	}
	if private {
		c.MaxConnections = 1
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultConnections
	}
	if c.BusyTimeout == 0 {
		c.BusyTimeout = defaultBusyTimeout
	}
	if c.MustExist && place.creates() {
		place.parameters.Set("mode", "rw")
	}
	return c, nil
}
