package cli

import (
	"fmt"
	"io"
	"time"
)

// phasedJob is work with phases that says, when it is asked, how far it is.
type phasedJob[Phase ~string] struct {
	names map[Phase]string                   // what phases are called
	over  func() []Phase                     // those that are over, in their order
	now   func() (present Phase, far string) // far is "" where nothing more than the phase is to be said
	lines func(most int) []string            // for a terminal
}

// showPhases shows how far a job is, until the function that it returns is called: redrawn in place on a terminal, in plain lines
// elsewhere.
func showPhases[Phase ~string](e *environment, job phasedJob[Phase]) (stop func()) {
	if drawing := e.drawing(); drawing.isTerminal() {
		return drawing.show(job.lines)
	}
	d := &phaseDisplay[Phase]{phasedJob: job, writer: e.stderr, named: map[Phase]bool{}}
	d.say()
	stopTicks := every(redrawEvery, d.say)
	return func() {
		stopTicks()
		d.sayPhases("")
	}
}

// show redraws what a function gives for a number of lines, until the function that it returns is called.
func (d *drawing) show(lines func(most int) []string) (stop func()) {
	redraw := func() {
		_, height := size(d.file)
		d.draw(lines(height - 2)...)
	}
	redraw()
	stopTicks := every(redrawEvery, redraw)
	return func() {
		stopTicks()
		d.draw()
	}
}

type phaseDisplay[Phase ~string] struct {
	phasedJob[Phase]
	writer io.Writer
	named  map[Phase]bool
	said   time.Time
}

// say writes a line for every phase, and now and then how far it is.
func (d *phaseDisplay[Phase]) say() {
	present, far := d.now()
	switch {
	case d.sayPhases(present):
		d.said = time.Now()
	case time.Since(d.said) >= sayEvery && far != "":
		d.said = time.Now()
		fmt.Fprintf(d.writer, "  %s\n", far)
	}
}

// sayPhases writes the names of phases that were not named before: those that are over, since one may be shorter than the time between
// two looks, and the present one.
func (d *phaseDisplay[Phase]) sayPhases(present Phase) (news bool) {
	for _, phase := range append(d.over(), present) {
		if phase != "" && !d.named[phase] {
			d.named[phase], news = true, true
			fmt.Fprintln(d.writer, d.names[phase])
		}
	}
	return news
}
