package entity_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// writingVariable holds the work of a process that is killed.
const writingVariable = "SYNAPSE_TEST_ENTITY_WRITING"

const (
	writtenEntities = 40 // every other one is durable
	writers         = 8
)

// writing is a program with entities that count up: state, attributes and a local have the same number, when it is whole.
type writing struct {
	Database anyengine.Database `json:"database"`
}

type counted struct {
	N    int64  `json:"n"`
	Fill string `json:"fill"` // so that a row takes several pages of the log
}

func countedID(i int) string { return fmt.Sprintf("counter.%d", i) }

type counter struct {
	*entity.Entity[int64, counted]

	durable bool
}

// Run writes until it is killed. After each write that is known to be durable it says so: "ENTITY NUMBER".
func (w writing) Run(ctx context.Context) error {
	opened, err := w.Database.Physical()
	if err != nil {
		return err
	}
	store, err := entity.Open(ctx, entity.Config{Application: application, Database: &opened, IgnoreEnvironment: true, Delay: 5 * time.Millisecond})
	if err != nil {
		return err
	}
	counters, err := defineCounters(store)
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	failed := make(chan error, writers+1)
	for i := range writers {
		work.Go(func() { failed <- count(ctx, counters, i) })
	}
	work.Go(func() { failed <- countAndFlush(ctx, store, counters) })
	return <-failed
}

func defineCounters(store *entity.Store) ([]counter, error) {
	counters := make([]counter, writtenEntities)
	for i := range counters {
		durable := i%2 == 0
		made, err := entity.New(store, entity.Definition[int64, counted]{ID: countedID(i), Durable: durable})
		if err != nil {
			return nil, err
		}
		counters[i] = counter{made, durable}
	}
	return counters, nil
}

// next makes one step, all or nothing.
func (c counter) next(ctx context.Context) (n int64, err error) {
	err = c.Update(ctx, func(state *int64, attributes *counted) error {
		*state++
		n = *state
		*attributes = counted{N: n, Fill: strings.Repeat("x", int(n*997%3000))}
		return nil
	})
	return n, err
}

func count(ctx context.Context, counters []counter, writer int) error {
	for {
		i := writer + writers*rand.IntN(writtenEntities/writers)
		n, err := counters[i].next(ctx)
		if err != nil {
			return err
		}
		if counters[i].durable {
			fmt.Printf("%d %d\n", i, n) // it is read by the test
		}
	}
}

// countAndFlush says what is durable of those entities whose writes are not waited for.
func countAndFlush(ctx context.Context, store *entity.Store, counters []counter) error {
	for {
		var before strings.Builder
		for i, one := range counters {
			if n := one.State(); !one.durable && n > 0 {
				fmt.Fprintf(&before, "%d %d\n", i, n)
			}
		}
		if err := store.Flush(ctx); err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString(before.String()); err != nil {
			return err
		}
	}
}

// TestKilledProgramLosesNothingDurable kills a program that writes, again and again. What it said to be durable is there after
// each, or something newer, and whole.
func TestKilledProgramLosesNothingDurable(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		at := newPlace(t, kind)
		said := make([]int64, writtenEntities)
		seed := time.Now().UnixNano()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		total := int64(0)
		for range dbtest.Rounds(t, 6) {
			at.killOne(t, time.Duration(random.Int64N(int64(60*time.Millisecond))), said)
			at.checkCounters(t, said)
		}
		for _, n := range said {
			total += n
		}
		if total == 0 {
			t.Error("nothing was durable in any round, so nothing was tried")
		}
	})
}

// killOne runs the program, kills it some time after its first durable write, and notes what it said.
func (p *place) killOne(t *testing.T, after time.Duration, said []int64) {
	t.Helper()
	var output logged
	command := dbtest.Process{Variable: writingVariable, Work: writing{p.database}}.Start(t, &output)
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	dbtest.Await(t, func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the program ended by itself: %v: %s", err, output.String())
		default:
		}
		return output.Len() > 0
	})
	timer := time.NewTimer(after)
	<-timer.C
	must(t, command.Process.Signal(syscall.SIGKILL))
	<-ended
	note(t, output.String(), said)
}

func (l *logged) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Len()
}

// note reads what was said; the last line may be cut off.
func note(t *testing.T, output string, said []int64) {
	t.Helper()
	for _, line := range bytes.SplitAfter([]byte(output), []byte("\n")) {
		var i int
		var n int64
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		if _, err := fmt.Sscanf(string(line), "%d %d\n", &i, &n); err != nil {
			t.Fatalf("the program said %q: %v", line, err)
		}
		said[i] = max(said[i], n)
	}
}

// checkCounters compares what is restored with what was said before, and takes it for said from then on: it must not go back.
func (p *place) checkCounters(t *testing.T, said []int64) {
	t.Helper()
	store := p.open(t)
	counters, err := defineCounters(store)
	must(t, err)
	for i, one := range counters {
		restored := one.Restored()
		values := one.Values()
		if restored.Problem != nil || values.State != values.Attributes.N || len(values.Attributes.Fill) != int(values.State*997%3000) {
			t.Errorf("entity %d is torn: state %d, attributes %d, fill %d, %v", i, values.State, values.Attributes.N, len(values.Attributes.Fill), restored.Problem)
		}
		if values.State < said[i] {
			t.Errorf("entity %d has %d, and %d was durable", i, values.State, said[i])
		}
		said[i] = values.State
	}
	closed(t, store)
}
