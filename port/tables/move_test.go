package tables_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
)

// What goes from any engine to any other and from there back to SQLite is what was put into SQLite at first.
func TestEveryDirection(t *testing.T) {
	t.Parallel()
	all := dbtest.Rounds(t, 2) > 1 // the short form goes round once, and to an engine's own kind once
	for i, from := range anyengine.Engines() {
		for j, to := range anyengine.Engines() {
			next, own := (i+1)%len(anyengine.Engines()) == j, from == engine.Postgres && to == engine.Postgres
			if !all && !next && !own {
				continue
			}
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				t.Parallel()
				source, target, back := filled(t, from), anyengine.New(t, to), anyengine.New(t, engine.SQLite)
				report := move(t, source, target, sample(t))
				if report.Result != tables.ResultOK || report.Rows != 14 || len(report.Tables) != 4 || report.Leftover {
					t.Errorf("%+v", report)
				}
				move(t, target, back, sample(t))
				if diff := cmp.Diff(contentsOf(t, filled(t, engine.SQLite)), contentsOf(t, back)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}
