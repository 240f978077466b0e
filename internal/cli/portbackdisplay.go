package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

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

// showPortBack shows how far a move is, until the function that it returns is called: redrawn in place on a terminal, in plain lines
// elsewhere.
func (e *environment) showPortBack(progress *back.Progress) (stop func()) {
	d := &backDisplay{env: e, progress: progress, named: map[back.Phase]bool{}}
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { d.run(done) })
	return func() {
		close(done)
		group.Wait()
	}
}

type backDisplay struct {
	env      *environment
	progress *back.Progress
	named    map[back.Phase]bool
	said     time.Time
	drawn    int
}

func (d *backDisplay) run(done <-chan struct{}) {
	file, isTerminal := terminal(d.env.stderr)
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		if isTerminal {
			width, _ := size(file)
			d.drawn = redraw(file, d.lines(), d.drawn, width)
		} else {
			d.say()
		}
		select {
		case <-done:
			d.end(file)
			return
		case <-ticker.C:
		}
	}
}

func (d *backDisplay) end(file *os.File) {
	if file == nil {
		d.sayPhases("")
		return
	}
	width, _ := size(file)
	redraw(file, nil, d.drawn, width)
}

func (d *backDisplay) lines() []string {
	if line := backLine(d.progress.Snapshot()); line != "" {
		return []string{line}
	}
	return nil
}

// say writes a line for every phase, and now and then how far it is.
func (d *backDisplay) say() {
	state := d.progress.Snapshot()
	switch {
	case d.sayPhases(state.Phase):
		d.said = time.Now()
	case time.Since(d.said) >= sayEvery && state.Phase != "":
		d.said = time.Now()
		fmt.Fprintf(d.env.stderr, "  %s\n", backLine(state))
	}
}

// sayPhases writes the names of phases that were not named before: those that are over, since one may be shorter than the time between
// two looks, and the present one.
func (d *backDisplay) sayPhases(present back.Phase) (news bool) {
	var phases []back.Phase
	for _, step := range d.progress.Steps() {
		phases = append(phases, step.Phase)
	}
	for _, phase := range append(phases, present) {
		if phase != "" && !d.named[phase] {
			d.named[phase], news = true, true
			fmt.Fprintln(d.env.stderr, backPhases[phase])
		}
	}
	return news
}

// backLine says what is being done; the total is the server's estimate.
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
