package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// snapshotDisplay shows on standard error how far a copy is: redrawn in place on a terminal, in plain lines elsewhere.
type snapshotDisplay struct {
	env     *environment
	name    string
	mutex   sync.Mutex
	now     sqlite.BackupProgress
	begun   time.Time // the attempt
	said    sqlite.BackupPhase
	drawn   int
	done    chan struct{}
	drawing sync.WaitGroup
}

func (e *environment) showSnapshot(job snapshotJob) *snapshotDisplay {
	d := &snapshotDisplay{env: e, name: filepath.Base(job.source), begun: time.Now(), done: make(chan struct{})}
	d.drawing.Go(d.run)
	return d
}

func (d *snapshotDisplay) run() {
	interval := sayEvery
	file, isTerminal := terminal(d.env.stderr)
	if isTerminal {
		interval = redrawEvery
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-d.done:
			d.draw(file, nil)
			return
		case <-ticker.C:
			d.show(file)
		}
	}
}

func (d *snapshotDisplay) show(file *os.File) {
	d.mutex.Lock()
	line := d.line()
	d.mutex.Unlock()
	if file == nil {
		fmt.Fprintln(d.env.stderr, line)
		return
	}
	d.draw(file, []string{line})
}

func (d *snapshotDisplay) draw(file *os.File, lines []string) {
	if file == nil || len(lines) == 0 && d.drawn == 0 {
		return
	}
	width, _ := size(file)
	d.drawn = redraw(file, lines, d.drawn, width)
}

// update takes down how far the copy is. In a pipe each phase is said when it begins.
func (d *snapshotDisplay) update(progress sqlite.BackupProgress) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if progress.Attempt != d.now.Attempt {
		d.begun = time.Now()
	}
	d.now = progress
	if _, isTerminal := terminal(d.env.stderr); !isTerminal && d.said != progress.Phase {
		d.said = progress.Phase
		fmt.Fprintln(d.env.stderr, d.line())
	}
}

// line says what is being done. The caller holds the mutex.
func (d *snapshotDisplay) line() string {
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

func (d *snapshotDisplay) stop() {
	close(d.done)
	d.drawing.Wait()
}
