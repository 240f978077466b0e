package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// A database that somebody fills is guarded from the first moment of its creation to the last of its filling, whatever comes between.
func TestDatabaseThatIsBeingFilled(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		broken := newSet(t, library(5, func(definition *schema.Definition) {
			definition.GoDeltas[0].Create = func(context.Context, engine.Tx) error { return errors.New("it ends here") }
		}))
		filling := schema.Options{Filling: "a port"}
		if _, err := tryPrepare(t, place, broken, filling); err == nil {
			t.Fatal("the creation was not interrupted")
		}
		if place.Engine == engine.MySQL { // where something is left of it
			guarded(t, place, newSet(t, library(5)))
		}
		if _, err := tryPrepare(t, place, newSet(t, library(5)), filling); err != nil {
			t.Fatal(err)
		}
		guarded(t, place, newSet(t, library(5)))
		if _, err := tryPrepare(t, place, newSet(t, library(latest)), filling); err != nil { // a newer release goes on
			t.Fatal(err)
		}
		guarded(t, place, newSet(t, library(latest)))
		if got := state(t, place); got.Filling != "a port" || got.Version != latest || got.Creating {
			t.Errorf("%+v", got)
		}
		ended(t, place)
		if result := prepare(t, place, latest); result.Changed {
			t.Errorf("%+v", result)
		}
		place.With(t, func(session engine.Session) error {
			return session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error { return schema.Fill(t.Context(), tx, "a port") })
		})
		guarded(t, place, newSet(t, library(latest)))
		ended(t, place)
		before := dump(t, place)
		prepare(t, place, latest)
		if diff := cmp.Diff(before, dump(t, place)); diff != "" {
			t.Error(diff)
		}
	})
}

// guarded fails when a program, or another one who fills, may use a database.
func guarded(t *testing.T, place address, set *schema.Set) {
	t.Helper()
	for _, other := range []string{"", "another port"} {
		_, err := tryPrepare(t, place, set, schema.Options{Filling: other})
		if refused, is := errors.AsType[*schema.TooNewError](err); !is || refused.CompatVersion != schema.GuardVersion {
			t.Errorf("filling %q: %v", other, err)
		}
	}
	place.With(t, func(session engine.Session) error {
		status, err := schema.Inspect(t.Context(), session, set, schema.Options{})
		if err == nil && (status.Verdict != schema.Unfinished || !strings.Contains(status.Problem, "port")) {
			t.Errorf("%+v", status)
		}
		return err
	})
}

func ended(t *testing.T, place address) {
	t.Helper()
	place.With(t, func(session engine.Session) error {
		return session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error { return schema.Filled(t.Context(), tx, latest-1) })
	})
}
