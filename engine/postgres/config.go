package postgres

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is how to connect, and what every session is like. It is made by
// ParseArgs; its exported fields may be changed before it is first used. It
// holds a password, which no way of printing or encoding it shows.
type Config struct {
	// PoolMin and PoolMax are the fewest and the most connections of a pool;
	// the defaults are 3 and 5 (the Python homeserver's cp_min and cp_max).
	PoolMin, PoolMax int
	// StatementTimeout limits each statement of a pool's sessions; zero sets
	// no limit, and nil leaves what the server has. The default is 10 minutes
	// (the Python homeserver's statement_timeout).
	StatementTimeout *time.Duration
	// SynchronousCommit, unless false, leaves what the server has.
	SynchronousCommit bool
	// TxnLimit is the number of uses after which a pool replaces a
	// connection; zero is no limit.
	TxnLimit int
	// AllowUnsafeLocale has Check accept any locale.
	AllowUnsafeLocale bool

	pool         *pgxpool.Config
	shuffleHosts bool
	settings     settings
}

// Defaults of the Python homeserver and of the pool that it uses.
const (
	DefaultPoolMin          = 3
	DefaultPoolMax          = 5
	DefaultStatementTimeout = 10 * time.Minute
)

func newConfig(pool *pgxpool.Config) *Config {
	timeout := DefaultStatementTimeout
	return &Config{
		PoolMin: DefaultPoolMin, PoolMax: DefaultPoolMax,
		StatementTimeout: &timeout, SynchronousCommit: true,
		pool: pool,
	}
}

// Database is the name of the database.
func (c Config) Database() string {
	return firstOf(c.pool.ConnConfig.Database, c.pool.ConnConfig.User)
}

// User is the role that logs in.
func (c Config) User() string { return c.pool.ConnConfig.User }

// Hosts lists the servers in the order they are tried, as "host:port" or as a
// socket directory, a colon and the port.
func (c Config) Hosts() []string {
	var hosts []string
	for _, try := range attempts(&c.pool.ConnConfig.Config) {
		host := try.Host + ":" + strconv.Itoa(int(try.Port))
		if strings.Contains(try.Host, ":") {
			host = "[" + try.Host + "]:" + strconv.Itoa(int(try.Port))
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// Describe names the database for logs and errors: "user@host:port/database",
// without the password.
func (c Config) Describe() string {
	if c.pool == nil {
		return "no server"
	}
	return c.User() + "@" + strings.Join(c.Hosts(), ",") + "/" + c.Database()
}

// String is Describe.
func (c Config) String() string { return c.Describe() }

// Format writes Describe for every verb, so that no way of printing shows the
// password.
func (c Config) Format(state fmt.State, _ rune) { _, _ = fmt.Fprint(state, c.Describe()) }

// MarshalJSON writes Describe as a JSON string.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.Describe()) }

// LogValue writes Describe into logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Describe()) }

// connection gives a copy of the driver's configuration for one connection.
func (c Config) connection() *pgx.ConnConfig {
	copied := c.pool.ConnConfig.Copy()
	c.prepare(copied)
	return copied
}

// prepare puts the servers of one connection into order.
func (c Config) prepare(connection *pgx.ConnConfig) {
	if c.shuffleHosts {
		shuffle(&connection.Config, rand.Shuffle)
	}
}
