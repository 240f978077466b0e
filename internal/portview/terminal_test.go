package portview_test

import (
	"strings"
	"testing"

	"github.com/synapsedb/synapse/internal/terminaltest"
)

// sizes are those that the view is promised to work on.
var sizes = map[string][2]int{"80x24": {80, 24}, "200x50": {200, 50}, "20x5": {20, 5}}

func TestTheViewIsOnTheWholeTerminal(t *testing.T) {
	t.Parallel()
	for name, size := range sizes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terminal := start(t, size[0], size[1])
			terminal.Await("the view", isOn(size[1]))
			golden(t, "terminal-"+name, withoutTime(terminal.Screen()))
			leave(t, terminal)
		})
	}
}

// isOn finds the view when it fills a number of lines.
func isOn(rows int) func(string) bool {
	return func(screen string) bool {
		shown := lines(screen)
		return len(shown) == rows && strings.Contains(screen, "43%") && strings.HasPrefix(shown[rows-1], "q: stop")
	}
}

func leave(t *testing.T, terminal *terminaltest.Terminal) {
	t.Helper()
	terminal.Type("q")
	terminal.AwaitText("v: leave")
	terminal.Type("v")
	if code := terminal.Wait(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, terminal.Screen())
	}
	if !strings.Contains(terminal.Output(), "left true, stops 0, error <nil>") {
		t.Fatal(terminal.Screen())
	}
}

func TestTheViewFollowsTheSizeOfTheTerminal(t *testing.T) {
	t.Parallel()
	terminal := start(t, 80, 24)
	terminal.Await("the view", isOn(24))
	for _, size := range [][2]int{{20, 5}, {200, 50}, {1, 1}, {3, 2}, {80, 24}} {
		terminal.Resize(size[0], size[1])
		if size[0] >= 20 {
			terminal.Await("the view in another size", isOn(size[1]))
		}
	}
	golden(t, "terminal-80x24", withoutTime(terminal.Screen()))
	leave(t, terminal)
}

func TestQAsksBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	terminal := start(t, 80, 24)
	terminal.Await("the view", isOn(24))
	terminal.Type("y")
	terminal.Type("v")
	terminal.Type("n")
	for _, no := range []string{"n", "q", "\x1b"} {
		terminal.Type("q")
		terminal.AwaitText("Stop the port?")
		terminal.Type(no)
		terminal.Await("the view without the question", isOn(24))
	}
	leave(t, terminal)
}

func TestYesAndCtrlCStopThePort(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{"q and y": {"q", "y"}, "Ctrl-C": {"\x03"}, "Ctrl-C in the question": {"q", "\x03"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terminal := start(t, 80, 24)
			terminal.Await("the view", isOn(24))
			for _, key := range keys {
				terminal.Type(key)
			}
			terminal.AwaitText("Stopping at the end of the batch")
			terminal.Type("qn")
			terminal.AwaitText("Stopping at the end of the batch")
			terminal.Type("\x03")
			if code := terminal.Wait(); code != 0 || !strings.Contains(terminal.Output(), "left false, stops 2, error <nil>") {
				t.Fatalf("exit code %d\n%s", code, terminal.Screen())
			}
		})
	}
}

func TestTheViewEndsWithoutAKey(t *testing.T) {
	t.Parallel()
	terminal := start(t, 80, 24, programVariable+"=3")
	if code := terminal.Wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	screen := terminal.Screen()
	for _, want := range []string{
		"left false, stops 0, error <nil>", "the connection was lost", "a line of \\x1b[31mthe log", "logged after the view",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is not on the screen:\n%s", want, screen)
		}
	}
}

func TestAPanicOfTheViewRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	terminal := start(t, 80, 24, programVariable+"=-1")
	if code := terminal.Wait(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, terminal.Output())
	}
	if !strings.Contains(terminal.Output(), "left false, stops 0, error show the view: panic: in the middle of a view") {
		t.Fatal(terminal.Output())
	}
	if screen := terminal.Screen(); strings.Contains(screen, "q: stop the port") {
		t.Fatalf("the view is still on the screen:\n%s", screen)
	}
}

func TestColoursAreLeftOutWhereNoneAreWanted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false, "NO_COLOR=please": false} {
		terminal := start(t, 80, 24, name)
		terminal.Await("the view", isOn(24))
		if got := hasColour(terminal.Output()); got != want {
			t.Errorf("%s: colour %v\n%q", name, got, terminal.Output())
		}
		leave(t, terminal)
	}
}

func TestTheTerminalIsAskedNothing(t *testing.T) {
	t.Parallel()
	terminal := start(t, 80, 24, "TERM=xterm-kitty")
	terminal.Await("the view", isOn(24))
	leave(t, terminal)
	for _, question := range []string{"$p", "\x1b[?u", "\x1b[>", "\x1b[c", "\x1b[6n", "\x1bP"} {
		if strings.Contains(terminal.Output(), question) {
			t.Errorf("%q was written", question)
		}
	}
}
