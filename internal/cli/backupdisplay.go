package cli

import (
	"fmt"
	"time"

	"github.com/synapsedb/synapse/backup"
)

// backupPhases are what a phase is called on the screen.
var backupPhases = map[backup.Phase]string{ //nolint:gochecknoglobals // constant
	backup.PhaseCheck:    "Looking for what hinders",
	backup.PhaseDatabase: "The database",
	backup.PhaseStore:    "Storing the database",
	backup.PhaseFetch:    "Fetching the backup",
	backup.PhaseMedia:    "The media store",
	backup.PhaseFiles:    "Configuration and keys",
	backup.PhaseProof:    "Comparing",
	backup.PhaseFinish:   "Finishing",
}

// backupDisplay shows how far a backup or a restore is.
type backupDisplay struct {
	*lineDisplay
	now backup.Progress
}

func (e *environment) showBackup() *backupDisplay {
	d := &backupDisplay{}
	d.lineDisplay = e.showLine(d.text)
	return d
}

// update takes down how far it is. In a pipe each phase is said when it begins.
func (d *backupDisplay) update(progress backup.Progress) {
	d.change(func() (begins bool) {
		begins = progress.Phase != d.now.Phase || progress.What != d.now.What
		d.now = progress
		return begins
	})
}

// text says what is being done.
func (d *backupDisplay) text() string {
	text := backupPhases[d.now.Phase]
	if d.now.What != "" {
		text += " " + d.now.What
	}
	if d.now.Done == 0 {
		return text
	}
	text += ": " + bytesText(d.now.Done)
	if d.now.Total > 0 {
		text += " of " + bytesText(d.now.Total)
	}
	if d.now.Elapsed >= time.Second {
		text += fmt.Sprintf(", %s/s", bytesText(rate(d.now.Done, d.now.Elapsed)))
	}
	if left, known := timeLeft(d.now.Done, d.now.Total, d.now.Elapsed); known {
		text += ", " + left + " left"
	}
	return text
}
