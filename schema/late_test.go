package schema_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// with adds a file to a release.
func with(path, content string) func(*schema.Definition) {
	return func(definition *schema.Definition) {
		definition.Files.(fstest.MapFS)[path] = &fstest.MapFile{Data: []byte(content)}
	}
}

func TestLateDeltasAreApplied(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, latest)
		older := with("main/delta/3/09late.sql", "INSERT INTO settings (name, value) VALUES ('late', 'three');")
		covered := with("main/delta/1/09late.sql", "INSERT INTO settings (name, value) VALUES ('later', 'one');")
		result := prepare(t, place, latest, older, covered)
		var steps []string
		for _, step := range result.Plan.Steps {
			steps = append(steps, step.File+": "+step.Why)
		}
		want := []string{
			"main/delta/1/09late.sql: arrived after the database had reached version 6 without it",
			"main/delta/3/09late.sql: arrived after the database had reached version 6 without it",
		}
		if diff := cmp.Diff(want, steps); diff != "" {
			t.Error(diff)
		}
		if after := state(t, place); after.Version != latest {
			t.Errorf("the version is %d", after.Version)
		}
		found := texts(t, place, "SELECT name, value FROM settings WHERE name LIKE 'late%' ORDER BY name")
		if diff := cmp.Diff([]string{"late=three", "later=one"}, found); diff != "" {
			t.Error(diff)
		}
		if again := prepare(t, place, latest, older, covered); again.Changed {
			t.Error("they are applied again")
		}
	})
}

func TestDeltasThatTheFullSchemaContainsAreNotLate(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		broken := with("main/delta/1/01covered.sql", "CREATE TABLE books (a INTEGER);")
		prepare(t, place, latest, broken)
		if _, recorded := state(t, place).Applied["1/01covered.sql"]; !recorded {
			t.Error("it is not recorded as contained")
		}
		prepare(t, place, latest, broken)
	})
}

func TestChangedFilesAreNotAppliedAgainAndShow(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, latest)
		changed := with("state/delta/3/02shelf_kind.sql", "ALTER TABLE shelves ADD COLUMN kind VARCHAR(21);")
		if result := prepare(t, place, latest, changed); result.Changed {
			t.Error("a changed file was applied again")
		}
		status := inspect(t, place, newSet(t, library(latest, changed)))
		if status.Verdict != schema.Current || !slices.Equal(status.Changed, []string{"3/02shelf_kind.sql"}) {
			t.Errorf("the status is %s, changed %q", status.Verdict, status.Changed)
		}
	})
}

func TestStatus(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		set := newSet(t, library(5))
		if status := inspect(t, place, set); status.Verdict != schema.Empty || status.Verdict.Ready() {
			t.Errorf("empty: %s", status.Verdict)
		}
		prepare(t, place, 4)
		status := inspect(t, place, set)
		if status.Verdict != schema.Behind || len(status.Missing) != 1 || status.Missing[0].Version != 5 || len(status.Updates) != 1 {
			t.Errorf("behind: %+v", status)
		}
		prepare(t, place, latest)
		status = inspect(t, place, set)
		if status.Verdict != schema.Ahead || !status.Verdict.Ready() || len(status.Unknown) == 0 {
			t.Errorf("ahead: %s, unknown %q", status.Verdict, status.Unknown)
		}
		if status := inspect(t, place, newSet(t, library(4))); status.Verdict != schema.TooNew || status.Problem == "" {
			t.Errorf("too new: %s", status.Verdict)
		}
		if status := inspect(t, place, nil); status.Verdict != schema.Unjudged || status.Version != latest {
			t.Errorf("without a set: %s", status.Verdict)
		}
	})
}

func inspect(t *testing.T, place address, set *schema.Set) *schema.Status {
	t.Helper()
	before := dump(t, place)
	status, err := schema.Inspect(t.Context(), place.Session(t), set, schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, dump(t, place)); diff != "" {
		t.Error("looking at the status changed something:", diff)
	}
	return status
}

func TestFileThatChangedInTheMiddleOfItsUpgrade(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, latest)
		stepwise := "UPDATE authors SET name = name;\n-- synapse: no-transaction\nANALYZE %s;\nUPDATE no_such_table SET a = 1;"
		if place.Engine == "mysql" {
			stepwise = "ALTER TABLE authors ADD COLUMN born INTEGER;\nUPDATE no_such_table SET a = 1;"
		}
		name := "main/delta/6/08stepwise.sql." + string(place.Engine)
		set := func(text string) *schema.Set {
			return newSet(t, library(latest, with(name, text)))
		}
		_, err := tryPrepare(t, place, set(replaceTable(stepwise)), schema.Options{})
		if _, isStep := errors.AsType[*schema.StepError](err); !isStep {
			t.Fatalf("the error is %v", err)
		}
		if status := inspect(t, place, set(replaceTable(stepwise))); status.Verdict != schema.Unfinished {
			t.Errorf("the verdict is %s", status.Verdict)
		}
		_, err = tryPrepare(t, place, set("UPDATE authors SET name = name;"), schema.Options{})
		changed, isChanged := errors.AsType[*schema.ChangedError](err)
		if !isChanged || changed.File != name {
			t.Fatalf("the error is %v", err)
		}
	})
}

// MySQL keeps the first tables of a creation that failed. A release with another full schema cannot go on with them.
func TestCreationIsFinishedByTheReleaseThatBegan(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.MySQL)
	broken := with("state/full_schemas/1/full.sql.mysql", "CREATE TABLE shelves (shelf_id NO_SUCH_TYPE);")
	_, err := tryPrepare(t, place, newSet(t, library(1, broken)), schema.Options{})
	if _, isStep := errors.AsType[*schema.StepError](err); !isStep {
		t.Fatalf("the error is %v", err)
	}
	newer := library(2, func(definition *schema.Definition) {
		files := definition.Files.(fstest.MapFS)
		for path, file := range files {
			if strings.Contains(path, "/full_schemas/1/") {
				files[strings.Replace(path, "/1/", "/2/", 1)] = file
			}
		}
	})
	_, err = tryPrepare(t, place, newSet(t, newer), schema.Options{})
	if _, isChanged := errors.AsType[*schema.ChangedError](err); !isChanged {
		t.Errorf("another release: the error is %v", err)
	}
	_, err = tryPrepare(t, place, newSet(t, library(1, broken)), schema.Options{})
	if _, isStep := errors.AsType[*schema.StepError](err); !isStep {
		t.Errorf("the release that began: the error is %v", err)
	}
}
