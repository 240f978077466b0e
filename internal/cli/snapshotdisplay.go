package cli

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// snapshotDisplay shows how far a copy is.
type snapshotDisplay struct {
	*lineDisplay
	name  string
	now   sqlite.BackupProgress
	begun time.Time // the attempt
}

func (e *environment) showSnapshot(job snapshotJob) *snapshotDisplay {
	d := &snapshotDisplay{name: filepath.Base(job.source), begun: time.Now()}
	d.lineDisplay = e.showLine(d.text)
	return d
}

// update takes down how far the copy is. In a pipe each phase is said when it begins.
func (d *snapshotDisplay) update(progress sqlite.BackupProgress) {
	d.change(func() (begins bool) {
		if progress.Attempt != d.now.Attempt {
			d.begun = time.Now()
		}
		begins = progress.Phase != d.now.Phase
		d.now = progress
		return begins
	})
}

// text says what is being done.
func (d *snapshotDisplay) text() string {
	switch d.now.Phase {
	case sqlite.BackupSyncs:
		return "Bringing the copy of " + d.name + " to the disk"
	case sqlite.BackupChecks:
		return "Examining the copy of " + d.name
	case sqlite.BackupCopies:
	}
	text := fmt.Sprintf("Copying %s: %s of %s", d.name, bytesText(d.now.Done), bytesText(d.now.Total))
	elapsed := time.Since(d.begun)
	if left, known := timeLeft(d.now.Done, d.now.Total, elapsed); known {
		text += fmt.Sprintf(", %s/s, %s left", bytesText(rate(d.now.Done, elapsed)), left)
	}
	if d.now.Attempt > 1 {
		text += fmt.Sprintf(" (begun %d times)", d.now.Attempt)
	}
	return text
}
