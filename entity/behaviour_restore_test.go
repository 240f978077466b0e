package entity_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity"
)

type mode struct {
	Name  string `json:"name"`
	Level int    `json:"level"`
}

func migrated(t *testing.T, at *place) {
	store := at.open(t)
	must(t, define(t, store, entity.Definition[string, struct{}]{ID: "mode", Version: 1}).Set(t.Context(), "eco"))
	closed(t, store)

	definition := entity.Definition[mode, struct{}]{ID: "mode", Version: 2, Migrate: func(stored entity.Stored) (mode, struct{}, error) {
		var name string
		err := json.Unmarshal(stored.State, &name)
		return mode{Name: name, Level: stored.Version}, struct{}{}, err
	}}
	store = at.open(t)
	made := define(t, store, definition)
	if restored := made.Restored(); made.State() != (mode{"eco", 1}) || !restored.Migrated || restored.Version != 1 || restored.Problem != nil {
		t.Errorf("state %+v, restored %+v", made.State(), restored)
	}
	closed(t, store)
	if again := define(t, at.open(t), definition); again.Restored().Migrated || again.State() != (mode{"eco", 1}) || again.Restored().Version != 2 {
		t.Errorf("the second time: %+v, %+v", again.State(), again.Restored())
	}
}

func setAside(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, entity.Definition[string, climate]{ID: "mode", Version: 1, State: "eco"})
	must(t, made.SetAttributes(t.Context(), climate{Room: "cellar"}))
	must(t, local(t, made, "count", 0).Set(t.Context(), 5))
	closed(t, store)

	store = at.open(t)
	again := define(t, store, entity.Definition[mode, climate]{ID: "mode", State: mode{Name: "new"}})
	if again.State().Name != "new" || again.Attributes().Room != "cellar" || local(t, again, "count", 0).Get() != 5 {
		t.Errorf("state %+v, attributes %+v", again.State(), again.Attributes())
	}
	if _, is := errors.AsType[*entity.ValueError](again.Restored().Problem); !is || len(store.Status().Problems) != 1 {
		t.Errorf("problem %v, status %+v", again.Restored().Problem, store.Status().Problems)
	}
	if !strings.Contains(at.log.String(), "set aside") {
		t.Errorf("logged %s", at.log)
	}
	closed(t, store)
	damaged := at.damaged(t)
	if len(damaged) != 1 || string(damaged[0].State) != `"eco"` || string(damaged[0].Locals) != `{"count":5}` || damaged[0].Definition != 1 {
		t.Errorf("set aside %+v", damaged)
	}
}

func failedMigrationSetsAside(t *testing.T, at *place) {
	store := at.open(t)
	must(t, define(t, store, entity.Definition[string, struct{}]{ID: "mode"}).Set(t.Context(), "eco"))
	closed(t, store)
	refusal := errors.New("no such mode")
	store = at.open(t)
	made := define(t, store, entity.Definition[mode, struct{}]{
		ID: "mode", Version: 3, Migrate: func(entity.Stored) (mode, struct{}, error) { return mode{}, struct{}{}, refusal },
	})
	if problem := made.Restored().Problem; !errors.Is(problem, refusal) || !strings.Contains(problem.Error(), "version 0") {
		t.Errorf("problem %v", problem)
	}
	closed(t, store)
	if damaged := at.damaged(t); len(damaged) != 1 || string(damaged[0].State) != `"eco"` {
		t.Errorf("set aside %+v", damaged)
	}
}

func corruptRowHindersNothing(t *testing.T, at *place) {
	store := at.open(t)
	must(t, define(t, store, temperature("good")).Set(t.Context(), 1))
	bad := define(t, store, temperature("bad"))
	must(t, bad.Set(t.Context(), 2))
	must(t, local(t, bad, "count", 0).Set(t.Context(), 3))
	closed(t, store)
	at.exec(t, `UPDATE entities SET state = ?, locals = ? WHERE id = 'bad'`, `{"torn`, `[`)
	store = at.open(t)
	again := define(t, store, temperature("bad"))
	if state := define(t, store, temperature("good")).State(); state != 1 || again.State() != 20 || local(t, again, "count", 9).Get() != 9 {
		t.Errorf("good %v, bad %v", state, again.State())
	}
	must(t, again.Set(t.Context(), 4))
	closed(t, store)
	if row := at.rows(t)["bad"]; string(row.State) != "4" || string(row.Locals) != "{}" {
		t.Errorf("bad is %+v", row)
	}
	if damaged := at.damaged(t); len(damaged) == 0 || string(damaged[0].State) != `{"torn` || string(damaged[0].Locals) != "[" {
		t.Errorf("set aside %+v", damaged)
	}
}

func unsetIsTold(t *testing.T, at *place) {
	store := at.open(t)
	definition := entity.Definition[*time.Time, struct{}]{ID: "alarm"}
	define(t, store, definition)
	closed(t, store)
	store = at.open(t)
	made := define(t, store, definition)
	if made.State() != nil {
		t.Errorf("got %v", made.State())
	}
	moment := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	must(t, made.Set(t.Context(), &moment))
	closed(t, store)
	if again := define(t, at.open(t), definition).State(); again == nil || !again.Equal(moment) {
		t.Errorf("got %v", again)
	}
}

func configurationIsTheCodes(t *testing.T, at *place) {
	store := at.open(t)
	must(t, define(t, store, temperature("hall.temperature")).Set(t.Context(), 25))
	closed(t, store)
	changed := temperature("hall.temperature")
	changed.Name, changed.Icon, changed.Options, changed.State = "Wärme", "mdi:new", 7, 99
	again := define(t, at.open(t), changed)
	raw := again.Raw()
	if again.Name() != "Wärme" || raw.Icon() != "mdi:new" || raw.Options() != 7 || again.State() != 25 {
		t.Errorf("name %s, icon %s, options %v, state %v", again.Name(), raw.Icon(), raw.Options(), again.State())
	}
}

func everythingComesBack(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	since := time.Date(2026, 11, 21, 8, 0, 0, 123456789, time.UTC)
	want := climate{Battery: 0.1, Room: "Flur ☃ \u0000 \"'\\", Tags: []string{"a", ""}, Link: map[string]int{"z": 1, "a": math.MaxInt}, Since: &since}
	want.Nested.Deep = append(want.Nested.Deep, struct{ Value int }{7})
	must(t, made.Update(t.Context(), func(state *float64, attributes *climate) error {
		*state, *attributes = 1e-7, want
		return nil
	}))
	must(t, local(t, made, "count", 0).Set(t.Context(), 42))
	changed := made.LastChanged()
	closed(t, store)

	again := define(t, at.open(t), temperature("hall.temperature"))
	if diff := cmp.Diff(want, again.Attributes()); diff != "" || again.State() != 1e-7 {
		t.Errorf("state %v, attributes %s", again.State(), diff)
	}
	if got := local(t, again, "count", 0).Get(); got != 42 {
		t.Errorf("local %d", got)
	}
	if restored := again.Restored(); !restored.Found || restored.Problem != nil || !restored.LastChanged.Equal(changed) || !again.LastChanged().Equal(changed) {
		t.Errorf("restored %+v, changed %v", restored, changed)
	}
	if !again.LastReported().IsZero() {
		t.Error("nobody has reported in this run")
	}
}

func secondStartWritesNothing(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	local(t, made, "count", 3)
	must(t, local(t, made, "set", map[string]int{}).Set(t.Context(), map[string]int{"a": 1, "b": 2}))
	closed(t, store)
	store = at.open(t)
	made = define(t, store, temperature("hall.temperature"))
	local(t, made, "count", 3)
	set := local(t, made, "set", map[string]int{})
	must(t, store.Ready())
	must(t, made.Set(t.Context(), made.State()))
	must(t, made.SetAttributes(t.Context(), made.Attributes()))
	must(t, set.Set(t.Context(), map[string]int{"b": 2, "a": 1}))
	flush(t, store)
	if status := store.Status(); status.Queue.Written != 0 {
		t.Errorf("%d entities were written", status.Queue.Written)
	}
}
