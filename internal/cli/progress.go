package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/synapsedb/synapse/port"
)

const (
	redrawEvery = 200 * time.Millisecond // on a terminal
	sayEvery    = 10 * time.Second       // in a pipe
)

// phaseNames are what a phase is called on the screen.
var phaseNames = map[port.Phase]string{ //nolint:gochecknoglobals // constant
	port.PhasePreflight: "Checking both sides",
	port.PhaseScan:      "Reading the source for values that do not convert",
	port.PhaseCopy:      "Copying, building indexes and foreign keys",
	port.PhaseSequences: "Setting sequences",
	port.PhaseVerify:    "Comparing both sides",
	port.PhaseFinish:    "Finishing",
}

// showProgress shows how far a port is, until the function that it returns is called: redrawn in place on a terminal,
// in plain lines elsewhere.
func (e *environment) showProgress(progress *port.Progress) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		if file, ok := terminal(e.stderr); ok {
			drawProgress(file, progress, done)
		} else {
			sayProgress(e.stderr, progress, done)
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

// sayProgress writes a line for every phase, and now and then how far it is.
func sayProgress(writer io.Writer, progress *port.Progress, done <-chan struct{}) {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	named := map[port.Phase]bool{}
	var said time.Time
	for {
		state := progress.Snapshot()
		switch {
		case sayPhases(writer, progress, state.Phase, named):
			said = time.Now()
		case time.Since(said) >= sayEvery && state.Total > 0:
			said = time.Now()
			fmt.Fprintf(writer, "  %s\n", overall(state))
		}
		select {
		case <-done:
			sayPhases(writer, progress, "", named)
			return
		case <-ticker.C:
		}
	}
}

// sayPhases writes the names of phases that were not named before: those that are over, since one may be shorter than
// the time between two looks, and the present one.
func sayPhases(writer io.Writer, progress *port.Progress, present port.Phase, named map[port.Phase]bool) (news bool) {
	var phases []port.Phase
	for _, step := range progress.Steps() {
		phases = append(phases, step.Phase)
	}
	for _, phase := range append(phases, present) {
		if phase != "" && !named[phase] {
			named[phase], news = true, true
			fmt.Fprintf(writer, "%s\n", phaseNames[phase])
		}
	}
	return news
}

// drawProgress redraws a few lines in place.
func drawProgress(file *os.File, progress *port.Progress, done <-chan struct{}) {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	drawn := 0
	for {
		width, height := size(file)
		lines := progressLines(progress.Snapshot(), height-2)
		drawn = redraw(file, lines, drawn, width)
		select {
		case <-done:
			redraw(file, nil, drawn, width)
			return
		case <-ticker.C:
		}
	}
}

// redraw replaces the lines that were drawn before, and returns how many there are now.
func redraw(file *os.File, lines []string, before, width int) int {
	var text strings.Builder
	if before > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", before)
	}
	text.WriteString("\r\x1b[J")
	for _, line := range lines {
		text.WriteString(cut(line, width-1) + "\n")
	}
	_, _ = file.WriteString(text.String()) // a terminal that is gone must not stop the port
	return len(lines)
}

// cut shortens a line to a width in characters.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(width, 0)])
}

// mostTables is how many tables are shown while they are worked on.
const mostTables = 8

// progressLines are the lines for a state: the whole, then the tables being worked on, the largest first.
func progressLines(state port.State, most int) []string {
	name, known := phaseNames[state.Phase]
	if !known || most < 1 {
		return nil
	}
	if state.Total == 0 {
		return []string{name}
	}
	lines := []string{name + ": " + overall(state)}
	var active []port.TableState
	for _, table := range state.Tables {
		if table.Elapsed > 0 && !table.Ended {
			active = append(active, table)
		}
	}
	slices.SortFunc(active, func(a, b port.TableState) int { return cmp.Compare(b.Total-b.Done, a.Total-a.Done) })
	for _, table := range active[:min(len(active), mostTables, most-1)] {
		lines = append(lines, tableLine(table))
	}
	return lines
}

func overall(state port.State) string {
	text := fmt.Sprintf("%s of %s rows", number(state.Done), number(state.Total))
	if state.Phase == port.PhaseScan {
		text = number(state.Done) + " rows" // the total is only an upper bound
	}
	text += fmt.Sprintf(", %s rows/s", number(rate(state.Done, state.Elapsed)))
	if state.Bytes > 0 {
		text += ", " + bytesRate(state)
	}
	if left, known := timeLeft(state.Done, state.Total, state.Elapsed); known && state.Phase != port.PhaseScan {
		text += ", " + left + " left"
	}
	return text
}

func tableLine(table port.TableState) string {
	text := fmt.Sprintf("  %-40s %14s of %-14s", table.Name, number(table.Done), number(table.Total))
	if table.Note != "" && table.Done >= table.Total {
		return text + " " + table.Note
	}
	text += fmt.Sprintf(" %12s rows/s", number(rate(table.Done, table.Elapsed)))
	if left, known := timeLeft(table.Done, table.Total, table.Elapsed); known {
		text += ", " + left + " left"
	}
	return text
}

// bytesRate is how fast the rows of the present phase go, in MB of 1,000,000 bytes.
func bytesRate(state port.State) string {
	return fmt.Sprintf("%.1f MB/s", float64(rate(state.Bytes, state.Elapsed))/1e6)
}

func rate(done int64, elapsed time.Duration) int64 {
	if elapsed <= 0 {
		return 0
	}
	return int64(float64(done) / elapsed.Seconds())
}

// timeLeft supposes that the rest goes as fast as what is done.
func timeLeft(done, total int64, elapsed time.Duration) (string, bool) {
	if done <= 0 || total <= done || elapsed < time.Second {
		return "", false
	}
	left := time.Duration(float64(elapsed) * float64(total-done) / float64(done))
	return left.Round(time.Second).String(), true
}

// number writes an integer with commas between thousands.
func number(value int64) string {
	digits := strconv.FormatInt(value, 10)
	sign := ""
	if value < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
