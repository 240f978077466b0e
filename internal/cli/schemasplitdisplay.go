package cli

import (
	"fmt"
	"time"

	"github.com/synapsedb/synapse/port/split"
)

// splitDisplay shows how far a split is.
type splitDisplay struct {
	*lineDisplay
	now   split.Progress
	begun time.Time // the phase
}

func (e *environment) showSplit() *splitDisplay {
	d := &splitDisplay{}
	d.lineDisplay = e.showLine(d.text)
	return d
}

// update takes down how far it is. In a pipe each phase is said when it begins.
func (d *splitDisplay) update(progress split.Progress) {
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
func (d *splitDisplay) text() string {
	text := map[split.Phase]string{
		split.PhaseCheck: "Checking both sides", split.PhasePrepare: "Creating the tables of state", split.PhaseCopy: "Copying state",
		split.PhaseIndexes: "Building the indexes of state", split.PhaseVerify: "Comparing both sides", split.PhaseFinish: "Finishing",
	}[d.now.Phase]
	if d.now.Total == 0 || d.now.Done == 0 {
		return text
	}
	text += fmt.Sprintf(": %d %%", d.now.Done*100/d.now.Total)
	if left, known := timeLeft(d.now.Done, d.now.Total, time.Since(d.begun)); known {
		text += fmt.Sprintf(", %s left", left)
	}
	return text
}
