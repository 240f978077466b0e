package tables_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
	"github.com/synapsedb/synapse/schema"
)

// processVariable makes the test binary do a move alone.
const processVariable = "SYNAPSE_TEST_TABLES_MOVE"

// moveProcess is a move in a process of its own.
type moveProcess struct{ From, To anyengine.Database }

// Run moves.
func (p moveProcess) Run(ctx context.Context) error {
	set, err := readSample()
	if err != nil {
		return err
	}
	from, fromErr := p.From.Physical()
	to, toErr := p.To.Physical()
	if fromErr != nil || toErr != nil {
		return fmt.Errorf("%w %w", fromErr, toErr)
	}
	_, err = tables.Move(ctx, tables.Options{From: from, To: to, Set: set})
	return err
}

// ring leads from each engine to another one, so that each is a source and a target.
func ring() [][2]engine.Kind {
	return [][2]engine.Kind{{engine.SQLite, engine.Postgres}, {engine.Postgres, engine.MySQL}, {engine.MySQL, engine.SQLite}}
}

// Killed at a random moment, a move is ended by the same command; until then nobody starts on the target.
func TestKilledMoveIsBegunAnew(t *testing.T) {
	t.Parallel()
	for _, pair := range ring() {
		t.Run(string(pair[0])+" to "+string(pair[1]), func(t *testing.T) {
			t.Parallel()
			killRounds(t, pair[0], pair[1])
		})
	}
}

// killRounds measures how long an undisturbed move takes, and kills over that time, uniformly.
func killRounds(t *testing.T, from, to engine.Kind) {
	source := filled(t, from)
	source.With(t, func(session engine.Session) error { return fillMuch(t, session) })
	want := copied(t, source)
	span := dbtest.Process{Variable: processVariable, Work: moveProcess{From: source, To: anyengine.New(t, to)}}.MustEnd(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	rounds, leftover := dbtest.Rounds(t, 2), 0
	for range rounds {
		target, at := anyengine.New(t, to), time.Duration(random.Int64N(int64(span)))
		process := dbtest.Process{Variable: processVariable, Work: moveProcess{From: source, To: target}}
		for kills := 1 + random.IntN(2); kills > 0; kills-- { // also of a move that finds what another one has left
			if process.SignalAfter(t, syscall.SIGKILL, at) || startable(t, target) {
				break
			}
		}
		complete := startable(t, target)
		report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: sample(t)})
		if err != nil && (!complete || !strings.Contains(err.Error(), "target_not_empty")) {
			t.Fatalf("seed %d, killed after %s of %s: %v", seed, at, span, err)
		}
		if report.Leftover {
			leftover++
		}
		if diff := cmp.Diff(want, copied(t, target)); diff != "" {
			t.Fatalf("seed %d, killed after %s of %s: %s", seed, at, span, diff)
		}
	}
	t.Logf("seed %d: %d killed, uniformly over %s; %d left something behind", seed, rounds, span, leftover)
}

// startable reports whether a program would start on a database with tables. One that is not complete must refuse it.
func startable(t *testing.T, database anyengine.Database) (complete bool) {
	t.Helper()
	database.With(t, func(session engine.Session) error {
		state, err := schema.ReadState(t.Context(), session)
		if err != nil || state.Owner == schema.Nobody {
			return err
		}
		plan, err := schema.MakePlan(t.Context(), session, sample(t), schema.Options{})
		if complete = err == nil; complete && (!plan.Nothing() || state.Filling != "") {
			t.Errorf("a program would start on half a database: %+v", state)
		}
		return nil
	})
	return complete
}

// fillMuch adds rows enough for a kill to come between them.
func fillMuch(t testing.TB, session engine.Session) error {
	t.Helper()
	return session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		for first := 0; first < 10000; first += 1000 {
			var rows []string
			for i := range 1000 {
				rows = append(rows, fmt.Sprintf("(%d, 'row %d')", first+i, i))
			}
			if _, err := tx.Exec(t.Context(), "INSERT INTO bare (number, body) VALUES "+strings.Join(rows, ", ")); err != nil {
				return err
			}
		}
		return nil
	})
}

// copied is what a database holds, brought into a file of SQLite.
func copied(t *testing.T, database anyengine.Database) []string {
	t.Helper()
	file := anyengine.New(t, engine.SQLite)
	move(t, database, file, sample(t))
	return contentsOf(t, file)
}

// A move that loses one of its servers on the way fails, and the next one begins anew.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	for _, pair := range ring() {
		for _, phase := range []tables.Phase{tables.PhaseScan, tables.PhaseCopy, tables.PhaseVerify} {
			for side, kind := range pair {
				if kind == engine.SQLite {
					continue
				}
				t.Run(fmt.Sprintf("%s to %s, of %s in %s", pair[0], pair[1], kind, phase), func(t *testing.T) {
					t.Parallel()
					source, target := filled(t, pair[0]), anyengine.New(t, pair[1])
					cut := map[bool]anyengine.Database{true: source, false: target}[side == 0]
					unneeded := phase == tables.PhaseScan && side == 1
					if failed := loseConnections(t, source, target, cut, phase); failed {
						move(t, source, target, sample(t))
					} else if !unneeded {
						t.Error("it did not notice")
					}
				})
			}
		}
	}
}

// loseConnections cuts a side off while the work is in a phase, and reports whether it failed.
func loseConnections(t *testing.T, source, target, cut anyengine.Database, phase tables.Phase) (failed bool) {
	t.Helper()
	lost := false
	report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: sample(t), Progress: func(now tables.Progress) {
		if !lost && now.Phase == phase && (now.Done > 0 || now.Total == 0) {
			lost = true
			endSessions(t, cut)
		}
	}})
	if !lost {
		t.Fatal("it never came so far")
	}
	if err != nil && report.Result != tables.ResultFailed {
		t.Errorf("%+v %v", report, err)
	}
	return err != nil
}

// endSessions ends all connections to a database, as its server does when it stops.
func endSessions(t *testing.T, database anyengine.Database) {
	t.Helper()
	database.With(t, func(session engine.Session) error {
		if database.Engine == engine.Postgres {
			_, err := session.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			return err
		}
		var numbers []int64
		const others = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
		err := engine.Each(t.Context(), session, others, nil, func(scan func(...any) error) error {
			var number int64
			err := scan(&number)
			numbers = append(numbers, number)
			return err
		})
		for _, number := range numbers {
			exec(t, session, fmt.Sprintf("KILL %d", number))
		}
		return err
	})
}
