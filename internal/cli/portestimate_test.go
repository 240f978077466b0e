package cli

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/portview"
	"github.com/synapsedb/synapse/port"
)

func TestTheTimeLeftCountsWhatHasNotBegun(t *testing.T) {
	t.Parallel()
	all := phasesOf(&port.Options{})
	scanned := []port.Step{{Phase: port.PhasePreflight, Seconds: 100}, {Phase: port.PhaseScan, Seconds: 10}}
	copied := slices.Concat(scanned, []port.Step{{Phase: port.PhaseCopy, Seconds: 40}, {Phase: port.PhaseSequences, Seconds: 1}})
	for name, c := range map[string]struct {
		phases   []share
		state    port.State
		steps    []port.Step
		fraction float64
		left     time.Duration
	}{
		"nothing begun": {phases: all},
		"the scan's rows are only an upper bound": {
			phases: all, state: port.State{Phase: port.PhaseScan, Done: 30, Total: 60, Elapsed: time.Minute}, fraction: 0.5 / 6,
		},
		"too early": {
			phases: all, state: port.State{Phase: port.PhaseCopy, Done: 1, Total: 4, Elapsed: time.Second / 2}, steps: scanned, fraction: 2.0 / 6,
		},
		"copy: 30 s of it, and 10 s of the comparison": {
			phases: all, state: port.State{Phase: port.PhaseCopy, Done: 1, Total: 4, Elapsed: 10 * time.Second}, steps: scanned,
			fraction: 2.0 / 6, left: 40 * time.Second,
		},
		"copy without a comparison": {
			phases: phasesOf(&port.Options{NoVerify: true}), state: port.State{Phase: port.PhaseCopy, Done: 1, Total: 4, Elapsed: 10 * time.Second},
			steps: scanned, fraction: 2.0 / 5, left: 30 * time.Second,
		},
		"all rows copied, indexes are built": {
			phases: all, state: port.State{Phase: port.PhaseCopy, Done: 4, Total: 4, Elapsed: 40 * time.Second}, steps: scanned,
			fraction: 5.0 / 6, left: 10 * time.Second,
		},
		"between copy and comparison": {phases: all, state: port.State{Phase: port.PhaseSequences}, steps: copied[:3], fraction: 5.0 / 6},
		"comparison": {
			phases: all, state: port.State{Phase: port.PhaseVerify, Done: 1, Total: 4, Elapsed: 2 * time.Second}, steps: copied,
			fraction: 5.25 / 6, left: 6 * time.Second,
		},
		"a check": {
			phases: phasesOf(&port.Options{Check: true}), state: port.State{Phase: port.PhaseScan, Done: 1, Total: 4}, fraction: 0.25,
		},
	} {
		fraction, left := whole(c.phases, c.state, c.steps)
		if math.Abs(fraction-c.fraction) > 1e-9 || left.Round(time.Millisecond) != c.left {
			t.Errorf("%s: %v done, %v left; want %v, %v", name, fraction, left, c.fraction, c.left)
		}
	}
}

func TestFiguresOfTheView(t *testing.T) {
	t.Parallel()
	state := port.State{
		Phase: port.PhaseCopy, Done: 3_000, Total: 10_000, Bytes: 122_400_000, Elapsed: 2 * time.Second,
		Tables: []port.TableState{
			{Name: "a", Done: 1000, Total: 4000, Elapsed: time.Second},
			{Name: "b", Done: 2000, Total: 2000, Elapsed: time.Second, Note: "index b_idx"},
			{Name: "c", Total: 4000},
			{Name: "d", Ended: true, Elapsed: time.Second},
		},
	}
	if diff := cmp.Diff([]string{"about 1m5s left", "1,500 rows/s", "61.2 MB/s", "3,000 of 10,000 rows"}, figures(state, 65*time.Second)); diff != "" {
		t.Error(diff)
	}
	state.Phase, state.Bytes = port.PhaseScan, 0
	if diff := cmp.Diff([]string{"1,500 rows/s", "3,000 rows"}, figures(state, 0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]portview.Table{
		{Name: "a", Done: 1000, Total: 4000, Begun: true, Figures: "1,000 of 4,000  1,000 rows/s"},
		{Name: "b", Done: 2000, Total: 2000, Begun: true, Figures: "2,000 of 2,000  index b_idx"},
		{Name: "c", Total: 4000, Figures: "0 of 4,000"},
		{Name: "d", Begun: true, Ended: true, Figures: "0 of 0"},
	}, viewTables(state)); diff != "" {
		t.Error(diff)
	}
}
