package back_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/back"
)

// processVariable makes the test binary a process that moves a database back, as its content, in JSON, says.
const processVariable = "SYNAPSE_BACK_TEST_PROCESS"

type backProcess struct {
	Source      map[string]any `json:"source"`
	Destination string         `json:"destination"`
}

func (p backProcess) Run(ctx context.Context) error {
	source, _, err := postgres.ParseArgs(p.Source)
	if err != nil {
		return err
	}
	set, err := homeserver.Set()
	if err != nil {
		return err
	}
	_, err = back.Run(ctx, back.Options{
		Sources: []back.Source{{Config: source}}, Destination: p.Destination, Set: set, SessionsKnown: true, // that of one that was killed
	})
	return err
}

// Killed at any moment, there is either no file of the name or the complete one; and the next run goes through.
func TestKilledMoveLeavesNoFile(t *testing.T) {
	t.Parallel()
	original, database := demoSource(t)
	destination := filepath.Join(t.TempDir(), "new.db")
	process := dbtest.Process{Variable: processVariable, Work: backProcess{Source: database.Config, Destination: destination}}
	undisturbed := process.MustEnd(t)
	complete := len(catalogOf(t, destination))
	for range dbtest.Rounds(t, 4) {
		if err := os.Remove(destination); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		moment := rand.N(undisturbed)
		process.SignalAfter(t, syscall.SIGKILL, moment)
		if _, found := os.Stat(destination); found == nil && len(catalogOf(t, destination)) != complete {
			t.Fatalf("killed after %v, the file is not complete", moment)
		}
	}
	if err := os.Remove(destination); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	process.MustEnd(t)
	sameRows(t, original, destination)
	if left := listing(t, filepath.Dir(destination)); len(left) != 1 {
		t.Errorf("there are %q", left)
	}
}

func listing(t testing.TB, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
