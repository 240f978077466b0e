package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/synapsedb/synapse/backup"
)

// backupPhases are what a phase is called on the screen.
var backupPhases = map[backup.Phase]string{ //nolint:gochecknoglobals // constant
	backup.PhaseCheck:    "Looking for what hinders",
	backup.PhaseDatabase: "The database",
	backup.PhaseMedia:    "The media store",
	backup.PhaseFiles:    "Configuration and keys",
	backup.PhaseProof:    "Comparing",
	backup.PhaseFinish:   "Finishing",
}

// backupDisplay shows on standard error how far a backup or a restore is: redrawn in place on a terminal, in plain lines elsewhere.
type backupDisplay struct {
	env     *environment
	mutex   sync.Mutex
	now     backup.Progress
	drawn   int
	done    chan struct{}
	drawing sync.WaitGroup
}

func (e *environment) showBackup() *backupDisplay {
	d := &backupDisplay{env: e, done: make(chan struct{})}
	d.drawing.Go(d.run)
	return d
}

func (d *backupDisplay) run() {
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
			d.mutex.Lock()
			line := d.line()
			d.mutex.Unlock()
			if file == nil {
				fmt.Fprintln(d.env.stderr, line)
			}
			d.draw(file, []string{line})
		}
	}
}

func (d *backupDisplay) draw(file *os.File, lines []string) {
	if file == nil || len(lines) == 0 && d.drawn == 0 {
		return
	}
	width, _ := size(file)
	d.drawn = redraw(file, lines, d.drawn, width)
}

// update takes down how far it is. In a pipe each phase is said when it begins.
func (d *backupDisplay) update(progress backup.Progress) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	isNew := progress.Phase != d.now.Phase || progress.What != d.now.What
	d.now = progress
	if _, isTerminal := terminal(d.env.stderr); !isTerminal && isNew {
		fmt.Fprintln(d.env.stderr, d.line())
	}
}

// line says what is being done. The caller holds the mutex.
func (d *backupDisplay) line() string {
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

func (d *backupDisplay) stop() {
	close(d.done)
	d.drawing.Wait()
}
