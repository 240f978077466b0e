package upstream

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// TestInterruptedUpgrades stops an upgrade after some of its steps, and expects the next one to end where an undisturbed
// one does.
func TestInterruptedUpgrades(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			undisturbed := newScene(t, kind)
			undisturbed.mustPrepare(release(72, 68), example())
			total := len(undisturbed.mustPrepare(release(94, 84), example()).Plan.Steps)
			want := undisturbed.everything()
			for stop := 1; stop < total; stop += 9 {
				t.Run(fmt.Sprint(stop), func(t *testing.T) {
					t.Parallel()
					on := newScene(t, kind)
					on.mustPrepare(release(72, 68), example())
					interrupt(t, on, stop)
					on.mustPrepare(release(94, 84), example())
					if diff := cmp.Diff(want, on.everything()); diff != "" {
						t.Error(diff)
					}
					record, _ := files(kind, 73, "main", "state")
					if diff := cmp.Diff(record, on.applied()); diff != "" {
						t.Error(diff)
					}
				})
			}
		})
	}
}

// interrupt upgrades as far as a step.
func interrupt(t *testing.T, on *scene, stop int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	options := example()
	options.OnStep = func(_ *schema.Step, done, _ int) {
		if done == stop {
			cancel()
		}
	}
	session, err := on.open() // it may be of no use afterwards
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := schema.Prepare(ctx, session, readSet(t, release(94, 84)), options); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if applied := len(on.applied()); applied != stop {
		t.Fatalf("%d steps were applied, want %d", applied, stop)
	}
}
