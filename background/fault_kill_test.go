package background_test

import (
	"bufio"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// readyMade are ready-made updates of the table numbers, one after the other.
func readyMade(registry *background.Registry) {
	registry.Register("fill_column", background.FillColumn{Table: "numbers", Keys: []string{"id"}, Set: "n = n + 1"}.Run)
	registry.RegisterAlone("change", background.ChangeTable{
		Statement: "ALTER TABLE numbers DROP CONSTRAINT IF EXISTS numbers_few, ADD CONSTRAINT numbers_few CHECK (id % 3 <> 0) NOT VALID",
		Only:      []engine.Kind{engine.Postgres},
	}.Run)
	registry.RegisterAlone("delete", background.ValidateAndDelete{
		Table: "numbers", Constraint: "numbers_few", Keys: []string{"id"}, Breaks: "id % 3 = 0",
	}.Run, background.InBatches())
	registry.RegisterAlone("old_index", background.CreateIndex{Name: "numbers_old", Table: "numbers", Columns: []string{"n"}}.Run)
	registry.RegisterAlone("index", background.CreateIndex{
		Name: "numbers_n", Table: "numbers", Columns: []string{"n", "id"}, Unique: true, Replaces: "numbers_old",
	}.Run)
}

// Killed at random moments, the ready-made updates end as if nothing had happened.
func TestKilledReadyMadeUpdates(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		rounds := dbtest.Rounds(t, 6)
		rows := 4000 * int64(rounds)
		place.newNumbers(t, int(rows))
		place.enqueue(t, "fill_column", "change after fill_column", "delete after change", "old_index after delete", "index after old_index")
		seed := uint64(time.Now().UnixNano())
		random := rand.New(rand.NewPCG(seed, 1))
		kills := 0
		for range rounds {
			// Some batches later, and then a moment.
			killed, err := killAfter(process(t, task{Place: place, Wait: true, Size: 500, ReadyMade: true}), 1+random.IntN(12),
				time.Duration(random.Int64N(int64(5*time.Millisecond))))
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if !killed {
				break
			}
			kills++
		}
		if err := process(t, task{Place: place, Wait: true, Size: 5000, ReadyMade: true}).Run(); err != nil {
			t.Fatal(err)
		}
		want := []int64{rows, rows}
		if place.Engine == engine.Postgres {
			want = []int64{rows - rows/3, rows - rows/3} // elsewhere there is no constraint that is not valid
		}
		got := []int64{place.number(t, "SELECT count(*) FROM numbers"), place.number(t, "SELECT sum(n) FROM numbers")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d, %d kills: rows and their sum: %s", seed, kills, diff)
		}
		if !hasIndex(t, place, "numbers_n") || hasIndex(t, place, "numbers_old") || len(place.pending(t)) > 0 {
			t.Errorf("seed %d, %d kills: the indexes are wrong, or %q are pending", seed, kills, place.pending(t))
		}
		if place.Engine == engine.Postgres && (place.number(t, invalidSQL) != 0 ||
			place.number(t, "SELECT count(*) FROM pg_constraint WHERE conname = 'numbers_few' AND convalidated") != 1) {
			t.Errorf("seed %d, %d kills: the index or the constraint is not valid", seed, kills)
		}
		t.Logf("seed %d: %d kills", seed, kills)
	})
}

// killAfter kills a process after so many lines of its output, and some time. killed is false when it came to its end.
func killAfter(command *exec.Cmd, lines int, moment time.Duration) (killed bool, err error) {
	output, err := command.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := command.Start(); err != nil {
		return false, err
	}
	timer := time.AfterFunc(time.Hour, func() { _ = command.Process.Kill() })
	for reader := bufio.NewReader(output); err == nil; lines-- {
		if _, err = reader.ReadString('\n'); lines == 1 {
			timer.Reset(moment)
		}
	}
	err = command.Wait()
	timer.Stop()
	if err != nil && !command.ProcessState.Exited() {
		return true, nil
	}
	return false, err
}

// SQLite has no list of sessions, but the system knows which processes have the file open.
func TestOtherProcessesWithTheFileAreRefusedUnlessKnown(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	other := holder(t, task{Place: place, HoldOpen: true})
	updater := newUpdater(t, place, background.NewRegistry(), func(config *background.Config) {
		config.SessionsKnown, config.Clock = false, nil // SQLite gives the process time to show what it is, by its own clock
	})
	mustRefuse(t, updater)
	if err := newUpdater(t, place, background.NewRegistry()).Run(t.Context()); err != nil {
		t.Error(err)
	}
	_ = other.Process.Kill()
	_ = other.Wait()
	if err := updater.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// holder starts a process, waits until it says that it holds what it is to hold, and ends it with the test.
func holder(t *testing.T, wanted task) *exec.Cmd {
	t.Helper()
	command := process(t, wanted)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = input.Close() })
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "holding\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return command
}
