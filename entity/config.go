package entity

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/synapsedb/synapse"
)

// The values of a Config's zero fields.
const (
	DefaultDelay        = 50 * time.Millisecond
	DefaultWriteTimeout = 30 * time.Second
)

// Config says where entities are kept, and how. The zero value is an SQLite file, synapse_storage.db, in the working
// directory.
type Config struct {
	// Application tells this program's entities from those of others in the same database: any text that stays the same
	// for as long as the program is to find its entities. The variable SYNAPSE_METADATA_UNIQUE_ID comes before it. Empty:
	// Name, and when that is empty the import path of the main package, which are the same on every host.
	Application string
	// Name is the program's in words, for messages and lists.
	Name string

	// Type is the engine: "sqlite", "postgresql" or "mysql" (MariaDB too). Empty: what URL says. SYNAPSE_DATABASE_TYPE
	// comes before it.
	Type string
	// URL is where the database is: for SQLite a path, ":memory:", Temporary or a file: URI, for the others
	// postgresql://USER:PASSWORD@HOST:PORT/DATABASE and mysql://USER:PASSWORD@HOST:PORT/DATABASE. SYNAPSE_DATABASE_URL
	// comes before it.
	URL string
	// Database is used instead of Type, URL and their variables when it is not nil.
	Database *synapse.Database
	// IgnoreEnvironment leaves the variables SYNAPSE_* unread, as a test wants it.
	IgnoreEnvironment bool

	// Delay is how long a change may wait before it is written, and so what a crash can lose at most; 50 ms when zero.
	// What is Durable does not wait.
	Delay time.Duration
	// WriteTimeout is how long one attempt to write may take before the connection is taken for dead; 30 s when zero.
	WriteTimeout time.Duration
	// Retention is how long entities are kept that the program no longer defines, see Store.Ready. Zero keeps them.
	Retention time.Duration

	// Log may be nil.
	Log *slog.Logger
}

// Temporary is the URL of an SQLite database that ends when it is closed, in a file that no other process sees. SQLite's
// own name for it, the empty string, is in a Config one that was not given.
const Temporary = "file:"

func (c Config) complete() Config {
	c.Delay = cmp.Or(c.Delay, DefaultDelay)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, DefaultWriteTimeout)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
