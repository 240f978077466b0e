package cli

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	redrawEvery = 200 * time.Millisecond // on a terminal
	sayEvery    = 10 * time.Second       // in a pipe
)

// drawing is some lines on a terminal that are redrawn in place.
type drawing struct {
	file  *os.File // nil where there is no terminal
	drawn int      // lines, above the cursor
}

func (e *environment) drawing() *drawing {
	file, _ := terminal(e.stderr)
	return &drawing{file: file}
}

func (d *drawing) isTerminal() bool { return d.file != nil }

// draw replaces the lines that were drawn before. Without a terminal it does nothing.
func (d *drawing) draw(lines ...string) {
	if d.file == nil || len(lines) == 0 && d.drawn == 0 {
		return
	}
	var text strings.Builder
	if d.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", d.drawn)
	}
	text.WriteString("\r\x1b[J")
	width, _ := size(d.file)
	for _, line := range lines {
		text.WriteString(cut(line, width-1) + "\n")
	}
	_, _ = d.file.WriteString(text.String()) // a terminal that is gone must not stop the work
	d.drawn = len(lines)
}

// cut shortens a line to a width in characters.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(width, 0)])
}

// every calls a function in intervals, on a goroutine of its own, until the function that it returns is called.
func every(interval time.Duration, work func()) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				work()
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}
