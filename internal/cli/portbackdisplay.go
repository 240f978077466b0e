package cli

import (
	"fmt"

	"github.com/synapsedb/synapse/port/back"
)

// backPhases are what a phase is called on the screen.
var backPhases = map[back.Phase]string{ //nolint:gochecknoglobals // constant
	back.PhasePreflight: "Checking both sides",
	back.PhasePrepare:   "Making the tables",
	back.PhaseCopy:      "Copying",
	back.PhaseIndexes:   "Building indexes",
	back.PhaseExamine:   "Examining the file",
	back.PhaseVerify:    "Comparing both sides",
	back.PhaseFinish:    "Bringing the file to the disk",
}

// showPortBack shows how far a move is, until the function that it returns is called.
func (e *environment) showPortBack(progress *back.Progress) (stop func()) {
	return showPhases(e, phasedJob[back.Phase]{
		names: backPhases,
		over: func() (over []back.Phase) {
			for _, step := range progress.Steps() {
				over = append(over, step.Phase)
			}
			return over
		},
		now: func() (present back.Phase, far string) {
			state := progress.Snapshot()
			return state.Phase, backLine(state)
		},
		lines: func(int) []string {
			if line := backLine(progress.Snapshot()); line != "" {
				return []string{line}
			}
			return nil
		},
	})
}

// backLine says what is being done, "" when nothing is; the total is the server's estimate.
func backLine(state back.State) string {
	text := backPhases[state.Phase]
	if state.Table != "" {
		text += " " + state.Table
	}
	if state.Done > 0 {
		text += fmt.Sprintf(": %s rows, %s rows/s", number(state.Done), number(rate(state.Done, state.Elapsed)))
	}
	if left, known := timeLeft(state.Done, state.Total, state.Elapsed); known {
		text += ", about " + left + " left"
	}
	return text
}
