package back_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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

// playProcess does the work of another process, if this one is such, and does not return then.
func playProcess() {
	text := os.Getenv(processVariable)
	if text == "" {
		return
	}
	var process backProcess
	err := json.Unmarshal([]byte(text), &process)
	if err == nil {
		err = process.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (p backProcess) run() error {
	source, _, err := postgres.ParseArgs(p.Source)
	if err != nil {
		return err
	}
	set, err := homeserver.Set()
	if err != nil {
		return err
	}
	_, err = back.Run(context.Background(), back.Options{
		Sources: []back.Source{{Config: source}}, Destination: p.Destination, Set: set, SessionsKnown: true, // that of one that was killed
	})
	return err
}

func (p backProcess) start(t *testing.T, output *bytes.Buffer) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), processVariable+"="+string(text))
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

// Killed at any moment, there is either no file of the name or the complete one; and the next run goes through.
func TestKilledMoveLeavesNoFile(t *testing.T) {
	t.Parallel()
	original, database := demoSource(t)
	destination := filepath.Join(t.TempDir(), "new.db")
	process := backProcess{Source: database.Config, Destination: destination}
	var output bytes.Buffer
	begun := time.Now()
	if err := process.start(t, &output).Wait(); err != nil {
		t.Fatalf("%v: %s", err, output.String())
	}
	undisturbed := time.Since(begun)
	complete := len(catalogOf(t, destination))
	for range dbtest.Rounds(t, 4) {
		if err := os.Remove(destination); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		command := process.start(t, &output)
		moment := time.Duration(rand.Int64N(int64(undisturbed)))
		killer := time.AfterFunc(moment, func() { _ = command.Process.Kill() })
		err := command.Wait()
		killer.Stop()
		if _, found := os.Stat(destination); found == nil && len(catalogOf(t, destination)) != complete {
			t.Fatalf("killed after %v (%v), the file is not complete", moment, err)
		}
	}
	if err := os.Remove(destination); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := process.start(t, &output).Wait(); err != nil {
		t.Fatalf("%v: %s", err, output.String())
	}
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
