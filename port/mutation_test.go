package port_test

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// mutationChain ports one source again and again into one target, each time after it was changed, and kills each port once.
type mutationChain struct {
	pair     mutatedPair
	seed     uint64
	random   *rand.Rand
	source   string
	target   *dbtest.Database
	changes  *mutator
	schema   string            // of a prepared target
	content  map[string]string // of the target, when it was last complete
	duration time.Duration     // of the last port that was not killed
}

// Whatever was changed in the source, and whenever a port was killed: the next one ends, and the sides are the same.
func TestKilledPortOfMutatedSourceEndsEqual(t *testing.T) {
	t.Parallel()
	chance := uint64(time.Now().UnixNano())
	chains := map[string]*mutationChain{
		"fixed seed":  {pair: demoPair(killedEvents), seed: 5},
		"random seed": {pair: demoPair(killedEvents), seed: chance},
	}
	if pair, found := realPair(t); found {
		chains["real database"] = &mutationChain{pair: pair, seed: chance}
	}
	for name, chain := range chains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain.random = rand.New(rand.NewPCG(chain.seed, 0))
			chain.rounds(t, (dbtest.Rounds(t, len(chains))+len(chains)-1)/len(chains))
		})
	}
}

func (c *mutationChain) rounds(t *testing.T, count int) {
	t.Helper()
	for round := range count {
		if round == 0 || c.random.IntN(10) == 0 {
			c.begin(t)
		}
		c.round(t)
		if round%5 == 4 || round == count-1 {
			c.sameAsFreshPort(t)
		}
		if t.Failed() {
			t.Logf("it was round %d of seed %d", round, c.seed)
			return
		}
	}
}

// begin takes a new source and a new target, and ports the one into the other or leaves that to the first round.
func (c *mutationChain) begin(t *testing.T) {
	t.Helper()
	c.source, c.target = c.pair.source(t), c.pair.target(t)
	if c.changes == nil {
		c.changes = newMutator(t, c.source, c.target)
		c.schema = schemaDump(t, c.target)
	}
	first := c.target
	if c.random.IntN(2) == 0 {
		first = c.pair.target(t)
	}
	c.duration = c.port(t, first)
	c.content = content(t, c.target)
}

// port ports the source, and returns how long it took.
func (c *mutationChain) port(t *testing.T, target *dbtest.Database) time.Duration {
	t.Helper()
	begun := time.Now()
	c.process(t, target).process().MustEnd(t)
	took := time.Since(begun)
	waitForSessionsToEnd(t, target)
	return took
}

func (c *mutationChain) process(t *testing.T, target *dbtest.Database) portProcess {
	t.Helper()
	return portProcess{Source: c.source, Target: target.Config, Aside: filepath.Join(t.TempDir(), "aside")}
}

func (c *mutationChain) round(t *testing.T) {
	t.Helper()
	t.Logf("%+v", c.changes.mutate(t, c.source, c.random.Uint64()))
	killed := c.kill(t)
	if killed == nil && c.random.IntN(3) == 0 {
		t.Logf("and before it runs again: %+v", c.changes.mutate(t, c.source, c.random.Uint64()))
	}
	c.duration = c.port(t, c.target)
	if lookAtGuard(t, c.target).Compat == guarded().Compat {
		t.Error("the guard is still up")
	}
	before := c.content
	c.content = content(t, c.target)
	if killed != nil && !maps.Equal(killed, before) && !maps.Equal(killed, c.content) {
		t.Errorf("the killed port left a target that was not guarded, and neither as before nor complete (-killed +complete):\n%s",
			cmp.Diff(killed, c.content))
	}
	c.compare(t)
}

// kill ends a port at a moment of its time, and returns the content of the target if no guard is up.
func (c *mutationChain) kill(t *testing.T) map[string]string {
	t.Helper()
	moment := time.Duration(c.random.Int64N(int64(c.duration)))
	t.Logf("killed after %v of %v", moment, c.duration)
	d := disturbance{signal: syscall.SIGKILL}
	d.stop(t, c.process(t, c.target), moment)
	waitForSessionsToEnd(t, c.target)
	if lookAtGuard(t, c.target).Compat == guarded().Compat {
		return nil
	}
	return content(t, c.target)
}

// compare lets everybody look who can: the port itself, which must find nothing to do, this package's tests and the judge.
func (c *mutationChain) compare(t *testing.T) {
	t.Helper()
	report, err := portInto(t, c.source, c.target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range report.Tables {
		if table.Inserted+table.Deleted != 0 {
			t.Errorf("of the same source it inserted %d rows into %s and deleted %d", table.Inserted, table.Table, table.Deleted)
		}
	}
	waitForSessionsToEnd(t, c.target)
	if diff := cmp.Diff(c.content, content(t, c.target)); diff != "" {
		t.Errorf("a port of the same source changed something (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(c.schema, schemaDump(t, c.target)); diff != "" {
		t.Errorf("schema (-prepared +ported):\n%s", diff)
	}
	c.pair.sameAsSource(t, c.source, c.target, true)
}

// sameAsFreshPort ports the source as it is now into another target, and compares everything that is in the two. Only
// sequences may be further than those of the other: what they have handed out may be deleted again.
func (c *mutationChain) sameAsFreshPort(t *testing.T) {
	t.Helper()
	target := c.pair.target(t)
	c.port(t, target)
	fresh := content(t, target)
	for name, want := range fresh {
		position, err := strconv.ParseInt(want, 10, 64)
		if err != nil { // a table
			if want != c.content[name] {
				t.Errorf("%s is %q, and %q after a fresh port", name, c.content[name], want)
			}
			continue
		}
		if got, err := strconv.ParseInt(c.content[name], 10, 64); err != nil || got < position {
			t.Errorf("sequence %s is at %q, and at %d after a fresh port", name, c.content[name], position)
		}
	}
}
