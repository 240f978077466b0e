package cli

import (
	"fmt"
	"io"
	"sync"
)

// lineDisplay shows on standard error, in one line, how far something is: redrawn in place on a terminal, said now and then elsewhere.
type lineDisplay struct {
	writer    io.Writer
	line      func() string // called with the mutex held
	mutex     sync.Mutex
	drawing   *drawing
	stopTicks func()
}

// showLine shows the line that the function returns, until stop is called.
func (e *environment) showLine(line func() string) *lineDisplay {
	d := &lineDisplay{writer: e.stderr, line: line, drawing: e.drawing()}
	interval := sayEvery
	if d.drawing.isTerminal() {
		interval = redrawEvery
	}
	d.stopTicks = every(interval, d.show)
	return d
}

// show draws without the mutex: a terminal that is held must not hold the work.
func (d *lineDisplay) show() {
	if !d.drawing.isTerminal() {
		d.change(func() bool { return true })
		return
	}
	d.mutex.Lock()
	line := d.line()
	d.mutex.Unlock()
	d.drawing.draw(line)
}

// change takes down how far it is, by a function that says whether that is to be said at once where nothing is drawn.
func (d *lineDisplay) change(take func() (say bool)) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if take() && !d.drawing.isTerminal() {
		fmt.Fprintln(d.writer, d.line())
	}
}

func (d *lineDisplay) stop() {
	d.stopTicks()
	d.drawing.draw()
}
