package portview

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

// TestEachSizeHasItsScreen compares what is drawn with the files of testdata, one for each size.
func TestEachSizeHasItsScreen(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{200, 50}, {120, 30}, {80, 24}, {60, 12}, {40, 10}, {20, 5}, {10, 3}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			for _, state := range []struct{ asking, stopping bool }{{}, {asking: true}, {stopping: true}, {asking: true, stopping: true}} {
				drawn := full(size[0], size[1])
				drawn.asking, drawn.view.Stopping = state.asking, state.stopping
				fmt.Fprintf(&text, "asking %v, stopping %v\n%s\n", state.asking, state.stopping, framed(t, drawn))
			}
			compare(t, fmt.Sprintf("screen-%dx%d.txt", size[0], size[1]), text.String())
		})
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("SYNAPSE_TEST_GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// framed is a screen without its looks, with a mark at the end of each line.
func framed(t *testing.T, drawn screen) string {
	t.Helper()
	lines := strings.Split(ansi.Strip(drawn.String()), "\n")
	if len(lines) != drawn.height {
		t.Errorf("%d lines on %d", len(lines), drawn.height)
	}
	for i, line := range lines {
		if width := ansi.StringWidth(line); width > drawn.width {
			t.Errorf("line %d is %d wide, and the screen %d: %q", i, width, drawn.width, line)
		}
		lines[i] = padRight(line, drawn.width) + "|"
	}
	return strings.Join(lines, "\n")
}

// full is a screen with something of everything.
func full(width, height int) screen {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	drawn := screen{
		width: width, height: height, keys: true, paint: newPalette(true),
		view: View{
			Title: "synapse port homeserver.db", Clock: "12m5s", Phase: "Comparing both sides", Fraction: 0.9999,
			Figures: []string{"about 2s left", "1,152,003 rows/s", "61.2 MB/s", "921,403 of 921,504 rows"},
			Tables: []Table{
				{Name: "done_heavy", Done: 900, Total: 900, Begun: true, Ended: true, Figures: "900 of 900"},
				{Name: "not_begun_light", Total: 10, Figures: "0 of 10"},
				{Name: "nearly_done", Done: 999, Total: 1000, Begun: true, Figures: "999 of 1,000  500 rows/s"},
				{Name: "not_begun_heavy", Total: 10_000, Figures: "0 of 10,000"},
				{Name: "half_done_light", Done: 5, Total: 10, Begun: true, Figures: "5 of 10  1 rows/s"},
				{Name: "half_done_heavy", Done: 5000, Total: 10_000, Begun: true, Figures: "5,000 of 10,000  100 rows/s"},
				{Name: "a_table_with_a_name_that_is_longer_than_any_room_for_it", Done: 9, Total: 10, Begun: true, Figures: "9 of 10"},
				{Name: "世界の\x1b[2Jテーブル", Total: 1, Figures: "0 of 1"},
			},
		},
	}
	for i := range 20 {
		entry := Entry{Time: at.Add(time.Duration(i) * time.Second), Text: fmt.Sprintf("line %d of the log", i)}
		switch i {
		case 17:
			entry.Level, entry.Text, entry.Table = slog.LevelError, "refused: line\nbreak and \x1b[31mred", "half_done_heavy"
		case 18:
			entry.Level, entry.Text, entry.Table = slog.LevelWarn, "an old warning", "done_heavy"
		}
		drawn.log = append(drawn.log, entry)
	}
	return drawn
}

func TestNoSizeBreaksTheScreen(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 19, 25, 35, 45, 59, 60, 61, 75, 99, 100, 101, 130} {
		for height := range 26 {
			for _, drawn := range []screen{full(width, height), {width: width, height: height, paint: newPalette(false)}} {
				if width > 0 && height > 0 {
					framed(t, drawn)
				} else if got := drawn.String(); got != "" {
					t.Errorf("%dx%d: %q", width, height, got)
				}
			}
		}
	}
}

func TestNothingOnTheScreenIsObeyedByTheTerminal(t *testing.T) {
	t.Parallel()
	drawn := full(200, 50)
	drawn.paint = palette{}
	if got := drawn.String(); strings.ContainsAny(got, "\x1b\r\t") {
		t.Errorf("%q", got)
	}
}

func TestTheFirstFiguresStayWhenThereIsLittleRoom(t *testing.T) {
	t.Parallel()
	figures := []string{"about 2s left", "1,152,003 rows/s", "61.2 MB/s", "9 of 9 rows"}
	for width, want := range map[int]string{
		5: "abou…", 13: "about 2s left", 25: "about 2s left   61.2 MB/s", 32: "about 2s left   1,152,003 rows/s",
		80: "about 2s left   1,152,003 rows/s   61.2 MB/s   9 of 9 rows",
	} {
		if got := fitting(figures, width); got != want {
			t.Errorf("%d: %q, want %q", width, got, want)
		}
	}
}
