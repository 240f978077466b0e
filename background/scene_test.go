package background_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(taskVariable); task != "" {
		os.Exit(runTask(task))
	}
	dbtest.Main(m, dbtest.NoLeaks())
}

// onEveryEngine runs a test on a database of each engine that has the bookkeeping and nothing else.
func onEveryEngine(t *testing.T, test func(t *testing.T, place address)) {
	t.Helper()
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, newAddress(t, kind))
		})
	}
}

// address is where a database is, in a form that can be handed to another process.
type address struct {
	Engine engine.Kind    `json:"engine"`
	Path   string         `json:"path"` // SQLite
	Args   map[string]any `json:"args"` // PostgreSQL
	URL    string         `json:"url"`  // MySQL
}

const updatesTable = `CREATE TABLE background_updates (update_name VARCHAR(255) NOT NULL, progress_json TEXT NOT NULL,
	depends_on VARCHAR(255), ordering INTEGER NOT NULL DEFAULT 0, CONSTRAINT background_updates_uniqueness UNIQUE (update_name))`

func newAddress(t testing.TB, kind engine.Kind) address {
	t.Helper()
	place := address{Engine: kind}
	switch kind {
	case engine.Postgres:
		place.Args = dbtest.NewDatabase(t).Config
	case engine.MySQL:
		place.URL = dbtest.NewMySQLDatabase(t).URL
	default:
		place.Path = filepath.Join(t.TempDir(), "test.db")
	}
	place.exec(t, updatesTable)
	return place
}

// open has no statement_timeout where the engine has one, as with statement_timeout: null.
func (a address) open(ctx context.Context) (engine.Session, error) {
	switch a.Engine {
	case engine.Postgres:
		config, _, err := postgres.ParseArgs(a.Args)
		if err != nil {
			return nil, err
		}
		config.StatementTimeout = nil
		return config.OpenSession(ctx, nil)
	case engine.MySQL:
		config, err := mysql.ParseURL(a.URL)
		if err != nil {
			return nil, err
		}
		return config.OpenSession(ctx, nil)
	default:
		return sqlite.OpenSession(ctx, sqlite.Config{Database: a.Path}, nil)
	}
}

// session opens one for the length of the test.
func (a address) session(t testing.TB) engine.Session {
	t.Helper()
	session, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// exec runs statements on a session of their own.
func (a address) exec(t testing.TB, statements ...string) {
	t.Helper()
	session, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, statement := range statements {
		if _, err := session.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// number asks for one.
func (a address) number(t testing.TB, query string) (n int64) {
	t.Helper()
	session, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// enqueue adds updates: "name", "name after other" or "name @ordering".
func (a address) enqueue(t testing.TB, updates ...string) {
	t.Helper()
	for _, update := range updates {
		name, after, isAfter := strings.Cut(update, " after ")
		name, ordering, _ := strings.Cut(name, " @")
		dependsOn := "NULL"
		if isAfter {
			dependsOn = "'" + after + "'"
		}
		if ordering == "" {
			ordering = "0"
		}
		a.exec(t, fmt.Sprintf(`INSERT INTO background_updates (update_name, progress_json, depends_on, ordering) VALUES ('%s', '{}', %s, %s)`,
			name, dependsOn, ordering))
	}
}

func (a address) pending(t testing.TB) []string {
	t.Helper()
	session, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	all, err := background.List(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, one := range all {
		name := one.Name
		if one.Failure != nil {
			name += fmt.Sprintf(" (%d: %s)", one.Failure.Attempts, one.Failure.Error)
		}
		names = append(names, name)
	}
	return names
}

// testClock never waits; it remembers what it was asked to.
type testClock struct {
	mutex sync.Mutex
	now   time.Time
	waits []time.Duration
	// onSleep may be nil.
	onSleep func(time.Duration)
}

func newClock() *testClock { return &testClock{now: time.UnixMilli(1_700_000_000_000)} }

func (c *testClock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *testClock) Sleep(ctx context.Context, duration time.Duration) error {
	c.mutex.Lock()
	c.now = c.now.Add(duration)
	c.waits = append(c.waits, duration)
	c.mutex.Unlock()
	if c.onSleep != nil {
		c.onSleep(duration)
	}
	return context.Cause(ctx)
}

func (c *testClock) advance(duration time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(duration)
}

func (c *testClock) slept() []time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.waits)
}

// newUpdater makes one without pauses.
func newUpdater(t testing.TB, place address, registry *background.Registry, change ...func(*background.Config)) *background.Updater {
	t.Helper()
	config := background.Config{
		Open: place.open, Registry: registry, Pacing: background.Pacing{NoSleep: true}, Clock: newClock(), SessionsKnown: true,
	}
	for _, one := range change {
		one(&config)
	}
	updater, err := background.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return updater
}

// position is the progress of the fill that the tests use.
type position struct {
	Last int64 `json:"last"`
}

// fill adds 1 to n in batches of rows, as no handler could that were ever run twice for a row.
func fill(ctx context.Context, batch *background.Batch) (background.Result, error) {
	var from position
	if err := json.Unmarshal(batch.Progress, &from); err != nil {
		return background.Result{}, err
	}
	to := from.Last + int64(batch.Size)
	changed, err := batch.Tx.Exec(ctx, "UPDATE numbers SET n = n + 1 WHERE id > ? AND id <= ?", from.Last, to)
	return background.Result{Items: int(changed), Progress: position{to}, Done: changed == 0}, err
}

// newNumbers makes the table of fill.
func (a address) newNumbers(t testing.TB, rows int) {
	t.Helper()
	a.exec(t, "CREATE TABLE numbers (id BIGINT NOT NULL PRIMARY KEY, n INTEGER NOT NULL)")
	const together = 5000
	for first := 1; first <= rows; first += together {
		var values []string
		for id := first; id < first+together && id <= rows; id++ {
			values = append(values, fmt.Sprintf("(%d, 0)", id))
		}
		a.exec(t, "INSERT INTO numbers (id, n) VALUES "+strings.Join(values, ", "))
	}
}

// nothing is a handler that is done at once.
func nothing(context.Context, *background.Batch) (background.Result, error) {
	return background.Result{Items: 1, Done: true}, nil
}

// openPool opens the database as a server does.
func openPool(t testing.TB, place address) engine.Database {
	t.Helper()
	database, err := place.openDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	return database
}

func (a address) openDatabase(ctx context.Context) (engine.Database, error) {
	switch a.Engine {
	case engine.Postgres:
		config, _, err := postgres.ParseArgs(a.Args)
		if err != nil {
			return nil, err
		}
		return postgres.OpenDatabase(ctx, config, nil)
	case engine.MySQL:
		config, err := mysql.ParseURL(a.URL)
		if err != nil {
			return nil, err
		}
		return mysql.OpenDatabase(ctx, config, nil)
	default:
		return sqlite.OpenDatabase(ctx, sqlite.Config{Database: a.Path}, nil)
	}
}
