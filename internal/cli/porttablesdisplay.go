package cli

import (
	"fmt"
	"time"

	"github.com/synapsedb/synapse/port/tables"
)

// tablesDisplay shows how far a move of tables is.
type tablesDisplay struct {
	*lineDisplay
	now   tables.Progress
	begun time.Time // the phase
}

func (e *environment) showPortTables() *tablesDisplay {
	d := &tablesDisplay{}
	d.lineDisplay = e.showLine(d.text)
	return d
}

// update takes down how far it is. In a pipe each phase is said when it begins.
func (d *tablesDisplay) update(progress tables.Progress) {
	d.change(func() (begins bool) {
		begins = progress.Phase != d.now.Phase
		if begins {
			d.begun = time.Now()
		}
		d.now = progress
		return begins
	})
}

// text says what is being done.
func (d *tablesDisplay) text() string {
	text := map[tables.Phase]string{
		tables.PhasePreflight: "Checking both sides", tables.PhaseScan: "Reading the source", tables.PhasePrepare: "Preparing the target",
		tables.PhaseCopy: "Copying", tables.PhaseVerify: "Comparing both sides", tables.PhaseFinish: "Finishing",
	}[d.now.Phase]
	if d.now.Done == 0 {
		return text
	}
	elapsed := time.Since(d.begun)
	text += fmt.Sprintf(": %s rows, %s rows/s", number(d.now.Done), number(rate(d.now.Done, elapsed)))
	if left, known := timeLeft(d.now.Done, d.now.Total, elapsed); known {
		text += ", about " + left + " left"
	}
	return text
}
