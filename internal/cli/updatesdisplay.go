package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/synapsedb/synapse/background"
)

// updatesDisplay shows how far the updates of a database are: a line that is redrawn on a terminal, a line now and then
// elsewhere, both on standard error, and what is done on standard output.
type updatesDisplay struct {
	env    *environment
	result *UpdatesRun
	quiet  bool // standard output is for JSON

	mutex   sync.Mutex
	drawing *drawing
}

// say writes a line for people on standard output.
func (d *updatesDisplay) say(format string, values ...any) {
	if d.quiet {
		return
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.drawing.draw()
	fmt.Fprintf(d.env.stdout, format+"\n", values...)
}

// Write writes what is logged on standard error.
func (d *updatesDisplay) Write(text []byte) (int, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.drawing.draw()
	return d.env.stderr.Write(text)
}

// batch takes down what came of a batch.
func (d *updatesDisplay) batch(report background.Report) {
	if report.Err != nil {
		return // it is logged, and undone
	}
	i := slices.IndexFunc(d.result.Updates, func(known UpdateRun) bool { return known.Name == report.Update })
	if i < 0 {
		i = len(d.result.Updates)
		d.result.Updates = append(d.result.Updates, UpdateRun{Name: report.Update})
	}
	update := &d.result.Updates[i]
	update.Batches++
	update.Items += int64(report.Items)
	update.DurationMS += report.Duration.Milliseconds()
	update.Done = report.Done
	if report.Done {
		d.say("  done  %s: %s, %s", update.Name, plural(update.Items, "item", "items"), plural(int64(update.Batches), "batch", "batches"))
	}
}

// watch shows what the updater works on, until the function that it returns is called.
func (d *updatesDisplay) watch(updater *background.Updater) (stop func()) {
	interval := sayEvery
	if d.drawing.isTerminal() {
		interval = redrawEvery
	}
	stopTicks := every(interval, func() { d.show(updater.Status().Current) })
	return func() {
		stopTicks()
		d.show(nil)
	}
}

func (d *updatesDisplay) show(current *background.Current) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	switch {
	case current == nil:
		d.drawing.draw()
	case d.drawing.isTerminal():
		d.drawing.draw(currentLine(current))
	default:
		fmt.Fprintln(d.env.stderr, currentLine(current))
	}
}

// currentLine is about an update that is worked on.
func currentLine(current *background.Current) string {
	parts := []string{plural(current.Items, "item", "items")}
	if current.Rate != nil {
		parts = rateParts(current.Rate)
	}
	if current.BatchSize > 0 {
		parts = append(parts, "batches of "+number(int64(current.BatchSize)))
	}
	if current.Error != nil {
		parts = append(parts, count(current.Attempts, "failure")+" in a row")
	}
	return "  " + current.Name + ": " + strings.Join(parts, ", ")
}

func plural(value int64, one, more string) string {
	if value == 1 {
		return "1 " + one
	}
	return number(value) + " " + more
}
