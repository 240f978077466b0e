package background_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
)

// The figures of a Status come from the last look at the updates.
func TestStatusCountsPendingUpdates(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.enqueue(t, "a", "b after a", "broken", "unknown", "c @9")
		registry, seen := background.NewRegistry(), []string{}
		for _, name := range []string{"a", "b", "c"} {
			registry.Register(name, nothing)
		}
		registry.Register("broken", func(context.Context, *background.Batch) (background.Result, error) {
			return background.Result{}, errors.New("never")
		})
		var updater *background.Updater
		updater = newUpdater(t, place, registry, attemptsOnce, func(config *background.Config) {
			config.OnBatch = func(report background.Report) {
				status := updater.Status()
				seen = append(seen, fmt.Sprintf("%s: %d pending, %d set aside", report.Update, status.Pending, status.SetAside))
			}
		})
		if status := updater.Status(); status.Pending != 0 {
			t.Errorf("before the first look: %+v", status)
		}
		if _, isLeft := errors.AsType[*background.LeftError](updater.Run(t.Context())); !isLeft {
			t.Error("nothing is left")
		}
		want := []string{
			"a: 4 pending, 0 set aside", "b: 3 pending, 0 set aside", "broken: 3 pending, 0 set aside", "c: 2 pending, 1 set aside",
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
		if status := updater.Status(); status.Pending != 2 || status.SetAside != 1 {
			t.Errorf("after the run: %+v", status)
		}
		place.exec(t, "DELETE FROM background_updates")
		if err := updater.Run(t.Context()); err != nil || updater.Status().Pending != 0 {
			t.Errorf("%v, %+v", err, updater.Status())
		}
	})
}
