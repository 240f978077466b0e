package port_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// disturbance ends a process at a random moment, again and again.
type disturbance struct {
	source      string
	policy      port.Policy
	signal      syscall.Signal
	expectation expectation
	chance      *rand.Rand
	duration    time.Duration // of a port that nobody disturbs
}

// newDisturbance learns how the port goes when it is left alone.
func newDisturbance(t *testing.T, options demo.Options, policy port.Policy, signal syscall.Signal) *disturbance {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed of the moments: %d", seed)
		}
	})
	d := &disturbance{source: demoSource(t, options), policy: policy, signal: signal, chance: rand.New(rand.NewPCG(seed, 0))}
	d.expectation = expect(t, d.source, policy)
	d.duration = d.expectation.duration
	return d
}

func (d *disturbance) process(t *testing.T, target *dbtest.Database) portProcess {
	t.Helper()
	return portProcess{Source: d.source, Target: target.Config, Aside: filepath.Join(t.TempDir(), "aside.jsonl"), Policy: d.policy}
}

// round stops a port at some moment, looks at what it left, and runs the same command again.
func (d *disturbance) round(t *testing.T) {
	t.Helper()
	target := preparedTarget(t)
	process := d.process(t, target)
	moment := time.Duration(d.chance.Int64N(int64(d.duration)))
	t.Logf("%v after %v of %v", d.signal, moment, d.duration)
	d.stop(t, process, moment)
	if d.expectation.wholeOrGuarded(t, target) {
		return
	}
	process.process().MustEnd(t)
	d.expectation.complete(t, d.source, target)
	asideIsWhole(t, process)
}

// stop begins a port and signals it at a moment.
func (d *disturbance) stop(t *testing.T, process portProcess, moment time.Duration) {
	t.Helper()
	process.process().SignalAfter(t, d.signal, moment)
}

// asideIsWhole checks that the file of a port that succeeded has its name, and that nothing lies beside it.
func asideIsWhole(t *testing.T, process portProcess) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(process.Aside))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != filepath.Base(process.Aside) {
			t.Errorf("%s was left behind", entry.Name())
		}
	}
	if process.Policy == port.Repair && len(entries) == 0 {
		t.Error("there is no file of rows set aside")
	}
}

// killedEvents make tables of more than 2,000 rows, whose indexes are set aside.
const killedEvents = 2500

func TestKilledPortIsGuardedAndRunsAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options demo.Options
		policy  port.Policy
		signal  syscall.Signal
		rounds  int
	}{
		"killed":                 {demo.Options{Events: killedEvents, Seed: 1}, port.Fail, syscall.SIGKILL, 5},
		"killed while repairing": {demo.Options{Events: killedEvents, Seed: 1, BadValues: true}, port.Repair, syscall.SIGKILL, 1},
		"interrupted":            {demo.Options{Events: killedEvents, Seed: 1}, port.Fail, syscall.SIGTERM, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisturbance(t, test.options, test.policy, test.signal)
			for range dbtest.Rounds(t, test.rounds) {
				if d.round(t); t.Failed() {
					return
				}
			}
		})
	}
}

// The second port of an unfinished target has another source, in which big tables have become small.
func TestUnfinishedTargetTakesAnotherSource(t *testing.T) {
	t.Parallel()
	big := newDisturbance(t, demo.Options{Events: killedEvents, Seed: 1}, port.Fail, syscall.SIGKILL)
	other := demoSource(t, demo.Options{Events: 100, Seed: 2})
	expected := expect(t, other, port.Fail)
	for range dbtest.Rounds(t, 1) {
		target := preparedTarget(t)
		// From the middle on, indexes have been put back already.
		big.stop(t, big.process(t, target), big.duration/2+time.Duration(big.chance.Int64N(int64(big.duration)/2)))
		if big.expectation.wholeOrGuarded(t, target) {
			continue
		}
		process := big.process(t, target)
		process.Source = other
		process.process().MustEnd(t)
		if expected.complete(t, other, target); t.Failed() {
			return
		}
	}
}

func TestOfTwoPortsAtOnceOneIsRefused(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 300, Seed: 1})
	expected := expect(t, source, port.Fail)
	for range dbtest.Rounds(t, 1) {
		target := preparedTarget(t)
		process := portProcess{Source: source, Target: target.Config, Aside: filepath.Join(t.TempDir(), "aside")}
		var outputs [2]bytes.Buffer
		first, second := process.process().Start(t, &outputs[0]), process.process().Start(t, &outputs[1])
		_, _ = first.Wait(), second.Wait() // judged by their states
		if first.ProcessState.Success() == second.ProcessState.Success() {
			t.Fatalf("not exactly one did it:\n%s\n%s", &outputs[0], &outputs[1])
		}
		said := outputs[0].String() + outputs[1].String()
		// Either at the same time, or one after the other.
		if !strings.Contains(said, "target_locked") && !strings.Contains(said, "target_lived_in") {
			t.Errorf("the other one said: %s", said)
		}
		expected.complete(t, source, target)
	}
}
