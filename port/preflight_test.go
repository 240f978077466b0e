package port_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// refusal is a state in which a port must not begin.
type refusal struct {
	want    []string                           // all problems
	says    []string                           // parts of the message
	shares  bool                               // the target is left as it is, so that other cases can have it too
	target  func(*testing.T) *dbtest.Database  // a prepared one when nil
	arrange func(t *testing.T, spoiled *scene) // makes the state
}

func TestPortIsRefusedAndNothingTouched(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals() {
		if refusal.shares {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusal.prove(t, newScene(t, refusal.target))
		})
	}
	t.Run("one target", func(t *testing.T) {
		t.Parallel()
		proveWithOneTarget(t)
	})
}

// proveWithOneTarget saves making a target for each case that leaves it as it is: one after the other is tried on it.
func proveWithOneTarget(t *testing.T) {
	target := preparedTarget(t)
	before := dumped(t, target.SuperuserDSN)
	for name, refusal := range refusals() {
		if !refusal.shares {
			continue
		}
		t.Run(name, func(t *testing.T) {
			spoiled := newScene(t, func(*testing.T) *dbtest.Database { return target })
			spoiled.dump = ""
			refusal.prove(t, spoiled)
		})
	}
	if diff := cmp.Diff(before, dumped(t, target.SuperuserDSN)); diff != "" {
		t.Errorf("the target changed (-before +after):\n%s", diff)
	}
}

func (r refusal) prove(t *testing.T, spoiled *scene) {
	t.Helper()
	if r.arrange != nil {
		r.arrange(t, spoiled)
	}
	refused := spoiled.refused(t)
	if diff := cmp.Diff(slices.Sorted(slices.Values(r.want)), identifiers(refused)); diff != "" {
		t.Errorf("problems (-want +got):\n%s\n%v", diff, refused)
	}
	for _, part := range r.says {
		if !strings.Contains(refused.Error(), part) {
			t.Errorf("%q is not in the message:\n%v", part, refused)
		}
	}
	if password := spoiled.args["password"]; strings.Contains(refused.Error(), password.(string)) {
		t.Errorf("the password is in the message:\n%v", refused)
	}
}

// identifiers are those of all problems, sorted.
func identifiers(refused *port.RefusedError) []string {
	var found []string
	for _, problem := range refused.Problems {
		found = append(found, problem.ID)
	}
	slices.Sort(found)
	return found
}

func refusals() map[string]refusal {
	all := map[string]refusal{}
	for _, some := range []map[string]refusal{sourceRefusals(), serverRefusals(), targetRefusals(), pairRefusals()} {
		maps.Copy(all, some)
	}
	return all
}

// Whoever adds a reason to refuse adds a case for it here.
func TestEveryReasonToRefuseHasACase(t *testing.T) {
	t.Parallel()
	// These come of what a port left, not of how the sides were prepared: see update_test.go.
	proved := []string{"target_written", "port_complete", "port_unfinished"}
	for _, refusal := range twoRefusals() {
		proved = append(proved, refusal.want...)
	}
	for _, refusal := range refusals() {
		proved = append(proved, refusal.want...)
	}
	for _, reason := range reasonsInCode(t) {
		isProved := func(id string) bool {
			return id == reason || strings.HasSuffix(reason, "_") && strings.HasPrefix(id, reason)
		}
		if !slices.ContainsFunc(proved, isProved) {
			t.Errorf("no case for the reason %s", reason)
		}
	}
}

// reasonsInCode finds the identifiers of problems in the sources of both packages that have any. One that ends in an
// underscore is completed when the program runs.
func reasonsInCode(t *testing.T) []string {
	t.Helper()
	var reasons []string
	for folder, places := range map[string]struct{ prefix, pattern string }{
		".":                  {"", `\bID:\s+"([a-z_]+)"`},
		"../engine/postgres": {"target_", `ProblemID = "([a-z_]+)"`},
	} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range regexp.MustCompile(places.pattern).FindAllSubmatch(content, -1) {
				reasons = append(reasons, places.prefix+string(match[1]))
			}
		}
	}
	const atLeast = 30
	slices.Sort(reasons)
	reasons = slices.DeleteFunc(slices.Compact(reasons), func(reason string) bool { return reason == "target_" })
	if len(reasons) < atLeast {
		t.Fatalf("only %v found: this test does not know any more where to look", reasons)
	}
	return reasons
}

func TestAllReasonsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]bool{"port": false, "check": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spoiled := newScene(t, located("C.UTF-8", "C.UTF-8"))
			spoiled.options.Check = check
			spoiled.options.ServerName = "other.example.com"
			spoiled.onSource(t, pendingUpdate, "CREATE TABLE module_data (x)", "INSERT INTO module_data VALUES (1)",
				"ALTER TABLE users ADD COLUMN extra TEXT", "PRAGMA auto_vacuum = 1", "VACUUM")
			spoiled.onTarget(t, pendingUpdate, "CREATE SEQUENCE brand_new_seq", "ALTER TABLE rooms ADD COLUMN newer text")
			spoiled.target.Connect(t)
			want := []string{
				"source_pending_updates", "source_auto_vacuum", "server_name", "target_collate", "target_ctype",
				"target_pending_updates", "target_in_use",
				"table_only_in_source", "column_only_in_target", "column_only_in_source", "unknown_sequence",
			}
			refused := spoiled.refused(t)
			slices.Sort(want)
			if diff := cmp.Diff(want, identifiers(refused)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, refused)
			}
			for _, problem := range refused.Problems {
				if problem.What == "" || problem.Hint == "" || !strings.Contains(refused.Error(), problem.What) || !refused.Has(problem.ID) {
					t.Errorf("incomplete: %+v", problem)
				}
			}
		})
	}
}
