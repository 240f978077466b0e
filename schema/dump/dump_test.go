package dump_test

import "testing"

func TestFullSchemaEqualsDeltasFromTheStart(t *testing.T) {
	t.Parallel()
	onEngines(t, everyEngine(), func(t *testing.T, on *scene) { on.proves(library(t)) })
}
