package schema_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/schematest"
)

func TestCreation(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		result := prepare(t, place, latest)
		if !result.Changed || !result.Plan.Create {
			t.Errorf("the result is %+v", result)
		}
		state := state(t, place)
		if state.Version != latest || !state.Upgraded || state.CompatVersion == nil || *state.CompatVersion != latest-1 || state.Owner != "library" {
			t.Errorf("the state is %+v", state)
		}
		want := []string{"created=" + string(place.Engine), "separator=a;b -- no comment"}
		if diff := cmp.Diff(want, texts(t, place, "SELECT name, value FROM settings ORDER BY name")); diff != "" {
			t.Error("Upgrade ran on a new database, or Create did not:", diff)
		}
		before := dump(t, place)
		if again := prepare(t, place, latest); again.Changed {
			t.Error("a second start changed something")
		}
		if diff := cmp.Diff(before, dump(t, place)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpgradeFromEveryRelease(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		for version := 1; version <= latest; version++ {
			result := prepare(t, place, version)
			if result.Plan.Create != (version == 1) || !result.Changed {
				t.Errorf("release %d: the plan is %+v", version, result.Plan)
			}
			if got := state(t, place); got.Version != version {
				t.Errorf("release %d left version %d", version, got.Version)
			}
		}
		want := []string{"created=" + string(place.Engine), "separator=a;b -- no comment", "upgraded=configured"}
		if diff := cmp.Diff(want, texts(t, place, "SELECT name, value FROM settings ORDER BY name")); diff != "" {
			t.Error(diff)
		}
		fresh := newAddress(t, place.Engine)
		prepare(t, fresh, latest)
		if diff := cmp.Diff(catalog(t, fresh), catalog(t, place)); diff != "" {
			t.Error("created and upgraded databases differ:", diff)
		}
	})
}

// state reads what a database says of itself.
func state(t *testing.T, place address) *schema.State {
	t.Helper()
	read, err := schema.ReadState(t.Context(), place.Session(t))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// catalog describes a database.
func catalog(t *testing.T, place address) *engine.Catalog {
	t.Helper()
	read, err := place.Session(t).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// texts reads rows of two texts.
func texts(t *testing.T, place address, query string) []string {
	t.Helper()
	rows, err := place.Session(t).Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			t.Fatal(err)
		}
		found = append(found, name+"="+value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// execute runs a statement on a database.
func execute(t *testing.T, place address, statement string, values ...any) {
	t.Helper()
	session, err := place.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Exec(t.Context(), statement, values...); err != nil {
		t.Fatal(err)
	}
}

func TestAllEnginesEndWithTheSameTables(t *testing.T) {
	t.Parallel()
	sessions := []engine.Session{}
	for _, kind := range engines() {
		sessions = append(sessions, newAddress(t, kind).Session(t))
	}
	schematest.SameTables(t, newSet(t, library(latest)), sessions)
}
