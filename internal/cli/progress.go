package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/synapsedb/synapse/port"
)

// phaseNames are what a phase is called on the screen.
var phaseNames = map[port.Phase]string{ //nolint:gochecknoglobals // constant
	port.PhasePreflight: "Checking both sides",
	port.PhaseScan:      "Reading the source for values that do not convert",
	port.PhaseCopy:      "Copying, building indexes and foreign keys",
	port.PhaseSequences: "Setting sequences",
	port.PhaseVerify:    "Comparing both sides",
	port.PhaseFinish:    "Finishing",
}

// showProgress shows how far a port is, until the function that it returns is called.
func (e *environment) showProgress(progress *port.Progress) (stop func()) {
	return showPhases(e, phasedJob[port.Phase]{
		names: phaseNames,
		over: func() (over []port.Phase) {
			for _, step := range progress.Steps() {
				over = append(over, step.Phase)
			}
			return over
		},
		now: func() (present port.Phase, far string) {
			state := progress.Snapshot()
			if state.Total > 0 {
				far = overall(state)
			}
			return state.Phase, far
		},
		lines: func(most int) []string { return progressLines(progress.Snapshot(), most) },
	})
}

// mostTables is how many tables are shown while they are worked on.
const mostTables = 8

// progressLines are the lines for a state: the whole, then the tables being worked on, the largest first.
func progressLines(state port.State, most int) []string {
	name, known := phaseNames[state.Phase]
	if !known || most < 1 {
		return nil
	}
	if state.Total == 0 {
		return []string{name}
	}
	lines := []string{name + ": " + overall(state)}
	var active []port.TableState
	for _, table := range state.Tables {
		if table.Elapsed > 0 && !table.Ended {
			active = append(active, table)
		}
	}
	slices.SortFunc(active, func(a, b port.TableState) int { return cmp.Compare(b.Total-b.Done, a.Total-a.Done) })
	for _, table := range active[:min(len(active), mostTables, most-1)] {
		lines = append(lines, tableLine(table))
	}
	return lines
}

func overall(state port.State) string {
	text := fmt.Sprintf("%s of %s rows", number(state.Done), number(state.Total))
	if state.Phase == port.PhaseScan {
		text = number(state.Done) + " rows" // the total is only an upper bound
	}
	text += fmt.Sprintf(", %s rows/s", number(rate(state.Done, state.Elapsed)))
	if state.Bytes > 0 {
		text += ", " + bytesRate(state)
	}
	if left, known := timeLeft(state.Done, state.Total, state.Elapsed); known && state.Phase != port.PhaseScan {
		text += ", " + left + " left"
	}
	return text
}

func tableLine(table port.TableState) string {
	text := fmt.Sprintf("  %-40s %14s of %-14s", table.Name, number(table.Done), number(table.Total))
	if table.Note != "" && table.Done >= table.Total {
		return text + " " + table.Note
	}
	text += fmt.Sprintf(" %12s rows/s", number(rate(table.Done, table.Elapsed)))
	if left, known := timeLeft(table.Done, table.Total, table.Elapsed); known {
		text += ", " + left + " left"
	}
	return text
}

// bytesRate is how fast the rows of the present phase go, in MB of 1,000,000 bytes.
func bytesRate(state port.State) string {
	return fmt.Sprintf("%.1f MB/s", float64(rate(state.Bytes, state.Elapsed))/1e6)
}

func rate(done int64, elapsed time.Duration) int64 {
	if elapsed <= 0 {
		return 0
	}
	return int64(float64(done) / elapsed.Seconds())
}

// timeLeft supposes that the rest goes as fast as what is done.
func timeLeft(done, total int64, elapsed time.Duration) (string, bool) {
	if done <= 0 || total <= done || elapsed < time.Second {
		return "", false
	}
	left := time.Duration(float64(elapsed) * float64(total-done) / float64(done))
	return left.Round(time.Second).String(), true
}

// number writes an integer with commas between thousands.
func number(value int64) string {
	digits := strconv.FormatInt(value, 10)
	sign := ""
	if value < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
