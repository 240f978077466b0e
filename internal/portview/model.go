package portview

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// model is the state of the view, as the library wants it.
type model struct {
	options       Options
	paint         palette
	view          View
	width, height int
	asking        bool
	left          bool
	failed        error // what the view panicked with
}

type lookAgain struct{}

func nextLook() tea.Cmd {
	return tea.Tick(redrawEvery, func(time.Time) tea.Msg { return lookAgain{} })
}

// Init starts the looks.
func (m *model) Init() tea.Cmd { return nextLook() }

// Update takes a message in. A panic ends the view like any other end of it: the library would close the terminal under the
// goroutine that reads the keys.
func (m *model) Update(message tea.Msg) (after tea.Model, next tea.Cmd) {
	defer func() {
		if value := recover(); value != nil {
			m.fail(value)
			after, next = m, tea.Quit
		}
	}()
	switch message := message.(type) {
	case lookAgain:
		m.view = m.options.Snapshot()
		return m, nextLook()
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case tea.KeyPressMsg:
		return m, m.press(strings.ToLower(message.String()))
	}
	return m, nil
}

func (m *model) fail(value any) {
	if m.failed == nil {
		m.failed = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	}
}

// press does what a key asks for. Nothing stops the port but Ctrl-C, and y when it is the answer.
func (m *model) press(key string) tea.Cmd {
	switch {
	case key == "ctrl+c":
		m.stop()
	case !m.asking:
		m.asking = key == "q"
	case key == "v":
		m.left = true
		return tea.Quit
	case key == "y":
		if !m.view.Stopping {
			m.stop()
		}
		m.asking = false
	case key == "n" || key == "q" || key == "esc":
		m.asking = false
	}
	return nil
}

func (m *model) stop() {
	m.asking = false
	m.options.Stop()
	m.view = m.options.Snapshot()
}

// View draws.
func (m *model) View() tea.View {
	view := tea.NewView(screen{
		view: m.view, width: m.width, height: m.height, asking: m.asking, keys: m.options.Input != nil,
		log: m.options.Log.Entries(), paint: m.paint,
	}.String())
	view.AltScreen = true
	view.DisableBracketedPasteMode = true
	return view
}
