package background_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
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
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) { test(t, newAddress(t, kind)) })
}

// address is where a database is.
type address struct{ anyengine.Database }

const updatesTable = `CREATE TABLE background_updates (update_name VARCHAR(255) NOT NULL, progress_json TEXT NOT NULL,
	depends_on VARCHAR(255), ordering INTEGER NOT NULL DEFAULT 0, CONSTRAINT background_updates_uniqueness UNIQUE (update_name))`

func newAddress(t testing.TB, kind engine.Kind) address {
	t.Helper()
	place := address{anyengine.New(t, kind)}
	place.exec(t, updatesTable)
	return place
}

// exec runs statements on a session of their own.
func (a address) exec(t testing.TB, statements ...string) {
	t.Helper()
	a.With(t, func(session engine.Session) error {
		for _, statement := range statements {
			if _, err := session.Exec(t.Context(), statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

// number asks for one.
func (a address) number(t testing.TB, query string) (n int64) {
	t.Helper()
	a.With(t, func(session engine.Session) error {
		if err := session.QueryRow(t.Context(), query).Scan(&n); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		return nil
	})
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
	names := []string{}
	a.With(t, func(session engine.Session) error {
		all, err := background.List(t.Context(), session)
		for _, one := range all {
			name := one.Name
			if one.Failure != nil {
				name += fmt.Sprintf(" (%d: %s)", one.Failure.Attempts, one.Failure.Error)
			}
			names = append(names, name)
		}
		return err
	})
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
		Open: place.Open, Registry: registry, Pacing: background.Pacing{NoSleep: true}, Clock: newClock(), SessionsKnown: true,
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
	database, err := place.OpenDatabase(t.Context())
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
