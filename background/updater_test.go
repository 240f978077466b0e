package background_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

func TestBatchesAndTheirProgressAreOne(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 1000)
		place.enqueue(t, "fill")
		registry := background.NewRegistry()
		calls := 0
		registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
			result, err := fill(ctx, batch)
			if calls++; calls%2 == 0 { // after the work is done
				return result, errors.New("every second batch fails")
			}
			return result, err
		})
		if err := newUpdater(t, place, registry).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if wrong := place.number(t, "SELECT count(*) FROM numbers WHERE n <> 1"); wrong != 0 {
			t.Errorf("%d rows were not filled once", wrong)
		}
		if diff := cmp.Diff([]string{}, place.pending(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.enqueue(t, "last @7301 after B", "B @7302", "a @7301", "_b @7301", "B2 @7301 after gone", "early")
		registry, ran := background.NewRegistry(), []string{}
		for _, name := range []string{"last", "B", "a", "_b", "B2", "early"} {
			registry.Register(name, func(context.Context, *background.Batch) (background.Result, error) {
				ran = append(ran, name)
				return background.Result{Done: true}, nil
			})
		}
		if err := newUpdater(t, place, registry).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"early", "B2", "_b", "a", "B", "last"}, ran); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatCannotRunIsReportedAndLeft(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.enqueue(t, "strange", "needs_strange after strange", "a after b", "b after c", "c after a", "needs_a after a", "self after self",
			"broken", "needs_broken after broken", "state_only", "fine @9", "other")
		registry := background.NewRegistry()
		for _, name := range []string{"needs_strange", "a", "b", "c", "needs_a", "self", "needs_broken", "fine"} {
			registry.Register(name, nothing)
		}
		registry.Register("state_only", nothing, background.OnDatabase("state"))
		registry.Register("other", nothing, background.OnDatabase("main"))
		registry.Register("broken", func(context.Context, *background.Batch) (background.Result, error) {
			return background.Result{}, errors.New("it does not work … ever")
		})
		clock := newClock()
		updater := newUpdater(t, place, registry, func(config *background.Config) {
			config.Clock, config.Logical = clock, []string{"main"}
		})
		left, isLeft := errors.AsType[*background.LeftError](updater.Run(t.Context()))
		if !isLeft {
			t.Fatal("nothing is left")
		}
		want := []background.Left{
			{Name: "a", Reason: background.Cycle, Detail: "a -> b -> c -> a"},
			{Name: "b", Reason: background.Cycle, Detail: "b -> c -> a -> b"},
			{Name: "broken", Reason: background.SetAside, Detail: "it does not work … ever"},
			{Name: "c", Reason: background.Cycle, Detail: "c -> a -> b -> c"},
			{Name: "needs_a", Reason: background.Blocked, Detail: "a"},
			{Name: "needs_broken", Reason: background.Blocked, Detail: "broken"},
			{Name: "needs_strange", Reason: background.Blocked, Detail: "strange"},
			{Name: "self", Reason: background.Cycle, Detail: "self -> self"},
			{Name: "state_only", Reason: background.Elsewhere, Detail: "state"},
			{Name: "strange", Reason: background.Unknown},
		}
		if diff := cmp.Diff(want, left.Left); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, clock.slept()); diff != "" {
			t.Error(diff)
		}
		if status := updater.Status(); status.State != background.Aborted || len(status.Left) != len(want) {
			t.Errorf("status %+v", status)
		}
		if !strings.Contains(strings.Join(place.pending(t), "; "), "broken (5: it does not work … ever)") {
			t.Errorf("pending: %q", place.pending(t))
		}
	})
}

func TestRetryForgetsTheError(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.enqueue(t, "moody", "after_moody after moody")
		registry, fails := background.NewRegistry(), true
		registry.Register("after_moody", nothing)
		registry.Register("moody", func(context.Context, *background.Batch) (background.Result, error) {
			if fails {
				return background.Result{}, errors.New("not today")
			}
			return background.Result{Done: true}, nil
		})
		updater := newUpdater(t, place, registry, func(config *background.Config) { config.Attempts = 2 })
		for range 2 { // the second run leaves it alone
			if _, isLeft := errors.AsType[*background.LeftError](updater.Run(t.Context())); !isLeft {
				t.Fatal("nothing is left")
			}
			fails = false
		}
		forgotten, err := background.Retry(t.Context(), place.Session(t))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"moody"}, forgotten); diff != "" {
			t.Error(diff)
		}
		if err := updater.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if updater.Status().State != background.Complete {
			t.Errorf("status %+v", updater.Status())
		}
	})
}

// An update that somebody else has worked on in the meantime is not worked on twice.
func TestProgressOfAnotherUndoesTheBatch(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 10)
		place.enqueue(t, "fill")
		registry, moved := background.NewRegistry(), false
		registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
			if !moved {
				moved = true
				if _, err := batch.Tx.Exec(ctx, `UPDATE background_updates SET progress_json = '{"last": 5}'`); err != nil {
					return background.Result{}, err
				}
			}
			return fill(ctx, batch)
		})
		var failed error
		updater := newUpdater(t, place, registry, func(config *background.Config) {
			config.OnBatch = func(report background.Report) { failed = errors.Join(failed, report.Err) }
		})
		if err := updater.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, isMoved := errors.AsType[*background.MovedError](failed); !isMoved {
			t.Errorf("the error is %v", failed)
		}
		if wrong := place.number(t, "SELECT count(*) FROM numbers WHERE n <> 1"); wrong != 0 {
			t.Errorf("%d rows were not filled once", wrong)
		}
	})
}

func TestInterruptStopsAfterTheBatchAtHand(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 1000)
		place.enqueue(t, "fill")
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("interrupted")
		registry := background.NewRegistry()
		registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
			cancel(stopped)
			return fill(ctx, batch)
		})
		updater := newUpdater(t, place, registry)
		if err := updater.Run(ctx); !errors.Is(err, stopped) {
			t.Fatalf("the error is %v", err)
		}
		if done := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); done != 100 {
			t.Errorf("%d rows were filled, want one batch", done)
		}
	})
}

func TestDisabledUpdaterWaits(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	place.newNumbers(t, 1000)
	place.enqueue(t, "fill")
	registry := background.NewRegistry()
	registry.Register("fill", fill)
	held := make(chan struct{})
	var updater *background.Updater
	updater = newUpdater(t, place, registry, func(config *background.Config) {
		config.OnBatch = func(report background.Report) {
			if report.Items == 100 {
				updater.SetEnabled(false)
				close(held)
			}
		}
	})
	ended := make(chan error)
	go func() { ended <- updater.Run(t.Context()) }()
	<-held
	if status := updater.Status(); status.State != background.Disabled || status.Enabled || status.Current == nil || status.Current.Items != 100 {
		t.Errorf("status %+v", status)
	}
	if done := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); done != 100 {
		t.Errorf("%d rows", done)
	}
	updater.SetEnabled(true)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if done := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); done != 1000 {
		t.Errorf("%d rows", done)
	}
}

func TestServeLooksAgainWhenWoken(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	registry, done := background.NewRegistry(), make(chan struct{})
	registry.Register("job", nothing)
	updater := newUpdater(t, place, registry, func(config *background.Config) {
		config.OnBatch = func(background.Report) { close(done) }
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- updater.Serve(ctx) }()
	place.enqueue(t, "job")
	updater.Wake()
	<-done
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A server goes on for its whole life: what others enqueue is found, and a database that cannot be reached for a while is
// reached again.
func TestServeLooksAgainByItself(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	registry, done := background.NewRegistry(), make(chan struct{}, 1)
	registry.Register("job", nothing)
	opened := 0
	updater := newUpdater(t, place, registry, func(config *background.Config) {
		open := config.Open
		config.Open = func(ctx context.Context) (engine.Session, error) {
			if opened++; opened == 2 {
				return nil, errors.New("it is not there")
			}
			return open(ctx)
		}
		config.Interval = time.Millisecond
		config.OnBatch = func(background.Report) { done <- struct{}{} }
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- updater.Serve(ctx) }()
	for range 3 {
		place.enqueue(t, "job")
		<-done
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if opened < 3 {
		t.Errorf("opened %d times", opened)
	}
}

func TestServeRefusesADatabaseThatWasNeverReached(t *testing.T) {
	t.Parallel()
	wrong := errors.New("it is not there")
	updater := newUpdater(t, newAddress(t, engine.SQLite), background.NewRegistry(), func(config *background.Config) {
		config.Open = func(context.Context) (engine.Session, error) { return nil, wrong }
	})
	if err := updater.Serve(t.Context()); !errors.Is(err, wrong) {
		t.Error(err)
	}
}

func TestOnlyRestricts(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	place.enqueue(t, "a", "b", "c")
	registry := background.NewRegistry()
	for _, name := range []string{"a", "b", "c"} {
		registry.Register(name, nothing)
	}
	updater := newUpdater(t, place, registry, func(config *background.Config) { config.Only = []string{"b"} })
	if err := updater.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a", "c"}, place.pending(t)); diff != "" {
		t.Error(diff)
	}
	other := newUpdater(t, place, registry)
	for want := range 3 {
		if worked, err := other.RunBatch(t.Context()); err != nil || worked != (want < 2) {
			t.Errorf("batch %d: %v, %v", want, worked, err)
		}
	}
}

// A handler outside of a transaction repeats what was not recorded.
func TestAloneHandler(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.enqueue(t, "table")
		registry, calls := background.NewRegistry(), 0
		registry.RegisterAlone("table", func(ctx context.Context, alone *background.Alone) (background.Result, error) {
			var from position
			if err := json.Unmarshal(alone.Progress, &from); err != nil {
				return background.Result{}, err
			}
			calls++
			err := alone.Session.ExecAlone(ctx, fmt.Sprintf("CREATE TABLE IF NOT EXISTS made_%d (x INTEGER)", from.Last))
			if calls == 2 {
				err = errors.New("after the work")
			}
			return background.Result{Items: 1, Progress: position{from.Last + 1}, Done: from.Last == 2}, err
		})
		if err := newUpdater(t, place, registry).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if calls != 4 || place.number(t, "SELECT count(*) FROM made_2") != 0 {
			t.Errorf("%d calls", calls)
		}
	})
}
