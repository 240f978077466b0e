package background_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/internal/server"
)

// privateServer can be stopped and started by one test alone.
type privateServer interface {
	Restart(ctx context.Context) error
	Kill() error
}

// newPrivateServer has the bookkeeping in an empty database.
func newPrivateServer(t *testing.T, kind engine.Kind) (privateServer, address) {
	t.Helper()
	place := address{anyengine.Database{Engine: kind}}
	var running privateServer
	if kind == engine.Postgres {
		private := dbtest.StartPostgres(t, server.PostgresOptions{})
		running, place.Args = private, map[string]any{
			"host": private.SocketDir(), "port": private.Port(), "user": private.Superuser(), "dbname": "postgres",
		}
	} else {
		running, place.URL = newMariaDB(t)
	}
	place.exec(t, updatesTable)
	return running, place
}

func newMariaDB(t *testing.T) (privateServer, string) {
	t.Helper()
	private, err := server.StartMariaDB(t.Context(), server.MariaDBOptions{TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			t.Error(err)
		}
	})
	const user, name = "tester", "updates"
	err = errors.Join(private.CreateUser(t.Context(), user, user),
		private.CreateDatabase(t.Context(), server.MariaDBDatabaseOptions{Name: name, Owner: user}))
	if err != nil {
		t.Fatal(err)
	}
	return private, private.URL(name, user, user)
}

// The server is stopped and started, or dies, in the middle of a batch whose work is done and not committed. While it is
// away the updater tries again, and no row is filled twice or left out.
func TestServerThatEndsInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			running, place := newPrivateServer(t, kind)
			place.newNumbers(t, 1000)
			restart := func() error { return running.Restart(context.Background()) }
			nothing := func() error { return nil }
			for pass, test := range []struct {
				name          string
				end, comeBack func() error
				waits         int // before it is there again
			}{
				{"restarted", restart, nothing, 1},
				{"killed and started during the third wait", running.Kill, restart, 3},
			} {
				place.enqueue(t, "fill")
				calls, clock := 0, newClock()
				clock.onSleep = func(time.Duration) {
					if len(clock.slept()) == test.waits {
						if err := test.comeBack(); err != nil {
							t.Errorf("%s: %v", test.name, err)
						}
					}
				}
				registry := background.NewRegistry()
				registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
					result, err := fill(ctx, batch)
					if calls++; calls == 3 {
						err = errors.Join(err, test.end())
					}
					return result, err
				})
				err := newUpdater(t, place, registry, func(config *background.Config) { config.Clock = clock }).Run(t.Context())
				if err != nil {
					t.Fatalf("%s: %v", test.name, err)
				}
				if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = "+string(rune('1'+pass))); right != 1000 {
					t.Errorf("%s: %d rows are right", test.name, right)
				}
			}
		})
	}
}

// The server is stopped and started while CREATE INDEX CONCURRENTLY waits for somebody else's transaction. The same run builds
// the index anew.
func TestServerThatEndsInTheMiddleOfAnIndex(t *testing.T) {
	t.Parallel()
	running, place := newPrivateServer(t, engine.Postgres)
	place.newNumbers(t, 1000)
	place.enqueue(t, "index")
	registry := background.NewRegistry()
	registry.RegisterAlone("index", numbersIndex.Run)
	other := place.Session(t) // which ends with the server
	for _, statement := range []string{"BEGIN", "UPDATE numbers SET n = 1 WHERE id = 1"} {
		if _, err := other.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	var failures []error
	ended, back, clock := make(chan error, 1), make(chan struct{}), newClock()
	clock.onSleep = func(time.Duration) { <-back }
	go func() {
		ended <- newUpdater(t, place, registry, func(config *background.Config) {
			config.Clock = clock
			config.OnBatch = func(report background.Report) {
				if report.Err != nil {
					failures = append(failures, report.Err)
				}
			}
		}).Run(t.Context())
	}()
	await(t, place, invalidSQL)
	restarted := running.Restart(t.Context())
	close(back)
	if err := errors.Join(restarted, <-ended); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 0}, []int64{place.number(t, validSQL), place.number(t, invalidSQL)}); diff != "" || len(failures) != 1 {
		t.Errorf("failures: %v; valid and invalid indexes: %s", failures, diff)
	}
}

// A server that stays away ends the run with an error that says so, and the update is not set aside: it goes on later.
func TestServerThatStaysAway(t *testing.T) {
	t.Parallel()
	running, place := newPrivateServer(t, engine.Postgres)
	place.newNumbers(t, 1000)
	place.enqueue(t, "fill")
	registry, calls := background.NewRegistry(), 0
	registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
		result, err := fill(ctx, batch)
		if calls++; calls == 2 {
			err = errors.Join(err, running.Kill())
		}
		return result, err
	})
	updater := newUpdater(t, place, registry)
	err := updater.Run(t.Context())
	if _, isLeft := errors.AsType[*background.LeftError](err); err == nil || isLeft {
		t.Errorf("the error is %v", err)
	}
	if err := running.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := updater.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); right != 1000 {
		t.Errorf("%d rows are right", right)
	}
}

// Somebody ends the connection from outside: while a statement of a batch is running, and during the pause between two.
func TestConnectionThatAnAdministratorEnds(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.Postgres)
	place.newNumbers(t, 1000)
	place.enqueue(t, "fill")
	const working = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'synapse updates'`
	var calls atomic.Int32
	registry := background.NewRegistry()
	registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
		result, err := fill(ctx, batch)
		if calls.Add(1) == 2 {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				await(t, place, working+" AND query LIKE 'SELECT pg_sleep%'")
			}()
			_, err = batch.Tx.Exec(ctx, "SELECT pg_sleep(60)")
			<-ended
		}
		return result, err
	})
	clock := newClock()
	clock.onSleep = func(time.Duration) {
		if calls.Load() == 5 {
			calls.Add(1)
			await(t, place, working)
		}
	}
	failures := 0
	updater := newUpdater(t, place, registry, func(config *background.Config) {
		config.Clock, config.Pacing = clock, background.Pacing{MaxBatchSize: 100}
		config.OnBatch = func(report background.Report) {
			if report.Err != nil {
				failures++
			}
		}
	})
	if err := updater.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); right != 1000 || failures != 2 {
		t.Errorf("%d rows are right, %d failures", right, failures)
	}
}
