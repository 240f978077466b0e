package cli

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/synapsedb/synapse/internal/portview"
	"github.com/synapsedb/synapse/port"
)

// share is how long a phase takes compared with others.
type share struct {
	phase port.Phase
	parts float64
}

// phasesOf are the phases whose time grows with the data. Their shares are those measured in docs/PERFORMANCE.md; they only count
// for phases that have not begun.
func phasesOf(options *port.Options) []share {
	shares := []share{{port.PhaseScan, 1}}
	if options.Check {
		return shares
	}
	shares = append(shares, share{port.PhaseCopy, 4})
	if !options.NoVerify {
		shares = append(shares, share{port.PhaseVerify, 1})
	}
	return shares
}

// estimate says how far the whole port is, and how long it will still take.
type estimate struct {
	progress *port.Progress
	phases   []share
	begun    time.Time
}

// view is what the full-screen view shows now.
func (e *estimate) view(title string, stopping bool) portview.View {
	state := e.progress.Snapshot()
	fraction, left := whole(e.phases, state, e.progress.Steps())
	return portview.View{
		Title: title, Clock: time.Since(e.begun).Round(time.Second).String(), Phase: cmp.Or(phaseNames[state.Phase], "Ending"),
		Fraction: fraction, Figures: figures(state, left), Tables: viewTables(state), Stopping: stopping,
	}
}

// whole is the part of all work that is done, and the time that the rest takes; zero when it cannot be said yet. What is left of the
// present phase goes as fast as what is done of it, all its tables counted, begun or not; later phases take the time that
// theirs is to the share that is done.
func whole(phases []share, state port.State, steps []port.Step) (fraction float64, left time.Duration) {
	spent := map[port.Phase]float64{}
	for _, step := range steps {
		spent[step.Phase] += step.Seconds
	}
	present := slices.IndexFunc(phases, func(s share) bool { return s.phase == state.Phase })
	var all, done, seconds, later float64
	for i, phase := range phases {
		all += phase.parts
		switch _, over := spent[phase.phase]; {
		case i == present:
			done += phase.parts * partOf(state)
			seconds += state.Elapsed.Seconds()
		case over:
			done += phase.parts
			seconds += spent[phase.phase]
		default:
			later += phase.parts
		}
	}
	fraction = done / all
	// The scan knows the rows only as an upper bound, so what is left of it cannot be said.
	if present < 0 || state.Phase == port.PhaseScan || state.Elapsed < time.Second || state.Done <= 0 || done <= 0 {
		return fraction, 0
	}
	rest := state.Elapsed.Seconds() * (1 - partOf(state)) / partOf(state)
	return fraction, time.Duration((rest + later*seconds/done) * float64(time.Second))
}

// partOf is the part of the present phase's rows that is done.
func partOf(state port.State) float64 {
	if state.Total <= 0 {
		return 0
	}
	return min(float64(state.Done)/float64(state.Total), 1)
}

// figures are the time left, the rate and the rows of the present phase, the most important first.
func figures(state port.State, left time.Duration) []string {
	var texts []string
	if left >= time.Second {
		texts = append(texts, "about "+left.Round(time.Second).String()+" left")
	}
	if state.Done <= 0 {
		return texts
	}
	rows := number(state.Done) + " rows"
	if state.Phase != port.PhaseScan {
		rows = fmt.Sprintf("%s of %s rows", number(state.Done), number(state.Total))
	}
	texts = append(texts, number(rate(state.Done, state.Elapsed))+" rows/s")
	if state.Bytes > 0 {
		texts = append(texts, bytesRate(state))
	}
	return append(texts, rows)
}

func viewTables(state port.State) []portview.Table {
	tables := make([]portview.Table, 0, len(state.Tables))
	for _, table := range state.Tables {
		text := fmt.Sprintf("%s of %s", number(table.Done), number(table.Total))
		switch {
		case table.Note != "" && table.Done >= table.Total && !table.Ended:
			text += "  " + table.Note
		case table.Elapsed > 0 && !table.Ended:
			text += "  " + number(rate(table.Done, table.Elapsed)) + " rows/s"
		}
		tables = append(tables, portview.Table{
			Name: table.Name, Done: table.Done, Total: table.Total, Begun: table.Elapsed > 0, Ended: table.Ended, Figures: text,
		})
	}
	return tables
}
