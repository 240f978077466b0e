package portview_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden compares a text with a file of testdata; SYNAPSE_TEST_GOLDEN=write writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if os.Getenv("SYNAPSE_TEST_GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var clock = regexp.MustCompile(`\d\d:\d\d:\d\d`)

// withoutTime takes the time of day out of the log's lines.
func withoutTime(screen string) string { return clock.ReplaceAllString(screen, "hh:mm:ss") }

var colour = regexp.MustCompile(`\x1b\[(\d+;)*[349]\d[\d;]*m`)

func hasColour(output string) bool { return colour.MatchString(output) }
