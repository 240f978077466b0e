package portview

import (
	"log/slog"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// screen is all that decides what is drawn.
type screen struct {
	view          View
	width, height int
	asking        bool // whether to stop
	keys          bool // there is a keyboard
	log           []Entry
	paint         palette
}

// palette gives each kind of line its looks.
type palette struct {
	title, bar, active, done, faint, trouble, question lipgloss.Style
}

func newPalette(colour bool) palette {
	plain := lipgloss.NewStyle()
	looks := palette{
		title: plain.Bold(true), bar: plain, active: plain, done: plain, faint: plain, trouble: plain.Bold(true), question: plain.Reverse(true),
	}
	if colour {
		looks.bar = plain.Foreground(lipgloss.Green)
		looks.done = plain.Foreground(lipgloss.Green)
		looks.faint = plain.Foreground(lipgloss.BrightBlack)
		looks.trouble = plain.Foreground(lipgloss.Red)
	}
	return looks
}

// String is the whole screen, with exactly as many lines as it is high.
func (s screen) String() string {
	if s.width < 1 || s.height < 1 {
		return ""
	}
	head := s.head()
	head = head[:min(len(head), s.height-1)]
	body := s.body(s.height - 1 - len(head))
	return strings.Join(append(append(head, body...), s.foot()), "\n")
}

// head is the whole: what is done, how far it is, how fast.
func (s screen) head() []string {
	lines := []string{
		s.paint.title.Render(cut(clean(s.view.Phase), s.width)),
		s.paint.bar.Render(cut(bar(s.view.Fraction, s.width), s.width)),
		fitting(s.view.Figures, s.width),
	}
	if s.height < 10 {
		return lines
	}
	clock := padLeft(s.view.Clock, len(s.view.Clock)+1)
	title := s.view.Clock
	if room := s.width - len(clock); room >= 10 {
		title = padRight(clean(s.view.Title), room) + clock
	}
	return append([]string{s.paint.faint.Render(cut(title, s.width))}, lines...)
}

// body fills the lines between head and foot: tables, and below them the log if there is room, else its last trouble.
func (s screen) body(rows int) []string {
	log := s.logLines(rows)
	lines := make([]string, 0, rows)
	if rows-len(log) >= 6 {
		lines = append(lines, "")
	}
	lines = append(lines, s.tableLines(rows-len(log)-len(lines))...)
	for len(lines) < rows-len(log) {
		lines = append(lines, "")
	}
	return append(lines, log...)
}

// logLines are the last lines of the log below a heading, where there is room; else the last of them that is trouble.
func (s screen) logLines(rows int) []string {
	if rows < 1 || len(s.log) == 0 {
		return nil
	}
	if rows < 9 {
		return s.lastTrouble()
	}
	shown := s.log[max(len(s.log)-max(rows/4, 3), 0):]
	lines := []string{s.paint.faint.Render(padRight("-- log ", min(s.width, 7)) + strings.Repeat("-", max(s.width-7, 0)))}
	for _, entry := range shown {
		lines = append(lines, s.entryLine(entry))
	}
	return lines
}

func (s screen) lastTrouble() []string {
	for _, entry := range slices.Backward(s.log) {
		if entry.trouble() {
			return []string{s.entryLine(entry)}
		}
	}
	return nil
}

func (s screen) entryLine(entry Entry) string {
	text := clean(entry.Text)
	if s.width >= 60 {
		text = entry.Time.Format("15:04:05 ") + text
	}
	if !entry.trouble() {
		return s.paint.faint.Render(cut(text, s.width))
	}
	mark := "! "
	if entry.Level < slog.LevelError {
		mark = "* "
	}
	return s.paint.trouble.Render(cut(mark+text, s.width))
}

// foot says what the keys do, or what was asked.
func (s screen) foot() string {
	switch {
	case s.asking && s.view.Stopping:
		return s.paint.question.Render(longest(s.width,
			"The port is stopping. v: leave this view, n: stay", "Stopping. v: leave, n: stay", "v leave, n stay"))
	case s.asking:
		return s.paint.question.Render(longest(s.width,
			"Stop the port? It can be taken up again by the same command.   y: stop   n: go on   v: leave this view, the port goes on",
			"Stop the port? y: stop, it can be taken up again; n: go on; v: leave view",
			"Stop the port? y/n, v: leave this view", "Stop? y/n, v: leave"))
	case s.view.Stopping && s.keys:
		return s.paint.trouble.Render(longest(s.width, "Stopping at the end of the batch. Ctrl-C again stops at once.", "Stopping; Ctrl-C: now", "Stopping…"))
	case s.view.Stopping:
		return s.paint.trouble.Render(longest(s.width, "Stopping at the end of the batch.", "Stopping…"))
	case s.keys:
		return s.paint.faint.Render(longest(s.width, "q: stop the port or leave this view   Ctrl-C: stop the port", "q: stop or leave"))
	}
	return s.paint.faint.Render(longest(s.width, "Ctrl-C: stop the port", "Ctrl-C: stop"))
}
