package port_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// killAt kills this process once a port has brought so many rows on their way.
func killAt(progress *port.Progress, rows int64) {
	for range time.Tick(100 * time.Microsecond) {
		if state := progress.Snapshot(); state.Phase == port.PhaseCopy && state.Done >= rows {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		}
	}
}

// rowsIn is how many rows the state says are in.
func rowsIn(t *testing.T, target *dbtest.Database) (rows int64) {
	t.Helper()
	asSuperuser(t, target, func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), "SELECT coalesce(sum(rows), 0)::bigint FROM synapse_port.progress").Scan(&rows)
	})
	return rows
}

// A port that never gets the time to finish comes further each time, and does not begin again.
func TestPortThatIsKilledAgainAndAgainEnds(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expect(t, source, port.Fail)
	whole := preparedTarget(t)
	report, err := portInto(t, source, whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	rounds := dbtest.Rounds(t, 8)
	step := report.Rows/int64(rounds) + 1
	target := preparedTarget(t)
	process := portProcess{
		Source: source, Target: target.Config, Aside: filepath.Join(t.TempDir(), "aside"),
		Batch: int(max(1, min(50, step/4))), Jobs: 2,
	}
	kills, before := 0, int64(0)
	for {
		process.KillAt = before + step
		var output bytes.Buffer
		command := process.process().Start(t, &output)
		_ = command.Wait() // judged by its state
		waitForSessionsToEnd(t, target)
		if command.ProcessState.Success() {
			break
		}
		if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			t.Fatalf("%v: %s", command.ProcessState, output.String())
		}
		kills++
		now := rowsIn(t, target)
		if now <= before {
			t.Fatalf("kill %d: %d rows are in, before it were %d", kills, now, before)
		}
		before = now
	}
	if kills < rounds/2 {
		t.Errorf("it was killed %d times only, %d were meant", kills, rounds)
	}
	t.Logf("killed %d times", kills)
	expected.complete(t, source, target)
}

// What the scan found is remembered, and what rows lost on their way is reported and kept whole by whoever ends the port.
func TestResumedRepairReportsEverything(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 300, Seed: 1, BadValues: true})
	repair := func(o *port.Options) { o.OnBadValue, o.BatchSize, o.Jobs = port.Repair, 50, 2 }
	whole, err := portInto(t, source, preparedTarget(t), repair)
	if err != nil {
		t.Fatal(err)
	}
	target := preparedTarget(t)
	for _, share := range []int64{4, 2} {
		process := portProcess{Source: source, Target: target.Config, Aside: filepath.Join(t.TempDir(), "aside"), Policy: port.Repair,
			Batch: 50, Jobs: 2, KillAt: whole.Rows / share}
		var output bytes.Buffer
		_ = process.process().Start(t, &output).Wait() // it kills itself
		waitForSessionsToEnd(t, target)
	}
	resumed, err := portInto(t, source, target, repair)
	if err != nil {
		t.Fatal(err)
	}
	if resumed.Mode != port.ModeResumed {
		t.Errorf("the mode is %q", resumed.Mode)
	}
	for _, steps := range resumed.Steps {
		if steps.Phase == port.PhaseScan {
			t.Error("the source was scanned again")
		}
	}
	if want, got := fmt.Sprint(whole.Values, whole.AsideRows), fmt.Sprint(resumed.Values, resumed.AsideRows); want != got {
		t.Errorf("values and rows set aside:\nwhole   %s\nresumed %s", want, got)
	}
}
