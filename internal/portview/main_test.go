package portview_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/synapsedb/synapse/internal/portview"
	"github.com/synapsedb/synapse/internal/terminaltest"
)

// programVariable makes the test binary a program that shows the view.
const programVariable = "SYNAPSE_TEST_SHOWS_VIEW"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		os.Exit(program())
	}
	goleak.VerifyTestMain(m)
}

// program shows the view until it is left or stopped, or for as many looks as the variable says.
func program() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var looks, most int
	_, _ = fmt.Sscan(os.Getenv(programVariable), &most)
	stops := 0
	log := &portview.Log{}
	logger := slog.New(log.Handler(slog.NewTextHandler(os.Stdout, nil)))
	logger.Warn("the connection was lost", "table", "event_json", "attempt", 1)
	logger.Info("a line of \x1b[31mthe log")
	left, err := portview.Run(ctx, portview.Options{
		Output: os.Stderr, Input: os.Stdin, Colour: os.Getenv("NO_COLOR") == "", Log: log,
		Stop: func() { stops++ },
		Snapshot: func() portview.View {
			looks++
			switch {
			case most < 0 && looks > 2:
				panic("in the middle of a view")
			case most > 0 && looks > most || stops > 1:
				cancel()
			}
			view := sample()
			view.Stopping = stops > 0
			return view
		},
	})
	logger.Info("logged after the view")
	_ = log.Release()
	fmt.Printf("left %v, stops %d, error %v\n", left, stops, err)
	return 0
}

// start runs the program on a terminal.
func start(t *testing.T, columns, rows int, environment ...string) *terminaltest.Terminal {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary)
	command.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", programVariable + "=0", "NO_COLOR="}, environment...)...)
	return terminaltest.Start(t, command, columns, rows)
}

// sample is a view in the middle of a port.
func sample() portview.View {
	view := portview.View{
		Title: "synapse port homeserver.db", Clock: "1m2s", Phase: "Copying, building indexes and foreign keys", Fraction: 0.437,
		Figures: []string{"about 1m20s left", "152,003 rows/s", "61.2 MB/s", "412,345 of 921,504 rows"},
		Tables: []portview.Table{
			{Name: "events", Done: 100, Total: 100, Begun: true, Ended: true, Figures: "100 of 100"},
			{Name: "event_json", Done: 50_000, Total: 100_000, Begun: true, Figures: "50,000 of 100,000  2,000 rows/s"},
			{Name: "state_groups_state", Done: 30_000, Total: 300_000, Begun: true, Figures: "30,000 of 300,000  9,000 rows/s"},
			{Name: "event_edges", Done: 7, Total: 7, Begun: true, Figures: "7 of 7  index event_edges_event_id_prev_event_id_idx"},
			{Name: "a_small_one", Total: 3, Figures: "0 of 3"},
			{Name: "receipts_linearized", Total: 5000, Figures: "0 of 5,000"},
			{Name: "empty", Figures: "0 of 0"},
		},
	}
	for i := range 30 {
		name := fmt.Sprintf("other_table_%02d", i)
		view.Tables = append(view.Tables, portview.Table{Name: name, Total: int64(i), Figures: fmt.Sprintf("0 of %d", i)})
	}
	return view
}

// lines of a screen.
func lines(screen string) []string { return strings.Split(screen, "\n") }
