package relocale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// processVariable makes the test binary a process that moves a database, as its content, in JSON, says.
const processVariable = "SYNAPSE_RELOCALE_TEST_PROCESS"

// moveProcess is what such a process has to do.
type moveProcess struct {
	Database  map[string]any `json:"database"`
	As        map[string]any `json:"as"`
	To        string         `json:"to"`
	Folder    string         `json:"folder"`
	PgDump    string         `json:"pg_dump"`
	PgRestore string         `json:"pg_restore"`
}

// interruptedCode is how a process exits that a signal stopped.
const interruptedCode = 3

// playProcess does the work of another process, if this one is such, and does not return then.
func playProcess() {
	content := os.Getenv(processVariable)
	if content == "" {
		return
	}
	var process moveProcess
	err := json.Unmarshal([]byte(content), &process)
	if err == nil {
		err = process.run()
	}
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, context.Canceled) {
		os.Exit(interruptedCode)
	}
	os.Exit(1)
}

func (p moveProcess) run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	options := relocale.Options{To: p.To, Folder: p.Folder, PgDump: p.PgDump, PgRestore: p.PgRestore}
	if options.Database, _, err = postgres.ParseArgs(p.Database); err != nil {
		return err
	}
	if options.As, _, err = postgres.ParseArgs(p.As); err != nil {
		return err
	}
	_, err = relocale.Run(ctx, options)
	return err
}

func (s *scene) process() moveProcess {
	return moveProcess{
		Database: s.database.Config, As: s.super, To: s.to, Folder: s.folder,
		PgDump: s.server.Bin("pg_dump"), PgRestore: s.server.Bin("pg_restore"),
	}
}

func (p moveProcess) start(t *testing.T, output *bytes.Buffer) *exec.Cmd {
	t.Helper()
	content, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), processVariable+"="+string(content))
	command.Stdout, command.Stderr = output, output
	command.WaitDelay = time.Second // what it has started may outlive it, and holds its output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

func TestKilledMoveIsBegunAnew(t *testing.T) {
	t.Parallel()
	for _, sent := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(sent.String(), func(t *testing.T) {
			t.Parallel()
			first := newScene(t)
			first.fillSmall()
			var output bytes.Buffer
			begun := time.Now()
			if err := first.process().start(t, &output).Wait(); err != nil {
				t.Fatalf("%v: %s", err, output.String())
			}
			whole := time.Since(begun)
			for range dbtest.Rounds(t, 1) {
				s := newScene(t)
				s.fillSmall()
				s.round(t, sent, whole)
			}
		})
	}
}

// round stops moves at random moments, and looks that the new database is not there before it is complete, until one has ended. Then
// it is moved, or put back.
func (s *scene) round(t *testing.T, sent syscall.Signal, whole time.Duration) {
	t.Helper()
	before := s.rowsOf(s.database.Name)
	const kills = 3
	for range kills {
		moment := time.Duration(rand.Int64N(int64(whole)))
		var output bytes.Buffer
		command := s.process().start(t, &output)
		timer := time.AfterFunc(moment, func() { _ = command.Process.Signal(sent) }) // it may have ended by then
		_ = command.Wait()                                                           // its exit status is looked at below
		timer.Stop()
		state := command.ProcessState
		switch {
		case state.Success(), s.exists(s.to): // it was stopped after its last step
			s.complete(before)
			return
		case state.ExitCode() == interruptedCode && sent == syscall.SIGTERM:
			s.untouched()
		case state.Sys().(syscall.WaitStatus).Signal() == sent:
		default:
			t.Fatalf("after %v of %v the process ended by %v: %s", moment, whole, state, output.String())
		}
	}
	if rand.IntN(2) == 0 {
		if _, err := relocale.Undo(t.Context(), s.options()); err != nil {
			t.Fatal(err)
		}
		s.untouched()
		if diff := cmp.Diff(before, s.rowsOf(s.database.Name)); diff != "" {
			t.Error(diff)
		}
	}
	s.mustRun(s.options())
	s.moved(before)
}

// complete is about a move that has ended, or was killed before it could say so.
func (s *scene) complete(before string) {
	s.t.Helper()
	if diff := cmp.Diff(before, s.rowsOf(s.to)); diff != "" {
		s.t.Errorf("rows (-old +new):\n%s", diff)
	}
	if s.isOpen() {
		s.t.Error("the old database accepts connections")
	}
}
