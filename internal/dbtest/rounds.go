package dbtest

import (
	"os"
	"strconv"
	"testing"
)

// RoundsVariable is the environment variable with the number of rounds for tests that kill or interrupt at random
// moments. `make torture` sets it; unset, every test takes its own small number.
const RoundsVariable = "SYNAPSE_TEST_ROUNDS"

// Rounds returns how often a test that depends on chance is to try: the number given, or the environment's.
func Rounds(t testing.TB, usual int) int {
	t.Helper()
	text := os.Getenv(RoundsVariable)
	if text == "" {
		return usual
	}
	rounds, err := strconv.Atoi(text)
	if err != nil || rounds < 1 {
		t.Fatalf("%s is %q, want a number of rounds, 1 or more", RoundsVariable, text)
	}
	return rounds
}
