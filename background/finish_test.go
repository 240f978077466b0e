package background_test

import (
	"errors"
	"testing"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// A start that needs updates runs them, and is told of what it needs and cannot have.
func TestFinish(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, kind)
			registry := background.NewRegistry()
			registry.Register("needed", nothing)
			finish := background.Finish(background.Config{Open: place.Open, Registry: registry})
			place.enqueue(t, "needed", "foreign")
			if err := finish(t.Context(), []string{"needed"}); err != nil {
				t.Error(err)
			}
			err := finish(t.Context(), []string{"needed", "foreign"})
			left, isLeft := errors.AsType[*background.LeftError](err)
			if !isLeft || len(left.Left) != 1 || left.Left[0].Name != "foreign" {
				t.Error(err)
			}
		})
	}
}
