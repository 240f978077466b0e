package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/schematest"
)

// paths are the orders in which releases may follow each other on one database: always to the next or back by one, from
// each release at which a server may have begun.
func paths() [][]release {
	all := releases()
	whole := []release{all[0]}
	paths := [][]release{{all[len(all)-1]}}
	for next := 1; next < len(all); next++ {
		whole = append(whole, all[next], all[next-1], all[next])
		if next > 1 {
			paths = append(paths, []release{all[next-1], all[next], all[next-1]})
		}
	}
	return append(paths, whole)
}

func TestEveryStepForwardAndBack(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		for _, path := range paths() {
			s := begin()
			s.mustStart(t, path...)
			s.mustEnd(t)
		}
	})
}

// A release tolerates the schema of another one when the guard lets it in. Where it does not, letting it in would lose
// values or fail, then or at the next upgrade: so no compat version is greater than it has to be.
func TestEveryReleaseWithEverySchema(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		s := begin()
		for last, newest := range releases() {
			s.mustStart(t, newest)
			for _, r := range releases()[:last] {
				if r.version >= newest.compatVersion {
					s.mustStart(t, r)
					continue
				}
				refusal, isRefused := errors.AsType[*schema.TooNewError](s.start(t.Context(), r, 0))
				if !isRefused || refusal.CompatVersion != newest.compatVersion {
					t.Errorf("%s is not refused with the schema of %s", r.name, newest.name)
				}
				let := begin()
				let.runRequired = true
				let.mustStart(t, releaseN(), newest)
				if err := let.intrude(t, r); err == nil {
					t.Errorf("%s works with the schema of %s: it need not be refused", r.name, newest.name)
				}
			}
		}
		s.mustEnd(t)
	})
}

// intrude has a release work without asking the guard, and goes on to the last one. It returns what goes wrong.
func (s *story) intrude(t *testing.T, r release) error {
	t.Helper()
	session := s.open.session(t)
	if err := s.check(t.Context(), session, r); err != nil {
		return err
	}
	if err := s.work(t.Context(), session, r); err != nil {
		return err
	}
	s.runRequired = true
	return s.start(t.Context(), releaseN5(), allBatches)
}

// The update is stopped after every number of batches; the release before goes on writing, and the next one is refused.
func TestRollbackInTheMiddleOfTheFill(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		for batches := range 5 { // 3 fill, the fourth validates
			s := begin()
			s.mustStart(t, releaseN(), releaseN1())
			for _, step := range []struct {
				release release
				batches int
			}{{releaseN2(), batches}, {releaseN1(), 0}} {
				if err := s.start(t.Context(), step.release, step.batches); err != nil {
					t.Fatalf("%s after %d batches: %v", step.release.name, batches, err)
				}
			}
			if batches < 4 {
				s.mustBePending(t, batches)
			}
			s.mustStart(t, releaseN2(), releaseN1(), releaseN3())
			s.mustEnd(t)
		}
	})
}

// mustBePending has the releases from N+3 on refuse the database without changing it.
func (s *story) mustBePending(t *testing.T, batches int) {
	t.Helper()
	session := s.open.session(t)
	before, err := schema.ReadState(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{fillUpdate, validateUpdate}
	if batches == 3 {
		want = want[1:]
	}
	for _, r := range releases()[3:] {
		pending, isPending := errors.AsType[*schema.PendingError](s.start(t.Context(), r, 0))
		if !isPending {
			t.Fatalf("%s is not refused after %d batches", r.name, batches)
		}
		if diff := cmp.Diff(want, pending.Updates); diff != "" || pending.Applied != 0 {
			t.Errorf("%s after %d batches: %d applied, %s", r.name, batches, pending.Applied, diff)
		}
	}
	after, err := schema.ReadState(t.Context(), session)
	if err != nil || after.Version != before.Version || *after.CompatVersion != *before.CompatVersion {
		t.Errorf("the refusal changed something: %+v, %v", after, err)
	}
}

// Release N changes old_column alone, also in rows that have a new_column: to fill NULL only would keep a wrong value.
func TestRollbackToNLeavesWrongValuesThatAreNotNull(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		s := begin()
		s.mustStart(t, releaseN(), releaseN1(), releaseN())
		session := s.open.session(t)
		const wrong = "SELECT count(*) FROM items WHERE new_column <> old_column * 100"
		var before, after int
		if err := session.QueryRow(t.Context(), wrong).Scan(&before); err != nil || before == 0 {
			t.Errorf("%d wrong values, %v", before, err)
		}
		s.mustStart(t, releaseN1(), releaseN2())
		if err := session.QueryRow(t.Context(), wrong).Scan(&after); err != nil || after != 0 {
			t.Errorf("%d wrong values after the fill, %v", after, err)
		}
	})
}

// From every release to the last one, and from N to every one; the updates are run on the way where they are needed.
func TestReleasesAreLeftOut(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		for _, leap := range [][2]int{{0, 2}, {0, 3}, {0, 4}, {0, 5}, {1, 5}, {2, 5}, {3, 5}} {
			s := begin()
			s.mustStart(t, releases()[leap[0]])
			s.runRequired = true
			s.mustStart(t, releases()[leap[1]])
			s.runRequired = false
			s.mustStart(t, releases()[leap[1]-1], releases()[leap[1]])
			s.mustEnd(t)
		}
	})
}

// From N to N+5: what needs no update is applied and stays, and the guard is that of N+5 at once.
func TestFromNToN5WithoutRunningTheUpdates(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		s := begin()
		s.mustStart(t, releaseN())
		err := s.start(t.Context(), releaseN5(), 0)
		pending, isPending := errors.AsType[*schema.PendingError](err)
		if !isPending || pending.Applied == 0 {
			t.Fatalf("the error is %v", err)
		}
		state, err := schema.ReadState(t.Context(), s.open.session(t))
		if err != nil || state.Version != 12 || *state.CompatVersion != 14 {
			t.Errorf("%+v, %v", state, err)
		}
		for _, older := range releases()[:4] { // the way back is closed, also to those that could run the updates
			if _, isRefused := errors.AsType[*schema.TooNewError](s.start(t.Context(), older, 0)); !isRefused {
				t.Errorf("%s is not refused", older.name)
			}
		}
		s.mustEnd(t)
	})
}

// N+3 is started beside N+2 and waits until the updates are done there.
func TestN3WaitsForN2(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		s := begin()
		s.mustStart(t, releaseN(), releaseN1())
		if err := s.start(t.Context(), releaseN2(), 0); err != nil {
			t.Fatal(err)
		}
		updater, err := background.New(updating(io.Discard, s.open))
		if err != nil {
			t.Fatal(err)
		}
		set, err := releaseN3().set()
		if err != nil {
			t.Fatal(err)
		}
		looks := 0
		result, err := schema.Prepare(t.Context(), s.open.session(t), set, schema.Options{
			SessionsKnown: true,
			OnPending: func(ctx context.Context, _ []string) error { // N+2 comes a batch further between two looks
				looks++
				_, err := updater.RunBatch(ctx)
				return err
			},
		})
		if err != nil || !result.Changed || looks != 4 {
			t.Errorf("%d looks, %v", looks, err)
		}
		s.mustStart(t, releaseN3())
		s.mustEnd(t)
	})
}

// With the check validated, PostgreSQL does not read the table to make the column NOT NULL; without it, it does.
func TestNotNullIsCheapAfterTheCheck(t *testing.T) {
	t.Parallel()
	for checked, want := range map[bool]int{true: 0, false: 1} {
		s := &story{out: io.Discard, open: newDatabase(t, engine.Postgres)}
		s.mustStart(t, releaseN(), releaseN1(), releaseN2())
		var scans int
		err := s.open.session(t).Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
			if !checked {
				if _, err := tx.Exec(t.Context(), "ALTER TABLE items DROP CONSTRAINT items_new_column_check"); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(t.Context(), "ALTER TABLE items ALTER COLUMN new_column SET NOT NULL"); err != nil {
				return err
			}
			return tx.QueryRow(t.Context(), "SELECT pg_stat_get_xact_numscans('items'::regclass)").Scan(&scans)
		})
		if err != nil || scans != want {
			t.Errorf("with the check %v: %d scans, %v", checked, scans, err)
		}
	}
}

// N+3 has a full schema of its own.
func TestFullSchemaIsWhatTheDeltasMake(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		upgraded := begin()
		upgraded.runRequired = true
		upgraded.mustStart(t, releaseN())
		for _, r := range releases()[3:] {
			created := begin()
			upgraded.mustStart(t, r)
			created.mustStart(t, r)
			if diff := cmp.Diff(tables(t, upgraded), tables(t, created)); diff != "" {
				t.Errorf("%s (-deltas +full schema):\n%s", r.name, diff)
			}
		}
	})
}

// tables describes the server's own tables, without an order of columns.
func tables(t *testing.T, s *story) []string {
	t.Helper()
	catalog, err := s.open.session(t).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unspaced := strings.NewReplacer(" ", "", "\n", "", `"`, "") // SQLite keeps the text of a definition
	var found []string
	for _, column := range catalog.Table("items").Columns {
		found = append(found, fmt.Sprintf("%+v", column))
	}
	for _, object := range catalog.Objects {
		if object.Table == "items" {
			found = append(found, unspaced.Replace(fmt.Sprintf("%+v", object)))
		}
	}
	slices.Sort(found)
	return found
}

func TestAllEnginesHaveTheSameTables(t *testing.T) {
	t.Parallel()
	for _, r := range []release{releaseN(), releaseN2(), releaseN3(), releaseN5()} { // N+1 and N+4 have the same as the next and the one before
		set, err := r.set()
		if err != nil {
			t.Fatal(err)
		}
		var sessions []engine.Session
		for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
			sessions = append(sessions, newDatabase(t, kind).session(t))
		}
		schematest.SameTables(t, set, sessions)
	}
}

func TestPageShowsWhatTheProgramPrints(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/gradual-migrations.md")
	if err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	folder := t.TempDir()
	if err := play(t.Context(), &output, inFolder(folder)); err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "\n## A column replaces another\n")
	_, shown, _ = strings.Cut(shown, "```text\n")
	shown, _, _ = strings.Cut(shown, "```\n")
	if diff := cmp.Diff(strings.ReplaceAll(output.String(), folder, "/tmp/newcolumn"), shown); diff != "" {
		t.Errorf("docs/gradual-migrations.md (-program +page):\n%s", diff)
	}
}

func TestProgramPlaysOnPostgreSQL(t *testing.T) {
	t.Parallel()
	var output strings.Builder
	if err := run(t.Context(), &output, []string{dbtest.NewDatabase(t).DSN}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"  applies main/delta/12/01check_new_column.sql.postgres\n", "  validate_new_column: done\n",
		"  applies main/delta/13/01new_column_not_null.sql.postgres\n", "new_column NOT NULL; 40 items, all right\n",
	} {
		if !strings.Contains(output.String(), line) {
			t.Errorf("%q is not printed:\n%s", line, output.String())
		}
	}
}
