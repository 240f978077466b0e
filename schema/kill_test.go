package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

// process prepares the database in a process of its own.
func process(t *testing.T, place address, version int) (command *exec.Cmd, output *bytes.Buffer) {
	t.Helper()
	text, err := json.Marshal(task{Place: place, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	command = exec.Command(os.Args[0])
	command.Env = append(os.Environ(), taskVariable+"="+string(text))
	output = &bytes.Buffer{}
	command.Stdout, command.Stderr = output, output
	return command, output
}

// Killed at a random moment of a creation or an upgrade, the next start finishes, and nobody can tell.
func TestKilledPreparationIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]int{"creation": 0, "upgrade": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEveryEngine(t, func(t *testing.T, place address) { killRounds(t, place.Engine, old) })
		})
	}
}

// killRounds measures how long an undisturbed run takes, and kills over that time, uniformly.
func killRounds(t *testing.T, kind engine.Kind, old int) {
	undisturbed := oldDatabase(t, kind, old)
	command, output := process(t, undisturbed, latest)
	begin := time.Now()
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	span := time.Since(begin)
	want := dump(t, undisturbed)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	rounds, killed, tries := dbtest.Rounds(t, 2), 0, 0
	for ; killed < rounds && tries < 10*rounds && !t.Failed(); tries++ {
		at := time.Duration(random.Int64N(int64(span)))
		t.Run(fmt.Sprintf("try %d", tries), func(t *testing.T) {
			place := oldDatabase(t, kind, old)
			if killAfter(t, place, at) {
				killed++
			}
			prepare(t, place, latest)
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(dump(t, place), "\n")); diff != "" {
				t.Errorf("seed %d, killed after %s of %s: %s", seed, at, span, diff)
			}
		})
	}
	t.Logf("seed %d: %d killed, uniformly over %s; %d ended before", seed, killed, span, tries-killed)
	if killed < rounds {
		t.Errorf("only %d of %d were killed before their end", killed, rounds)
	}
}

// killAfter reports whether the process had not ended before.
func killAfter(t *testing.T, place address, at time.Duration) bool {
	t.Helper()
	command, output := process(t, place, latest)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(at, func() { _ = command.Process.Kill() })
	err := command.Wait()
	timer.Stop()
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && (!isExit || command.ProcessState.Exited()) {
		t.Fatalf("%v: %s", err, output)
	}
	return err != nil
}

// oldDatabase is one that an old release has left, with rows enough for an upgrade to take its time; 0 is an empty one.
func oldDatabase(t *testing.T, kind engine.Kind, version int) address {
	t.Helper()
	place := newAddress(t, kind)
	if version == 0 {
		return place
	}
	prepare(t, place, version)
	session, err := place.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	err = session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		var rows []string
		for i := range 3000 {
			rows = append(rows, fmt.Sprintf("(%d, %d, 'book %d')", i+10, i%2+1, i))
		}
		_, err := tx.Exec(t.Context(), "INSERT INTO books (book_id, author_id, title) VALUES "+strings.Join(rows, ", "))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// Of several processes that start at once, one does the work, and all succeed.
func TestProcessesAtOnce(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]int{"creation": 0, "upgrade": 1} {
		for _, number := range []int{2, 10} {
			t.Run(fmt.Sprintf("%s by %d", name, number), func(t *testing.T) {
				t.Parallel()
				onEveryEngine(t, func(t *testing.T, place address) {
					for range dbtest.Rounds(t, 1) {
						atOnce(t, oldDatabase(t, place.Engine, old), number)
					}
				})
			})
		}
	}
}

func atOnce(t *testing.T, place address, number int) {
	t.Helper()
	commands, outputs := make([]*exec.Cmd, number), make([]*bytes.Buffer, number)
	for i := range commands {
		commands[i], outputs[i] = process(t, place, latest)
	}
	var all sync.WaitGroup
	for i, command := range commands {
		all.Go(func() {
			if err := command.Run(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, outputs[i])
			}
		})
	}
	all.Wait()
	changed := 0
	for _, output := range outputs {
		changed += strings.Count(output.String(), "changed")
	}
	if changed != 1 {
		t.Errorf("%d of %d processes did the work", changed, number)
	}
	status := inspect(t, place, newSet(t, library(latest)))
	if status.Verdict != schema.Current {
		t.Errorf("the database is %s", status.Verdict)
	}
}
