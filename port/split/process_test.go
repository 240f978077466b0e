package split_test

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
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/split"
	"github.com/synapsedb/synapse/schema"
)

// processVariable makes the test binary a process that splits, as its content, in JSON, says.
const processVariable = "SYNAPSE_SPLIT_TEST_PROCESS"

// splitProcess is what such a process has to do, with our set.
type splitProcess struct {
	Source map[string]any `json:"source"` // the arguments of a PostgreSQL database, or nil
	Target map[string]any `json:"target"`
	From   string         `json:"from"` // a SQLite file
	To     string         `json:"to"`
}

// interruptedCode is how a process exits that a signal stopped.
const interruptedCode = 3

// playProcess does the work of another process, if this one is such, and does not return then.
func playProcess() {
	content := os.Getenv(processVariable)
	if content == "" {
		return
	}
	var process splitProcess
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

func (p splitProcess) options() (options split.Options, err error) {
	options.Source = split.Database{Label: "master", SQLitePath: p.From, Logical: both()}
	options.Target = split.Database{Label: "state", SQLitePath: p.To}
	if options.Set, err = homeserver.Set(); err != nil || p.Source == nil {
		return options, err
	}
	if options.Source.Postgres, _, err = postgres.ParseArgs(p.Source); err != nil {
		return options, err
	}
	options.Target.Postgres, _, err = postgres.ParseArgs(p.Target)
	return options, err
}

func (p splitProcess) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	options, err := p.options()
	if err != nil {
		return err
	}
	_, err = split.Run(ctx, options)
	return err
}

func (p splitProcess) start(t *testing.T, output *bytes.Buffer) *exec.Cmd {
	t.Helper()
	content, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), processVariable+"="+string(content))
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

// killedScene is a source, and a target that each round splits into.
type killedScene struct {
	source  split.Database
	target  split.Database
	process splitProcess
}

func newKilledScene(t *testing.T, at place) *killedScene {
	t.Helper()
	if at == onSQLite {
		s := &killedScene{source: at.filled(t, ours(t)), target: at.empty(t)}
		s.process = splitProcess{From: s.source.SQLitePath, To: s.target.SQLitePath}
		return s
	}
	from, to := copied(t, ours(t), "filled", fill, both()...), dbtest.NewDatabase(t)
	return &killedScene{
		source: described(t, from, both()...), target: described(t, to), process: splitProcess{Source: from.Config, Target: to.Config},
	}
}

func TestKilledSplitIsBegunAnew(t *testing.T) {
	t.Parallel()
	for name, at := range places() {
		for _, sent := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			t.Run(name+" "+sent.String(), func(t *testing.T) {
				t.Parallel()
				first := newKilledScene(t, at)
				want := rowsOf(t, first.source, oursTables()...)
				begun := time.Now()
				if output := first.finish(t); output != "" {
					t.Fatal(output)
				}
				whole := time.Since(begun)
				for range dbtest.Rounds(t, 1) {
					newKilledScene(t, at).round(t, sent, whole, want)
				}
			})
		}
	}
}

// finish runs a split to its end, and gives what it says.
func (s *killedScene) finish(t *testing.T) string {
	t.Helper()
	var output bytes.Buffer
	if err := s.process.start(t, &output).Wait(); err != nil {
		return fmt.Sprintf("%v: %s", err, output.String())
	}
	return ""
}

// round stops splits at random moments, and looks that no server could start on what they leave, until one has ended.
func (s *killedScene) round(t *testing.T, sent syscall.Signal, whole time.Duration, want string) {
	t.Helper()
	const kills = 4
	for range kills {
		moment := time.Duration(rand.Int64N(int64(whole)))
		var output bytes.Buffer
		command := s.process.start(t, &output)
		timer := time.AfterFunc(moment, func() { _ = command.Process.Signal(sent) }) // it may have ended by then
		_ = command.Wait()                                                           // its exit status is looked at below
		timer.Stop()
		state := command.ProcessState
		switch {
		case state.Success():
			s.complete(t, want)
			return
		case state.ExitCode() == interruptedCode && sent == syscall.SIGTERM:
		case state.Sys().(syscall.WaitStatus).Signal() == sent:
		default:
			t.Fatalf("after %v of %v the process ended by %v: %s", moment, whole, state, output.String())
		}
		if s.usable(t) { // it was stopped after its last step
			s.complete(t, want)
			return
		}
	}
	if output := s.finish(t); output != "" {
		t.Fatal(output)
	}
	s.complete(t, want)
}

// usable reports whether a server could start on what a split has left.
func (s *killedScene) usable(t *testing.T) bool {
	t.Helper()
	if s.target.Postgres == nil {
		return exists(s.target.SQLitePath) // a file gets its name when it is complete
	}
	var state *schema.State
	on(t, s.target, func(ctx context.Context, session engine.Session) (err error) {
		state, err = schema.ReadState(ctx, session)
		return err
	})
	return len(state.Tables) > 0 && (state.CompatVersion == nil || *state.CompatVersion != schema.GuardVersion)
}

func (s *killedScene) complete(t *testing.T, want string) {
	t.Helper()
	if diff := cmp.Diff(want, rowsOf(t, s.target, oursTables()...)); diff != "" {
		t.Error(diff)
	}
	if err := open(t, ours(t), s.source, s.target).Close(); err != nil {
		t.Error(err)
	}
	if s.target.Postgres == nil && exists(s.target.SQLitePath+".split-partial") {
		t.Error("the partial file is still there")
	}
}

// A server that goes on in spite of all makes the copy differ from its source, which is noticed.
func TestWriterMeanwhileIsNoticed(t *testing.T) {
	t.Parallel()
	from, to := onPostgres.filled(t, ours(t)), onPostgres.empty(t)
	conn, err := from.Postgres.Connect(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = split.Run(t.Context(), split.Options{Source: from, Target: to, Set: ours(t), Progress: once(split.PhaseVerify, func() {
		conn, err := from.Postgres.Connect(t.Context(), nil)
		if err == nil {
			_, err = conn.Exec(t.Context(), "UPDATE state_groups SET event_id = '$other' WHERE id = 17")
			err = errors.Join(err, conn.Close(t.Context()))
		}
		if err != nil {
			t.Error(err)
		}
	})})
	// The change can come between the snapshot of the comparison and its reading; the next run sees it in any case.
	if _, differs := errors.AsType[*split.MismatchError](err); !differs && err != nil {
		t.Fatal(err)
	}
	if err == nil {
		return
	}
	if got := number(t, to, "SELECT compat_version FROM schema_compat_version"); got != schema.GuardVersion {
		t.Errorf("the copy that differs can be opened by version %d", got)
	}
}

// once calls something when a phase begins.
func once(phase split.Phase, do func()) func(split.Progress) {
	var before split.Phase
	return func(progress split.Progress) {
		if progress.Phase == phase && before != phase {
			do()
		}
		before = progress.Phase
	}
}

func TestSessionThatComesMeanwhileKeepsTheGuardUp(t *testing.T) {
	t.Parallel()
	from, to := onPostgres.filled(t, ours(t)), onPostgres.empty(t)
	var server *pgx.Conn
	_, err := split.Run(t.Context(), split.Options{Source: from, Target: to, Set: ours(t), Progress: once(split.PhaseCopy, func() {
		var err error
		if server, err = from.Postgres.Connect(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})})
	_, differs := errors.AsType[*split.MismatchError](err)
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !differs {
		t.Fatalf("got %v", err)
	}
	if got := number(t, to, "SELECT compat_version FROM schema_compat_version"); got != schema.GuardVersion {
		t.Errorf("the copy can be opened by version %d", got)
	}
	if report := mustRun(t, split.Options{Source: from, Target: to, Set: ours(t)}); !report.Leftover {
		t.Error("the report does not tell of what was left")
	}
}
