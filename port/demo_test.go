package port_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/port"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// small is a demo with every difficulty, and tables larger than one batch of the tests' own.
var small = demo.Options{Events: 150, Seed: 7} //nolint:gochecknoglobals // a constant of a type that cannot be one

// Whatever the batch size and the number of connections, both sides hold the same rows: negative rowids, gaps and
// tables of several batches included.
func TestDemoPortsRowByRow(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name            string
		batchSize, jobs int
	}{{"usual", 0, 0}, {"one row in a batch", 1, 3}, {"seven rows in a batch, one connection", 7, 1}} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			source, target := demoSource(t, small), preparedTarget(t)
			folder, before := dbtest.Listing(t, filepath.Dir(source)), beforePort(t, target)
			report, err := portInto(t, source, target, func(o *port.Options) {
				o.BatchSize, o.Jobs, o.ServerName = how.batchSize, how.jobs, demo.DefaultServerName
			})
			if err != nil {
				t.Fatal(err)
			}
			sides := comparison{source: openSource(t, source), target: target.Connect(t)}
			if rows := sides.differences(t); rows < 1000 {
				t.Errorf("only %d rows were compared", rows)
			}
			if events := sides.sameSearch(t, searchTexts); events < 50 {
				t.Errorf("only %d texts were compared", events)
			}
			if columns := sides.checkBooleans(t); columns != len(nullableBooleans()) {
				t.Errorf("%d columns of booleans were compared, want %d", columns, len(nullableBooleans()))
			}
			checkFinished(t, target, before, report)
			if difference := cmp.Diff(folder, dbtest.Listing(t, filepath.Dir(source))); difference != "" {
				t.Errorf("the source's folder changed:\n%s", difference)
			}
		})
	}
}
