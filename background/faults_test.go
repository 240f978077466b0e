package background_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// process runs the updates in a process of its own.
func process(t *testing.T, wanted task) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), taskVariable+"="+string(text))
	command.Stderr = os.Stderr
	return command
}

// Killed at random moments, an update that adds 1 to each row has added 1 to each row. One that comes to its end in spite of
// it begins again, so that there are as many kills as asked for.
func TestKilledFillFillsEachRowOnce(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		rounds := dbtest.Rounds(t, 3)
		rows := 2000 * rounds
		if rounds >= 100 {
			rows = 1_000_000
		}
		place.newNumbers(t, rows)
		place.enqueue(t, "fill")
		seed := uint64(time.Now().UnixNano())
		random := rand.New(rand.NewPCG(seed, 0))
		passes := 1
		for killed := 0; killed < rounds; {
			command := process(t, task{Place: place, Wait: true, Size: max(1, rows/rounds/20)})
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(random.Int64N(int64(300*time.Millisecond))), func() { _ = command.Process.Kill() })
			err := command.Wait()
			timer.Stop()
			if err != nil && command.ProcessState.Exited() {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err != nil {
				killed++
			} else {
				passes++
				place.enqueue(t, "fill")
			}
		}
		if err := process(t, task{Place: place, Wait: true, Size: rows}).Run(); err != nil {
			t.Fatal(err)
		}
		if wrong := place.number(t, fmt.Sprintf("SELECT count(*) FROM numbers WHERE n <> %d", passes)); wrong != 0 {
			t.Errorf("seed %d: in %d of %d rows n is not %d", seed, wrong, rows, passes)
		}
		if pending := place.pending(t); len(pending) > 0 {
			t.Errorf("pending: %q", pending)
		}
		t.Logf("seed %d: %d kills, %d passes", seed, rounds, passes)
	})
}

func TestTwoProcessesNeverRunTheSameUpdates(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 10)
		place.enqueue(t, "fill")
		holder := holder(t, task{Place: place, Hold: true, Size: 10})
		registry := background.NewRegistry()
		registry.Register("fill", fill)
		running, isRunning := errors.AsType[*background.RunningError](newUpdater(t, place, registry).Run(t.Context()))
		if !isRunning || running.Holder == "" {
			t.Errorf("the error is %v", running)
		}
		others, err := place.Session(t).OtherSessions(t.Context())
		if err != nil || len(others) != 1 {
			t.Errorf("an upgrade would see %q, %v", others, err)
		}
		waiting := make(chan error)
		go func() {
			waiting <- newUpdater(t, place, registry, func(config *background.Config) { config.Wait = true }).Run(t.Context())
		}()
		_ = holder.Process.Kill()
		_ = holder.Wait()
		if err := <-waiting; err != nil {
			t.Error(err)
		}
		if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); right != 10 {
			t.Errorf("%d rows", right)
		}
	})
}

func TestOtherSessionsAreRefusedUnlessKnown(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, kind)
			server := openPool(t, place)
			var one int
			if err := server.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil {
				t.Fatal(err)
			}
			registry := background.NewRegistry()
			mustRefuse(t, newUpdater(t, place, registry, func(config *background.Config) { config.SessionsKnown = false }))
			if err := newUpdater(t, place, registry).Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// mustRefuse wants the sessions of others to be named.
func mustRefuse(t *testing.T, updater *background.Updater) {
	t.Helper()
	err := updater.Run(t.Context())
	if sessions, isSessions := errors.AsType[*background.SessionsError](err); !isSessions || len(sessions.Sessions) == 0 {
		t.Errorf("the error is %v", err)
	}
}

// The connection ends in the middle of a batch; the next one opens another.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	for kind, kill := range map[engine.Kind]string{
		engine.Postgres: "SELECT pg_terminate_backend(pg_backend_pid())", engine.MySQL: "KILL CONNECTION_ID()",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, kind)
			place.newNumbers(t, 1000)
			place.enqueue(t, "fill")
			registry, calls := background.NewRegistry(), 0
			registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
				result, err := fill(ctx, batch)
				if calls++; calls == 3 {
					_, err = batch.Tx.Exec(ctx, kill)
				}
				return result, err
			})
			place.enqueue(t, "deadly @9")
			registry.Register("deadly", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
				_, err := batch.Tx.Exec(ctx, kill)
				return background.Result{}, err
			})
			failures := 0
			updater := newUpdater(t, place, registry, func(config *background.Config) {
				config.OnBatch = func(report background.Report) {
					if report.Err != nil && report.Update == "fill" {
						failures++
					}
				}
			})
			left, isLeft := errors.AsType[*background.LeftError](updater.Run(t.Context()))
			if !isLeft || left.Left[0].Reason != background.SetAside || left.Left[0].Name != "deadly" {
				t.Errorf("left: %v", left)
			}
			if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); right != 1000 || failures != 1 {
				t.Errorf("%d rows, %d failures", right, failures)
			}
		})
	}
}

// Two transactions that lock two rows in opposite order: one is chosen to die, and both get done.
func TestDeadlockIsRepeated(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, kind)
			place.newNumbers(t, 2)
			place.enqueue(t, "cross")
			other := openPool(t, place)
			registry, ended, first := background.NewRegistry(), make(chan error, 1), true
			bump := func(ctx context.Context, tx engine.Tx, id int) error {
				_, err := tx.Exec(ctx, "UPDATE numbers SET n = n + 1 WHERE id = ?", id)
				return err
			}
			registry.Register("cross", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
				if err := bump(ctx, batch.Tx, 1); err != nil {
					return background.Result{}, err
				}
				if first {
					first = false
					locked := make(chan struct{}, 5)
					go func() {
						ended <- other.Transact(t.Context(), func(tx engine.Tx) error {
							if err := bump(t.Context(), tx, 2); err != nil {
								return err
							}
							locked <- struct{}{}
							return bump(t.Context(), tx, 1)
						})
					}()
					<-locked
				}
				return background.Result{Items: 1, Done: true}, bump(ctx, batch.Tx, 2)
			})
			if err := newUpdater(t, place, registry).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if sum := place.number(t, "SELECT sum(n) FROM numbers"); sum != 4 {
				t.Errorf("the sum is %d", sum)
			}
		})
	}
}

// A statement_timeout of the server's does not end a long batch, and null in the configuration breaks nothing.
func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.Postgres)
	place.exec(t, fmt.Sprintf(`ALTER DATABASE %q SET statement_timeout = '50ms'`, place.Args["dbname"]))
	place.enqueue(t, "long")
	registry := background.NewRegistry()
	registry.Register("long", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
		_, err := batch.Tx.Exec(ctx, "SELECT pg_sleep(0.2)")
		return background.Result{Items: 1, Done: true}, err
	})
	if err := newUpdater(t, place, registry).Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDatabaseWithoutTheTableIsRefused(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.exec(t, "DROP TABLE background_updates")
		err := newUpdater(t, place, background.NewRegistry()).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "has no table background_updates") {
			t.Errorf("the error is %v", err)
		}
	})
}
