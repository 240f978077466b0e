package background_test

import (
	"context"
	"errors"
	"slices"
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
	change = slices.Insert(change, 0, func(config *background.Config) { config.Clock, config.Pacing = clock, background.Pacing{} })
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

func TestPacingIsChecked(t *testing.T) {
	t.Parallel()
	for _, pacing := range []background.Pacing{
		{Target: -1}, {Sleep: -1}, {MinBatchSize: -1}, {DefaultBatchSize: -5}, {MinBatchSize: 5, MaxBatchSize: 4}, {Growth: 0.5},
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
