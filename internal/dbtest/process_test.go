package dbtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/internal/dbtest"
)

const processVariable = "SYNAPSE_DBTEST_TEST_PROCESS"

// example is work that ends at once, with an error or without, or waits.
type example struct {
	Err   string `json:"err"`
	Waits bool   `json:"waits"`
}

func (e example) Run(ctx context.Context) error {
	fmt.Println("begun")
	if e.Waits {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if e.Err != "" {
		return errors.New(e.Err)
	}
	return nil
}

func process(work example) dbtest.Process {
	return dbtest.Process{Variable: processVariable, Work: work}
}

func TestProcessDoesItsWork(t *testing.T) {
	t.Parallel()
	if process(example{}).MustEnd(t) <= 0 {
		t.Error("it took no time")
	}
	if !process(example{}).SignalAfter(t, syscall.SIGKILL, time.Hour) {
		t.Error("it was not complete")
	}
	var output bytes.Buffer
	command := process(example{Err: "what is wrong"}).Start(t, &output)
	if err := command.Wait(); err == nil || command.ProcessState.ExitCode() != 1 || output.String() != "begun\nwhat is wrong\n" {
		t.Errorf("%v: %q", err, output.String())
	}
}

func TestProcessIsStopped(t *testing.T) {
	t.Parallel()
	for _, sent := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if process(example{Waits: true}).SignalAfter(t, sent, 10*time.Millisecond) {
			t.Errorf("%v: it was complete", sent)
		}
	}
	output := &announcing{said: make(chan string, 1)}
	command := process(example{Waits: true}).Start(t, output)
	<-output.said
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil || command.ProcessState.ExitCode() != dbtest.InterruptedCode {
		t.Error(err)
	}
}

// announcing hands on the first that is written.
type announcing struct{ said chan string }

func (a *announcing) Write(text []byte) (int, error) {
	select {
	case a.said <- string(text):
	default:
	}
	return len(text), nil
}
