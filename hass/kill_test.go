package hass_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// TestAllAgreeAfterKills kills programs that count, each another version of the one before, at any moment from their start on. Whatever is started afterwards, what it has restored, what is
// retained and what the database has are the same, nothing that was durable is lost, and nothing is left of former versions.
func TestAllAgreeAfterKills(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	said := map[string]int64{}
	for round := range dbtest.Rounds(t, 4) {
		s.killed(t, anyProgram(random).of(s), random, said)
		version := anyProgram(random).of(s)
		running := version.run(t)
		s.agree(t, version, running, said)
		running.stop(t)
		s.stored(t, running, version)
		if t.Failed() {
			t.Fatalf("round %d, %+v", round, version)
		}
	}
}

// anyProgram is one of many versions.
func anyProgram(random *rand.Rand) program {
	made := program{Discovery: hass.DeviceBased, Removal: hass.Delete, Prefix: []string{"", "/other"}[random.IntN(5)/4]}
	if random.IntN(3) == 0 {
		made.Discovery = hass.SingleComponent
	}
	for i := range 12 {
		if random.IntN(4) == 0 {
			continue
		}
		made.Parts = append(made.Parts, part{
			ID: fmt.Sprint("counter.", i), Durable: i%2 == 0,
			Platform: []string{"sensor", "number", "button"}[random.IntN(8)/3], Device: []string{"", "a", "b"}[random.IntN(3)],
		})
	}
	return made
}

// killed runs a program until it is killed, at its start or later, and notes what it said to be durable.
func (s *scene) killed(t *testing.T, version program, random *rand.Rand, said map[string]int64) {
	t.Helper()
	var output logged
	command := dbtest.Process{Variable: programVariable, Work: version}.Start(t, &output)
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	dbtest.Await(t, func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the program ended by itself: %v: %s", err, output.String())
		default:
		}
		return strings.Contains(output.String(), "linked")
	})
	soon := random.Float64() // and rather sooner than later, while it tells everything
	timer := time.NewTimer(time.Duration(soon * soon * soon * float64(50*time.Millisecond)))
	<-timer.C
	must(t, command.Process.Kill())
	<-ended
	for line := range bytes.SplitAfterSeq([]byte(output.String()), []byte("\n")) {
		var id string
		var n int64
		if _, err := fmt.Sscanf(string(line), "counter%s %d\n", &id, &n); err == nil && bytes.HasSuffix(line, []byte("\n")) {
			said["counter"+id] = max(said["counter"+id], n)
		}
	}
}

// agree compares what was restored with what is retained, and with what was said.
func (s *scene) agree(t *testing.T, version program, running *running, said map[string]int64) {
	t.Helper()
	retained := s.retained(t)
	for _, one := range version.Parts {
		state := running.counters[one.ID].State()
		n := strconv.FormatInt(state, 10)
		if state < said[one.ID] {
			t.Errorf("%s is %d, and %d was said to be durable", one.ID, state, said[one.ID])
		}
		note := ""
		if state > 0 {
			note = `"note":"` + n + `"`
		}
		if one.shown().States() && retained[s.topic(one.ID, "state")] != n || retained[s.topic(one.ID, "attributes")] != "{"+note+"}" {
			t.Errorf("%s is %s, and retained is %s with %s", one.ID, n, retained[s.topic(one.ID, "state")], retained[s.topic(one.ID, "attributes")])
		}
	}
	same(t, "topics of which something is retained", version.topics(), slices.Sorted(maps.Keys(retained)))
}

// stored compares what the database has with what the program had.
func (s *scene) stored(t *testing.T, running *running, version program) {
	t.Helper()
	rows := s.rows(t)
	for _, one := range version.Parts {
		same(t, one.ID+" in the database", strconv.FormatInt(running.counters[one.ID].State(), 10), rows[one.ID])
	}
}

// rows are the states that the database has, by another connection.
func (s *scene) rows(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	anyengine.Database{Path: s.path}.With(t, func(session engine.Session) error {
		return engine.Each(t.Context(), session, "SELECT id, state FROM entities", nil, func(scan func(...any) error) error {
			var id, state string
			err := scan(&id, &state)
			rows[id] = state
			return err
		})
	})
	return rows
}
