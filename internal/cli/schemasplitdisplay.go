package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/synapsedb/synapse/port/split"
)

// splitDisplay shows on standard error how far a split is: redrawn in place on a terminal, in plain lines elsewhere.
type splitDisplay struct {
	env     *environment
	mutex   sync.Mutex
	now     split.Progress
	begun   time.Time // the phase
	said    time.Time
	drawn   int
	done    chan struct{}
	drawing sync.WaitGroup
}

func (e *environment) showSplit() *splitDisplay {
	d := &splitDisplay{env: e, done: make(chan struct{})}
	if file, isTerminal := terminal(e.stderr); isTerminal {
		d.drawing.Go(func() { d.run(file) })
	}
	return d
}

func (d *splitDisplay) run(file *os.File) {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	draw := func(lines ...string) {
		width, _ := size(file)
		d.drawn = redraw(file, lines, d.drawn, width)
	}
	for {
		select {
		case <-d.done:
			draw()
			return
		case <-ticker.C:
			d.mutex.Lock()
			line := d.line()
			d.mutex.Unlock()
			draw(line)
		}
	}
}

// update takes down how far it is. In a pipe each phase is said when it begins, and now and then how far it is.
func (d *splitDisplay) update(progress split.Progress) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	begins := progress.Phase != d.now.Phase
	if begins {
		d.begun = time.Now()
	}
	d.now = progress
	if _, isTerminal := terminal(d.env.stderr); !isTerminal && (begins || time.Since(d.said) >= sayEvery) {
		d.said = time.Now()
		fmt.Fprintln(d.env.stderr, d.line())
	}
}

// line says what is being done. The caller holds the mutex.
func (d *splitDisplay) line() string {
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

func (d *splitDisplay) stop() {
	close(d.done)
	d.drawing.Wait()
}
