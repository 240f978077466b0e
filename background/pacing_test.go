package background_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// sizes runs an update of so many batches, each of which takes what cost says, and gives their sizes.
func sizes(t *testing.T, batches int, cost func(size int) time.Duration, change ...func(*background.Config)) ([]int, []time.Duration) {
	t.Helper()
	place, clock, got := newAddress(t, engine.SQLite), newClock(), []int{}
	place.enqueue(t, "paced")
	registry := background.NewRegistry()
	registry.Register("paced", func(_ context.Context, batch *background.Batch) (background.Result, error) {
		got = append(got, batch.Size)
		clock.advance(cost(batch.Size))
		return background.Result{Items: batch.Size, Done: len(got) == batches}, nil
	})
	change = slices.Insert(change, 0, func(config *background.Config) { config.Clock, config.Pacing = clock, background.Pacing{Parts: 1} })
	if err := newUpdater(t, place, registry, change...).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return got, clock.slept()
}

// each item takes so long.
func perItem(duration time.Duration) func(int) time.Duration {
	return func(size int) time.Duration { return time.Duration(size) * duration }
}

func TestBatchSizeFollowsTheTarget(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cost   func(int) time.Duration
		change func(*background.Pacing)
		want   []int
	}{
		"grows step by step":     {perItem(100 * time.Microsecond), nil, []int{100, 200, 400, 800, 1000, 1000}},
		"shrinks at once":        {perItem(10 * time.Millisecond), nil, []int{100, 10, 10, 10, 10, 10}},
		"smallest":               {perItem(time.Second), nil, []int{100, 1, 1, 1, 1, 1}},
		"smallest as configured": {perItem(time.Second), func(p *background.Pacing) { p.MinBatchSize = 7 }, []int{100, 7, 7, 7, 7, 7}},
		"first as configured":    {perItem(time.Millisecond), func(p *background.Pacing) { p.DefaultBatchSize = 30 }, []int{30, 60, 100, 100, 100, 100}},
		"target as configured":   {perItem(time.Millisecond), func(p *background.Pacing) { p.Target = 50 * time.Millisecond }, []int{100, 50, 50, 50, 50, 50}},
		"faster than the clock":  {perItem(0), nil, []int{100, 200, 400, 800, 1600, 3200}},
		"largest":                {perItem(0), func(p *background.Pacing) { p.MaxBatchSize = 500 }, []int{100, 200, 400, 500, 500, 500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, waits := sizes(t, len(test.want), test.cost, func(config *background.Config) {
				if test.change != nil {
					test.change(&config.Pacing)
				}
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(slices.Repeat([]time.Duration{time.Second}, len(test.want)), waits); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// One slow batch does not throw the size away.
func TestBatchSizeIsSmoothed(t *testing.T) {
	t.Parallel()
	count := 0
	got, _ := sizes(t, 4, func(size int) time.Duration {
		if count++; count == 2 {
			return 200 * time.Millisecond
		}
		return time.Duration(size) * time.Millisecond
	})
	if diff := cmp.Diff([]int{100, 100, 90, 91}, got); diff != "" {
		t.Error(diff)
	}
}

// A batch is divided as soon as it is known to be worth while: a part takes at least three times what the shortest batch took, which
// may all have been for its beginning. The share of the time is the same.
func TestBatchesAreDivided(t *testing.T) {
	t.Parallel()
	fixedCost := func(fixed, item time.Duration) func(int) time.Duration {
		return func(size int) time.Duration { return fixed + time.Duration(size)*item }
	}
	for name, test := range map[string]struct {
		cost  func(int) time.Duration
		parts int // as configured
		want  []int
		waits []int64 // ms
	}{
		"fast":           {perItem(time.Microsecond), 0, []int{100, 200, 400, 800, 1600}, []int64{1000, 100, 100, 100, 100}},
		"the last size":  {perItem(10 * time.Microsecond), 0, []int{100, 200, 400, 800, 1000, 1000}, []int64{1000, 100, 100, 100, 100, 100}},
		"as configured":  {perItem(10 * time.Microsecond), 5, []int{100, 200, 400, 800, 1600, 2000}, []int64{1000, 200, 200, 200, 200, 200}},
		"slow":           {perItem(time.Millisecond), 0, []int{100, 100, 100}, []int64{1000, 1000, 1000}},
		"a fixed cost":   {fixedCost(8*time.Millisecond, 0), 0, []int{100, 200, 343, 416}, []int64{1000, 250, 250, 250}},
		"a greater cost": {fixedCost(20*time.Millisecond, 0), 0, []int{100, 200, 400}, []int64{1000, 1000, 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, waits := sizes(t, len(test.want), test.cost, func(config *background.Config) { config.Pacing.Parts = test.parts })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			pauses := []int64{}
			for _, wait := range waits {
				pauses = append(pauses, wait.Milliseconds())
			}
			if diff := cmp.Diff(test.waits, pauses); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An update gives way to sessions that are at work, and no more than ten times.
func TestPausesGrowWithTheSessionsAtWork(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place, clock := newAddress(t, kind), newClock()
			place.enqueue(t, "paced")
			stop := workBeside(t, place)
			registry := background.NewRegistry()
			registry.Register("paced", func(_ context.Context, batch *background.Batch) (background.Result, error) {
				waits := clock.slept()
				last := waits[len(waits)-1]
				if stop != nil && last >= 2*time.Second { // the tests beside this one may be at work as well
					stop()
					stop = nil
				}
				return background.Result{Items: batch.Size, Done: len(waits) > 500 || stop == nil && last < 2*time.Second}, nil
			})
			paced := func(config *background.Config) { config.Clock, config.Pacing = clock, background.Pacing{Parts: 1} }
			if err := newUpdater(t, place, registry, paced).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			waits := clock.slept()
			if waits[0] != time.Second || slices.Max(waits) < 2*time.Second || slices.Max(waits) > 10*time.Second || len(waits) > 500 {
				t.Errorf("%d pauses: %v", len(waits), waits)
			}
		})
	}
}

func TestPacingIsChecked(t *testing.T) {
	t.Parallel()
	for _, pacing := range []background.Pacing{
		{Target: -1}, {Sleep: -1}, {MinBatchSize: -1}, {DefaultBatchSize: -5}, {MinBatchSize: 5, MaxBatchSize: 4}, {Growth: 0.5}, {Parts: -1},
	} {
		_, err := background.New(background.Config{Pacing: pacing, Registry: background.NewRegistry(), Open: address{}.Open})
		if err == nil {
			t.Errorf("%+v is accepted", pacing)
		}
	}
}

// controller answers as it is told, and writes down what it was asked.
type controller struct {
	target   time.Duration
	first    int
	smallest int
	err      error
	asked    []string
	released int
}

func (c *controller) OnUpdate(_ context.Context, update, database string, oneshot bool) (time.Duration, func(), error) {
	kind := "in batches"
	if oneshot {
		kind = "oneshot"
	}
	c.asked = append(c.asked, update+" of "+database+" "+kind)
	err := c.err
	c.err = nil
	return c.target, func() { c.released++ }, err
}

func (c *controller) DefaultBatchSize(context.Context, string, string) (int, error) {
	return c.first, nil
}

func (c *controller) MinBatchSize(context.Context, string, string) (int, error) {
	return c.smallest, nil
}

func TestControllerDecides(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		controller controller
		paces      bool
		want       []int
		waits      []time.Duration
	}{
		"nothing":        {controller{}, false, []int{100, 100, 100}, slices.Repeat([]time.Duration{time.Second}, 3)},
		"target":         {controller{target: 10 * time.Millisecond}, false, []int{100, 10, 10}, slices.Repeat([]time.Duration{time.Second}, 3)},
		"sizes":          {controller{target: 10 * time.Millisecond, first: 40, smallest: 20}, true, []int{40, 20, 20}, nil},
		"its own pauses": {controller{}, true, []int{100, 100, 100}, nil},
		"fails once":     {controller{err: errors.New("busy")}, true, []int{100, 100, 100}, []time.Duration{time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failing := test.controller.err != nil
			got, waits := sizes(t, 3, perItem(time.Millisecond), func(config *background.Config) {
				config.Controller, config.ControllerPaces, config.Name = &test.controller, test.paces, "here"
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.waits, waits); diff != "" {
				t.Error(diff)
			}
			if test.controller.asked[0] != "paced of here in batches" || !failing && test.controller.released != 3 {
				t.Errorf("asked %q, released %d times", test.controller.asked, test.controller.released)
			}
		})
	}
}

// workBeside keeps two sessions at work until stop is called.
func workBeside(t *testing.T, place address) (stop func()) {
	t.Helper()
	query := "SELECT count(*) FROM generate_series(1, 1000000)"
	if place.Engine == engine.MySQL {
		query = "SELECT BENCHMARK(2000000, 1 + 1)"
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 2 {
		session, err := place.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			var count int64
			for session.QueryRow(ctx, query).Scan(&count) == nil {
			}
			_ = session.Close() // what was under way was cancelled
		})
	}
	stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
	})
	t.Cleanup(stop)
	return stop
}
