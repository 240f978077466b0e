package dump_test

import (
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

func TestFullSchemaEqualsDeltasFromTheStart(t *testing.T) {
	t.Parallel()
	onEngines(t, anyengine.Engines(), func(t *testing.T, on *scene) { on.proves(library(t)) })
}
