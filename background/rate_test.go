package background_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

// rates gives the rates of the pending updates that have one.
func (a address) rates(t testing.TB) map[string]background.Rate {
	t.Helper()
	pending, err := background.List(t.Context(), a.Session(t))
	if err != nil {
		t.Fatal(err)
	}
	rates := map[string]background.Rate{}
	for _, update := range pending {
		if update.Rate != nil {
			rates[update.Name] = *update.Rate
		}
	}
	return rates
}

func (a address) hasRates(t testing.TB) bool {
	t.Helper()
	session, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Table(schema.UpdateRatesTable) != nil
}

// timedFill is fill with batches that take 100 ms, and a total that is known.
func timedFill(clock *testClock) *background.Registry {
	registry := background.NewRegistry()
	registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
		clock.advance(100 * time.Millisecond)
		return fill(ctx, batch)
	}, background.Total(func(context.Context, engine.Tx) (int64, error) { return 2000, nil }))
	return registry
}

// runBatches interrupts a run after so many.
func runBatches(t *testing.T, place address, registry *background.Registry, batches int, change ...func(*background.Config)) *background.Updater {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	count := func(config *background.Config) {
		config.OnBatch = func(background.Report) {
			if batches--; batches == 0 {
				cancel()
			}
		}
	}
	updater := newUpdater(t, place, registry, append(change, count)...)
	if err := updater.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return updater
}

func TestRateOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 1000)
		place.enqueue(t, "fill", "unknown after fill")
		clock := newClock()
		started := clock.Now().UTC()
		paced := func(config *background.Config) {
			config.Clock, config.Pacing = clock, background.Pacing{Sleep: 300 * time.Millisecond, MaxBatchSize: 100}
		}
		updater := runBatches(t, place, timedFill(clock), 3, paced)
		rate, total := place.rates(t)["fill"], int64(2000)
		want := background.Rate{
			Items: 300, Batches: 3, Duration: 300 * time.Millisecond, Total: &total, RecentItems: rate.RecentItems, RecentTime: rate.RecentTime,
			Started: started.Add(300 * time.Millisecond), Last: started.Add(1200 * time.Millisecond),
		}
		if diff := cmp.Diff(want, rate); diff != "" {
			t.Error(diff)
		}
		// 300 items in 1200 ms.
		if speed := rate.PerSecond(); speed < 245 || speed > 255 {
			t.Errorf("%v items per second", speed)
		}
		if left := rate.TimeLeft(); left == nil || left.Round(time.Second) != 7*time.Second {
			t.Errorf("time left: %v", left)
		}
		if current := updater.Status().Current; current == nil || current.Rate == nil || current.Rate.Items != 300 || current.Rate.TimeLeft() == nil {
			t.Errorf("status: %+v", current)
		}
		clock.advance(24 * time.Hour) // does not count
		runBatches(t, place, timedFill(clock), 1, paced)
		rate = place.rates(t)["fill"]
		if speed := rate.PerSecond(); rate.Items != 400 || rate.Batches != 4 || speed < 245 || speed > 255 {
			t.Errorf("%v items per second, %+v", speed, rate)
		}
		if _, isLeft := errors.AsType[*background.LeftError](newUpdater(t, place, timedFill(clock), paced).Run(t.Context())); !isLeft {
			t.Error("nothing is left")
		}
		if rates := place.rates(t); len(rates) > 0 || !place.hasRates(t) {
			t.Errorf("%+v", rates)
		}
		place.exec(t, "UPDATE background_updates SET update_name = 'fill', depends_on = NULL")
		if err := newUpdater(t, place, timedFill(clock), paced).Run(t.Context()); err != nil {
			t.Error(err)
		}
		if place.hasRates(t) {
			t.Error("the table is left")
		}
	})
}

// What was committed is counted, and nothing else, whenever the process ends.
func TestRateIsThatOfTheCommittedBatches(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		const rows = 20_000
		place.newNumbers(t, rows)
		place.enqueue(t, "fill")
		for range dbtest.Rounds(t, 3) {
			command := process(t, task{Place: place, Wait: true, Size: 10})
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(50+rand.IntN(250))*time.Millisecond, func() { _ = command.Process.Kill() })
			_ = command.Wait()
			timer.Stop()
			if !place.hasRates(t) {
				continue // killed before the first batch, or after the last
			}
			// In one statement: what a server had been told to commit it may commit after the client's end.
			difference := place.number(t, `SELECT (SELECT sum(n) FROM numbers) - coalesce((SELECT sum(items) FROM background_update_rates), 0)`)
			if difference != 0 && len(place.pending(t)) > 0 {
				t.Errorf("%d rows more are filled than counted", difference)
			}
		}
	})
}

func TestFailedBatchesAndUnusableTablesOfRates(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"fails once":    nil,
		"unusable":      {"CREATE TABLE background_update_rates (update_name INTEGER)"},
		"not writable":  {schema.CreateUpdateRates(engine.SQLite), "ALTER TABLE background_update_rates RENAME COLUMN recent_ms TO moved", "ALTER TABLE background_update_rates ADD COLUMN recent_ms BIGINT"},
		"stale and old": {schema.CreateUpdateRates(engine.SQLite), "INSERT INTO background_update_rates VALUES ('fill', 9, 9, 9, 9, 9, 9, 9, 9), ('gone', 9, 9, 9, 9, 9, 9, 9, 9)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEveryEngine(t, func(t *testing.T, place address) {
				place.newNumbers(t, 1000)
				place.enqueue(t, "fill")
				place.exec(t, statements...)
				registry, calls := background.NewRegistry(), 0
				registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
					result, err := fill(ctx, batch)
					if calls++; calls == 2 {
						return result, errors.New("after the work")
					}
					return result, err
				})
				var rate background.Rate
				failures := 0
				var updater *background.Updater
				updater = newUpdater(t, place, registry, func(config *background.Config) {
					config.Pacing.MaxBatchSize = 100
					config.OnBatch = func(report background.Report) {
						if report.Err != nil && strings.Contains(report.Err.Error(), "record the speed") {
							failures++
						}
						if current := updater.Status().Current; report.Err == nil && !report.Done && current.Rate != nil {
							rate = *current.Rate
						}
					}
				})
				if err := updater.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); right != 1000 || place.hasRates(t) {
					t.Errorf("%d rows", right)
				}
				if failures != map[string]int{"not writable": 2}[name] {
					t.Errorf("%d failures", failures)
				}
				if stored := name == "fails once" || name == "stale and old"; stored && (rate.Items != 1000 || rate.Batches != 10) {
					t.Errorf("%+v", rate)
				}
			})
		})
	}
}

// Somebody drops the table in the middle: the batch is undone, and the next makes the table anew.
func TestRatesBeginAnewWithoutTheirTable(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 1000)
		place.enqueue(t, "fill", "other after fill")
		registry, clock := timedFill(newClock()), newClock()
		registry.Register("other", nothing)
		batches := 0
		updater := newUpdater(t, place, registry, func(config *background.Config) {
			config.Pacing.MaxBatchSize, config.Clock = 100, clock
			config.OnBatch = func(background.Report) {
				if batches++; batches == 3 {
					place.exec(t, "DROP TABLE background_update_rates")
				}
				if batches == 6 { // 3, one that failed, 2
					if rate := place.rates(t)["fill"]; rate.Items != 200 || rate.Total != nil {
						t.Errorf("%+v", rate)
					}
				}
			}
		})
		if err := updater.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1"); right != 1000 || batches != 13 || place.hasRates(t) {
			t.Errorf("%d rows, %d batches", right, batches)
		}
	})
}

// A dump that reads the table does not hold up the end of a run.
func TestTableOfRatesStaysWhileItIsRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, kind)
			place.newNumbers(t, 10)
			place.enqueue(t, "fill")
			place.exec(t, schema.CreateUpdateRates(kind))
			err := openPool(t, place).Transact(t.Context(), func(tx engine.Tx) error {
				var rows int
				if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM background_update_rates").Scan(&rows); err != nil {
					return err
				}
				return newUpdater(t, place, timedFill(newClock())).Run(t.Context())
			})
			if err != nil || !place.hasRates(t) || place.number(t, "SELECT count(*) FROM background_update_rates") != 0 {
				t.Error(err)
			}
		})
	}
}

func TestRateOfAloneHandlers(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.enqueue(t, "alone", "at_once", "unknown")
		registry, calls := background.NewRegistry(), 0
		registry.RegisterAlone("alone", func(context.Context, *background.Alone) (background.Result, error) {
			calls++
			return background.Result{Items: 5, Progress: position{int64(calls)}, Done: calls == 3}, nil
		}, background.Total(func(context.Context, engine.Tx) (int64, error) { return 0, errors.New("who knows") }))
		registry.RegisterAlone("at_once", func(context.Context, *background.Alone) (background.Result, error) {
			if place.hasRates(t) {
				t.Error("the table is made too early")
			}
			return background.Result{Items: 1, Done: true}, nil
		})
		for _, name := range []string{"at_once", "alone"} {
			runBatches(t, place, registry, 1, func(config *background.Config) { config.Only = []string{name} })
		}
		runBatches(t, place, registry, 1)
		if rate := place.rates(t)["alone"]; rate.Items != 10 || rate.Batches != 2 || rate.Total != nil || rate.TimeLeft() != nil {
			t.Errorf("%+v", rate)
		}
		_ = newUpdater(t, place, registry).Run(t.Context())
		if rates := place.rates(t); len(rates) > 0 {
			t.Errorf("%+v", rates)
		}
	})
}

// Nobody runs an update while it is held.
func TestTimeInWhichUpdatesAreHeldDoesNotCount(t *testing.T) {
	t.Parallel()
	place, clock := newAddress(t, engine.SQLite), newClock()
	place.newNumbers(t, 1000)
	place.enqueue(t, "fill")
	var updater *background.Updater
	updater = newUpdater(t, place, timedFill(clock), func(config *background.Config) {
		config.Clock, config.Pacing.MaxBatchSize = clock, 100
		config.OnBatch = func(report background.Report) {
			if rate := updater.Status().Current; rate != nil && rate.Rate.PerSecond() < 900 {
				t.Errorf("%+v", rate.Rate)
			}
			updater.SetEnabled(report.Done)
			go func() {
				clock.advance(time.Hour)
				updater.SetEnabled(true)
			}()
		}
	})
	if err := updater.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	total := func(items int64) *int64 { return &items }
	for name, test := range map[string]struct {
		rate  background.Rate
		speed float64
		left  string
	}{
		"nothing yet":            {background.Rate{Total: total(10)}, 0, "unknown"},
		"unknown total":          {background.Rate{Items: 5, RecentItems: 5, RecentTime: time.Second}, 5, "unknown"},
		"half":                   {background.Rate{Items: 50, Total: total(100), RecentItems: 5, RecentTime: time.Second}, 5, "10s"},
		"more than there were":   {background.Rate{Items: 101, Total: total(100), RecentItems: 5, RecentTime: time.Second}, 5, "unknown"},
		"nothing to do of late":  {background.Rate{Items: 50, Total: total(100), RecentTime: time.Second}, 0, "unknown"},
		"longer than time lasts": {background.Rate{Total: total(1 << 62), RecentItems: 0.001, RecentTime: time.Hour}, 0.001 / 3600, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := "unknown"
			if known := test.rate.TimeLeft(); known != nil {
				left = known.String()
			}
			if left != test.left || test.rate.PerSecond() != test.speed {
				t.Errorf("%s left at %v items per second", left, test.rate.PerSecond())
			}
		})
	}
}

func TestTotalRows(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 5000)
		ask := func(total func(context.Context, engine.Tx) (int64, error)) (rows int64, err error) {
			err = place.Session(t).Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) (err error) {
				rows, err = total(t.Context(), tx)
				return err
			})
			return rows, err
		}
		table := "numbers"
		if place.Engine == engine.Postgres {
			place.exec(t, "ALTER TABLE numbers SET (autovacuum_enabled = false)", `CREATE TABLE "Never Read" (id BIGINT)`)
			if rows, err := ask(background.FillColumn{Table: `"Never Read"`}.Total); rows != -1 || err != nil {
				t.Errorf("%d rows, %v", rows, err)
			}
			table = `public."numbers"`
		}
		if place.Engine != engine.SQLite {
			place.exec(t, "ANALYZE "+map[engine.Kind]string{engine.MySQL: "TABLE "}[place.Engine]+"numbers")
		}
		for _, total := range []func(context.Context, engine.Tx) (int64, error){
			background.FillColumn{Table: table}.Total, background.Statement{Table: table}.Total, background.ValidateAndDelete{Table: table}.Total,
		} {
			if rows, err := ask(total); err != nil || rows < 4500 || rows > 5500 {
				t.Errorf("about %d rows, %v", rows, err)
			}
		}
		place.exec(t, "CREATE TABLE bare (id INTEGER PRIMARY KEY)"+map[engine.Kind]string{engine.SQLite: " WITHOUT ROWID"}[place.Engine])
		if rows, err := ask(background.FillColumn{Table: "bare"}.Total); (err != nil) != (place.Engine == engine.SQLite) || rows > 0 {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}
