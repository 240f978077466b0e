package port_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// twoRefusal is a state of two targets in which a port must not begin.
type twoRefusal struct {
	want    []string // the problems in their order
	state   bool     // the last one is named as state's
	targets func(*testing.T) two
	arrange func(*testing.T, two)
}

func partsOf(main, state []string) func(*testing.T) two {
	return func(t *testing.T) two {
		t.Helper()
		targets := two{dbtest.NewDatabase(t), dbtest.NewDatabase(t)}
		for _, one := range []struct {
			database *dbtest.Database
			logical  []string
		}{{targets.main, main}, {targets.state, state}} {
			if len(one.logical) > 0 {
				createPart(t, one.database, one.logical...)
			}
		}
		return targets
	}
}

func twoRefusals() map[string]twoRefusal {
	onlyMain, onlyState, both := []string{"main"}, []string{"state"}, []string{"main", "state"}
	return map[string]twoRefusal{
		"the wrong way round": {
			want: []string{"target_wrong_database", "target_wrong_database"}, state: true, targets: partsOf(onlyState, onlyMain),
		},
		"state's database holds main, too": {
			want: []string{"target_wrong_database"}, state: true, targets: partsOf(onlyMain, both),
		},
		"one database": {
			want: []string{"target_same"}, state: true,
			targets: func(t *testing.T) two {
				t.Helper()
				database := preparedTarget(t)
				return two{database, database}
			},
		},
		"one empty database": {
			want: []string{"target_not_prepared", "target_same"}, state: true,
			targets: func(t *testing.T) two {
				t.Helper()
				database := dbtest.NewDatabase(t)
				return two{database, database}
			},
		},
		"state was lived in, main is empty": {
			want: []string{"target_not_prepared", "target_lived_in"}, state: true, targets: partsOf(nil, onlyState),
			arrange: func(t *testing.T, targets two) {
				t.Helper()
				execute(t, targets.state, "INSERT INTO state_groups (id, room_id, event_id) VALUES (1, '!a', '$a')")
			},
		},
		"state's database is somebody else's, main is empty": {
			want: []string{"target_not_prepared", "target_not_prepared"}, state: true, targets: partsOf(nil, nil),
			arrange: func(t *testing.T, targets two) {
				t.Helper()
				execute(t, targets.state, "CREATE TABLE of_somebody_else (id integer)")
			},
		},
		"main's database is somebody else's, state is empty": {
			want: []string{"target_not_prepared", "target_not_prepared"}, state: true, targets: partsOf(nil, nil),
			arrange: func(t *testing.T, targets two) {
				t.Helper()
				execute(t, targets.main, "CREATE TABLE of_somebody_else (id integer)")
			},
		},
		"main's database holds rows of state": {
			want: []string{"target_lived_in"}, targets: partsOf(both, onlyState),
			arrange: func(t *testing.T, targets two) {
				t.Helper()
				execute(t, targets.main, "INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (2, 1)")
			},
		},
		"another version of state, a sequence that is not known": {
			want: []string{"unknown_sequence", "schema_version"}, state: true, targets: partsOf(onlyMain, onlyState),
			arrange: func(t *testing.T, targets two) {
				t.Helper()
				execute(t, targets.main, "CREATE SEQUENCE brand_new_seq", "GRANT ALL ON SEQUENCE brand_new_seq TO PUBLIC")
				execute(t, targets.state, "UPDATE schema_version SET version = 10002")
			},
		},
		"a table that nobody has": {
			want: []string{"column_only_in_target", "table_only_in_source"}, state: true, targets: partsOf(onlyMain, onlyState),
			arrange: func(t *testing.T, targets two) {
				t.Helper()
				execute(t, targets.main, "ALTER TABLE rooms ADD COLUMN newer text")
				execute(t, targets.state, "DROP TABLE state_group_edges")
			},
		},
	}
}

func TestPortIntoTwoIsRefusedAndNothingTouched(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 40, Seed: 7})
	for name, refusal := range twoRefusals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			targets := refusal.targets(t)
			if refusal.arrange != nil {
				refusal.arrange(t, targets)
			}
			before := append(dumped(t, targets.main.SuperuserDSN), dumped(t, targets.state.SuperuserDSN)...)
			report, err := targets.port(t, source, nil)
			problems := errorProblems(err)
			var got []string
			for i, problem := range problems {
				got = append(got, problem.ID)
				last := refusal.state && i == len(problems)-1
				if ofState := len(problem.What) > 7 && problem.What[:7] == "state: "; ofState != last {
					t.Errorf("whose it is, is wrong: %s", problem.What)
				}
			}
			if diff := cmp.Diff(refusal.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, err)
			}
			if report == nil || report.Result != port.ResultRefused || len(report.Problems) != len(problems) {
				t.Errorf("the report says %+v", report)
			}
			t.Log(err)
			targets.wait(t)
			if diff := cmp.Diff(before, append(dumped(t, targets.main.SuperuserDSN), dumped(t, targets.state.SuperuserDSN)...)); diff != "" {
				t.Errorf("a target changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A database of main that has the tables of state, without rows, keeps them so.
func TestEmptyTablesOfStateInMainStayEmpty(t *testing.T) {
	t.Parallel()
	source, targets := demoSource(t, demo.Options{Events: 300, Seed: 1}), partsOf([]string{"main", "state"}, []string{"state"})(t)
	want := content(t, targets.main)
	for range 2 {
		if _, err := targets.port(t, source, nil); err != nil {
			t.Fatal(err)
		}
	}
	got := content(t, targets.main)
	for _, name := range []string{"state_groups", "state_groups_state", "state_group_edges", "state_groups_pending_deletion",
		"state_group_id_seq", "state_groups_pending_deletion_sequence_number_seq"} {
		if got[name] != want[name] {
			t.Errorf("%s: %s, before %s", name, got[name], want[name])
		}
	}
}

// What was ported into one database is not taken for main's when the configuration says two, and the other way round.
func TestTargetOfOneIsRefusedAsOneOfTwo(t *testing.T) {
	t.Parallel()
	source, targets := demoSource(t, demo.Options{Events: 300, Seed: 1}), partsOf([]string{"main", "state"}, []string{"state"})(t)
	if _, err := portInto(t, source, targets.main, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := targets.port(t, source, nil); !refusedFor(err, "target_lived_in") {
		t.Errorf("ported into one, then into two: %v", err)
	}
	targets = preparedTwo(t)
	if _, err := targets.port(t, source, nil); err != nil {
		t.Fatal(err)
	}
	targets.wait(t)
	if _, err := portInto(t, source, targets.main, nil); !refusedFor(err, "table_only_in_source") {
		t.Errorf("ported into two, then into one: %v", err)
	}
}
