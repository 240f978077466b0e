package split_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/port/split"
	"github.com/synapsedb/synapse/schema"
)

// splitPair is a database that was split, as the new configuration says.
func splitPair(t *testing.T, at place, set *schema.Set) split.DropOptions {
	t.Helper()
	from, to := at.filled(t, set), at.empty(t)
	mustRun(t, split.Options{Source: from, Target: to, Set: set})
	from.Logical, to.Logical = []string{"main"}, []string{"state"}
	return split.DropOptions{Main: from, State: to, Set: set}
}

func TestOldTablesAreDroppedAfterTheServerHasRun(t *testing.T) {
	t.Parallel()
	for engineName, at := range places() {
		for setName, setOf := range sets() {
			t.Run(engineName+" "+setName, func(t *testing.T) {
				t.Parallel()
				set := setOf(t)
				options := splitPair(t, at, set)
				if set.Name() != upstream.SetName { // the server has gone on
					execute(t, options.State, "INSERT INTO state_groups (id, room_id, event_id) VALUES (5000, '!r', '$e')", "DELETE FROM state_groups WHERE id < 100")
				}
				options.Check = true
				if report, err := split.DropSourceTables(t.Context(), options); err != nil || report.Result != split.Clean || len(report.Tables) != len(tablesOf(set)) {
					t.Fatalf("%+v, %v", report, err)
				}
				number(t, options.Main, "SELECT count(*) FROM state_groups")
				options.Check = false
				report, err := split.DropSourceTables(t.Context(), options)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tablesOf(set), report.Tables); diff != "" {
					t.Error(diff)
				}
				mustBeRefused(t, options, split.NothingLeft)
				if err := open(t, set, options.Main, options.State).Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

func mustBeRefused(t *testing.T, options split.DropOptions, want split.ProblemID) {
	t.Helper()
	report, err := split.DropSourceTables(t.Context(), options)
	refused, isRefused := errors.AsType[*split.RefusedError](err)
	if !isRefused || len(refused.Problems) != 1 || refused.Problems[0].ID != want || report.Result != split.Refused {
		t.Fatalf("got %v (%v), want a refusal for %s", err, report.Result, want)
	}
}

func TestDropsThatAreRefused(t *testing.T) {
	t.Parallel()
	for engineName, at := range places() {
		for name, test := range map[string]struct {
			change func(t *testing.T, options *split.DropOptions)
			want   split.ProblemID
		}{
			"not split": {func(_ *testing.T, o *split.DropOptions) { o.Main.Logical = both() }, split.SourceNotBoth},
			"one database": {func(_ *testing.T, o *split.DropOptions) {
				o.State = o.Main
				o.State.Logical = []string{"state"}
			}, split.TargetSame},
			"the old tables were used": {func(t *testing.T, o *split.DropOptions) {
				t.Helper()
				execute(t, o.Main, "INSERT INTO state_groups (id, room_id, event_id) VALUES (4000, '', '')")
			}, split.TargetOlder},
			"an empty state database": {func(t *testing.T, o *split.DropOptions) {
				t.Helper()
				o.State = at.prepared(t, o.Set, "state")
			}, split.TargetOlder},
			"an unfinished copy": {func(t *testing.T, o *split.DropOptions) {
				t.Helper()
				execute(t, o.State, "UPDATE schema_compat_version SET compat_version = 2147483647")
			}, split.TargetSchema},
			"no state there": {func(t *testing.T, o *split.DropOptions) {
				t.Helper()
				o.State = at.prepared(t, o.Set, "main")
				o.State.Logical = []string{"state"}
			}, split.TargetSchema},
		} {
			if engineName == "postgres" && test.want != split.TargetSame && test.want != split.TargetOlder {
				continue // package schema refuses it there too, by its own tests
			}
			t.Run(engineName+" "+name, func(t *testing.T) {
				t.Parallel()
				options := splitPair(t, at, ours(t))
				test.change(t, &options)
				mustBeRefused(t, options, test.want)
				number(t, options.Main, "SELECT count(*) FROM state_groups_state")
			})
		}
	}
}

// What somebody has made to depend on the old tables is not dropped with them.
func TestDropTakesNothingElseAlong(t *testing.T) {
	t.Parallel()
	options := splitPair(t, onPostgres, ours(t))
	execute(t, options.Main, "CREATE VIEW mine AS SELECT * FROM state_groups_state")
	if _, err := split.DropSourceTables(t.Context(), options); err == nil {
		t.Fatal("the tables were dropped with a view that shows them")
	}
	for _, table := range oursTables() {
		number(t, options.Main, "SELECT count(*) FROM "+table)
	}
}

// A server works on the new databases while the old tables are dropped.
func TestDropBesideAServer(t *testing.T) {
	t.Parallel()
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := splitPair(t, at, ours(t))
			opened := open(t, ours(t), options.Main, options.State)
			if _, err := opened.Logical("main").Exec(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
			if _, err := split.DropSourceTables(t.Context(), options); err != nil {
				t.Error(err)
			}
			if err := opened.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
