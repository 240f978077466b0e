package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/significance"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// TestBehaviour is what a store does, on every engine alike.
func TestBehaviour(t *testing.T) {
	t.Parallel()
	behaviours := map[string]func(t *testing.T, at *place){
		"a new entity has one row, of the values of its definition":     newHasOneRow,
		"a change replaces the row":                                     changeReplaces,
		"state, attributes and locals come back":                        everythingComesBack,
		"configuration is the code's":                                   configurationIsTheCodes,
		"a start that changes nothing writes nothing":                   secondStartWritesNothing,
		"insignificant reports write nothing":                           insignificantWritesNothing,
		"small steps add up to a change":                                smallStepsAddUp,
		"a change within the minimum interval comes at its end":         intervalIsKept,
		"a function decides what is significant":                        functionDecides,
		"two of one id are refused, and both named":                     collisionNamesBoth,
		"applications of one database do not see each other":            applicationsAreApart,
		"one process runs an application":                               oneProcessRuns,
		"what does not decode is migrated":                              migrated,
		"what cannot be used is set aside, and the rest is kept":        setAside,
		"a migration that fails sets aside":                             failedMigrationSetsAside,
		"a corrupt row hinders nothing else":                            corruptRowHindersNothing,
		"locals are their initial values, then what was set":            localsAreSet,
		"a nested local is changed in place by Update":                  localsAreNested,
		"a local that does not decode is set aside":                     damagedLocalIsSetAside,
		"values that JSON cannot express change nothing":                unencodableChangesNothing,
		"what is handed out is the caller's own":                        valuesAreOwn,
		"long states, attributes and locals fit":                        longValuesFit,
		"subscribers are told of changes in their order":                subscribersAreTold,
		"removed entities are kept, listed and deleted after retention": removedAreKept,
		"a deleted entity is gone, and may be made again":               deletedIsGone,
		"Close writes everything, and refuses what comes later":         closeWritesEverything,
		"an entity that is not set is told from one that is":            unsetIsTold,
		"tools see and set JSON":                                        rawIsChecked,
		"a database that cannot be read is an error of Open":            unreadableIsAnError,
		"JSON that is no text is refused":                               rawIsText,
		"null is what was never set, where it can be nothing else":      nullIsUnset,
		"a deleted entity gets no locals":                               deletedHasNoLocals,
		"all locals are reset, those that nobody defines too":           allLocalsAreReset,
		"corrupt locals are set aside, also where nobody defines one":   corruptLocalsAreSetAside,
		"what is set aside is what was stored":                          migrateMayKeepWhatItGets,
		"a panic of the program's own leaves the entity as it was":      panicLeavesTheEntity,
		"a database of the TypeScript library is named":                 legacyDatabaseIsNamed,
	}
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		for name, behaviour := range behaviours {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				behaviour(t, newPlace(t, kind))
			})
		}
	})
}

func temperature(id string) entity.Definition[float64, climate] {
	return entity.Definition[float64, climate]{ID: id, Name: "Temperature", State: 20, Attributes: climate{Room: "hall"}}
}

func newHasOneRow(t *testing.T, at *place) {
	before := time.Now().Truncate(time.Microsecond)
	store := at.open(t)
	define(t, store, temperature("hall.temperature"))
	flush(t, store)
	rows := at.rows(t)
	row := rows["hall.temperature"]
	if len(rows) != 1 || string(row.State) != "20" || string(row.Locals) != "{}" || !strings.Contains(string(row.Attributes), `"room":"hall"`) {
		t.Errorf("got %v", rows)
	}
	if after := time.Now(); row.LastChanged.Before(before) || row.LastChanged.After(after) || row.LastWritten.Before(before) || row.LastWritten.After(after) {
		t.Errorf("changed %v and written %v, not between %v and %v", row.LastChanged, row.LastWritten, before, after)
	}
}

func changeReplaces(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	for _, state := range []float64{21, 22, -0.5} {
		must(t, made.Set(t.Context(), state))
		flush(t, store)
	}
	if rows := at.rows(t); len(rows) != 1 || string(rows["hall.temperature"].State) != "-0.5" {
		t.Errorf("got %v", rows)
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

func insignificantWritesNothing(t *testing.T, at *place) {
	store := at.open(t)
	definition := temperature("hall.temperature")
	definition.Significance.Rule = significance.Rule{Absolute: 0.5, Ignore: []string{"battery"}}
	made := define(t, store, definition)
	flush(t, store)
	written, changed := store.Status().Queue.Written, made.LastChanged()
	must(t, made.Set(t.Context(), 20.5))
	must(t, made.SetAttributes(t.Context(), climate{Room: "hall", Battery: 77}))
	flush(t, store)
	if got := store.Status().Queue.Written; got != written || !made.LastChanged().Equal(changed) {
		t.Errorf("%d were written, and changed %v is %v", got-written, changed, made.LastChanged())
	}
	if made.State() != 20.5 || made.Attributes().Battery != 77 || made.LastReported().Before(changed) {
		t.Errorf("state %v, attributes %+v, reported %v", made.State(), made.Attributes(), made.LastReported())
	}
}

func smallStepsAddUp(t *testing.T, at *place) {
	store := at.open(t)
	definition := temperature("hall.temperature")
	definition.Significance.Absolute = 0.5
	made := define(t, store, definition)
	for _, state := range []float64{20.25, 20.5, 20.75, 21} {
		must(t, made.Set(t.Context(), state))
	}
	flush(t, store)
	if row := at.rows(t)["hall.temperature"]; string(row.State) != "20.75" || made.State() != 21 {
		t.Errorf("stored %s, reported %v", row.State, made.State())
	}
}

func intervalIsKept(t *testing.T, at *place) {
	store := at.open(t)
	definition := temperature("hall.temperature")
	definition.Significance.MinInterval = time.Hour
	made := define(t, store, definition)
	for _, state := range []float64{21, 22, 23} {
		must(t, made.Set(t.Context(), state))
	}
	if changes := made.LastReported().After(made.LastChanged()); !changes || made.State() != 23 {
		t.Errorf("changed %v, reported %v: %v", made.LastChanged(), made.LastReported(), made.State())
	}
	flush(t, store)
	if row := at.rows(t)["hall.temperature"]; string(row.State) != "23" {
		t.Errorf("stored %s", row.State)
	}

	short := temperature("short")
	short.Significance.MinInterval = 20 * time.Millisecond
	quick := define(t, store, short)
	told := make(chan float64, 10)
	defer quick.OnChange(func(made entity.Change[float64, climate]) { told <- made.After.State })()
	must(t, quick.Set(t.Context(), 30))
	must(t, quick.Set(t.Context(), 31))
	for state := range told { // 30 too, where the interval since New was over by then
		if state == 31 {
			break
		}
	}
}

func functionDecides(t *testing.T, at *place) {
	store := at.open(t)
	definition := temperature("hall.temperature")
	definition.Significance.Func = func(before, after entity.Values[float64, climate]) bool {
		return after.State > before.State && after.Attributes.Room != ""
	}
	made := define(t, store, definition)
	must(t, made.Set(t.Context(), 30))
	must(t, made.Set(t.Context(), 10))
	flush(t, store)
	if row := at.rows(t)["hall.temperature"]; string(row.State) != "30" || made.State() != 10 {
		t.Errorf("stored %s, reported %v", row.State, made.State())
	}
}

func collisionNamesBoth(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	_, err := entity.New(store, entity.Definition[bool, struct{}]{ID: "hall.temperature"})
	collision, is := errors.AsType[*entity.CollisionError](err)
	if !is || strings.Count(err.Error(), "entity/scene_test.go:")+strings.Count(err.Error(), "entity/behaviour_test.go:") != 2 || collision.First == collision.Second {
		t.Errorf("got %v", err)
	}
	local(t, made, "count", 1)
	_, err = entity.NewLocal(made, "count", "other")
	if _, is := errors.AsType[*entity.CollisionError](err); !is || !strings.Contains(err.Error(), `"count"`) {
		t.Errorf("got %v", err)
	}
	if _, err = entity.New(store, entity.Definition[bool, struct{}]{ID: "HALL.temperature"}); err != nil {
		t.Errorf("ids differ in case: %v", err)
	}
	_, err = entity.New(store, entity.Definition[bool, struct{}]{ID: ""})
	if _, is := errors.AsType[*table.IDError](err); !is {
		t.Errorf("got %v", err)
	}
}

func applicationsAreApart(t *testing.T, at *place) {
	first := at.open(t)
	second := at.open(t, func(config *entity.Config) { config.Application = "another" })
	must(t, define(t, first, temperature("hall.temperature")).Set(t.Context(), 1))
	must(t, define(t, second, temperature("hall.temperature")).Set(t.Context(), 2))
	closed(t, first)
	closed(t, second)
	if state := define(t, at.open(t), temperature("hall.temperature")).State(); state != 1 {
		t.Errorf("the first has %v", state)
	}
	again := at.open(t, func(config *entity.Config) { config.Application = "another" })
	if state := define(t, again, temperature("hall.temperature")).State(); state != 2 {
		t.Errorf("the second has %v", state)
	}
}

func oneProcessRuns(t *testing.T, at *place) {
	store := at.open(t)
	_, err := entity.Open(t.Context(), at.config())
	if running, is := errors.AsType[*table.RunningError](err); !is || running.Application != application {
		t.Errorf("got %v", err)
	}
	closed(t, store)
	at.open(t)
}

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

func localsAreSet(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	count, note, none := local(t, made, "count", 1), local(t, made, "note", "-"), local[*int](t, made, "none", nil)
	if count.Get() != 1 || note.Get() != "-" || none.Get() != nil || count.Stored() {
		t.Error("a local begins with another value than the initial one")
	}
	must(t, count.Set(t.Context(), 2))
	must(t, note.Set(t.Context(), "x"))
	must(t, none.Set(t.Context(), nil))
	must(t, note.Reset(t.Context()))
	must(t, note.Reset(t.Context())) // what is not stored can be reset too
	if count.Get() != 2 || note.Get() != "-" || note.Stored() || !none.Stored() {
		t.Errorf("count %d, note %s", count.Get(), note.Get())
	}
	closed(t, store)
	if row := at.rows(t)["hall.temperature"]; string(row.Locals) != `{"count":2,"none":null}` {
		t.Errorf("stored %s", row.Locals)
	}

	store = at.open(t)
	made = define(t, store, temperature("hall.temperature"))
	count = local(t, made, "count", 7)
	if count.Get() != 2 {
		t.Errorf("what is stored comes before the initial value, got %d", count.Get())
	}
	must(t, made.ResetLocals(t.Context()))
	if count.Get() != 7 {
		t.Errorf("after the reset %d", count.Get())
	}
	closed(t, store)
	if row := at.rows(t)["hall.temperature"]; string(row.Locals) != `{}` {
		t.Errorf("stored %s", row.Locals)
	}
}

func localsAreNested(t *testing.T, at *place) {
	type plan struct {
		Days map[string][]struct{ From, To int }
	}
	store := at.open(t)
	initial := plan{Days: map[string][]struct{ From, To int }{"mon": {{6, 8}}}}
	week := local(t, define(t, store, temperature("hall.temperature")), "week", initial)
	must(t, week.Update(t.Context(), func(of *plan) error {
		of.Days["mon"][0].To = 9
		of.Days["tue"] = nil
		return nil
	}))
	refusal := errors.New("no")
	if err := week.Update(t.Context(), func(of *plan) error { clear(of.Days); return refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if initial.Days["mon"][0].To != 8 {
		t.Error("the initial value was changed")
	}
	closed(t, store)
	want := plan{Days: map[string][]struct{ From, To int }{"mon": {{6, 9}}, "tue": nil}}
	if diff := cmp.Diff(want, local(t, define(t, at.open(t), temperature("hall.temperature")), "week", plan{}).Get()); diff != "" {
		t.Error(diff)
	}
}

func damagedLocalIsSetAside(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	must(t, local(t, made, "count", "text").Set(t.Context(), "five"))
	must(t, local(t, made, "other", 0).Set(t.Context(), 1))
	closed(t, store)
	store = at.open(t)
	made = define(t, store, temperature("hall.temperature"))
	count := local(t, made, "count", 5)
	if count.Get() != 5 || count.Problem() == nil || local(t, made, "other", 0).Get() != 1 {
		t.Errorf("count %d, problem %v", count.Get(), count.Problem())
	}
	closed(t, store)
	if damaged := at.damaged(t); len(damaged) != 1 || string(damaged[0].Locals) != `{"count":"five","other":1}` {
		t.Errorf("set aside %+v", damaged)
	}
	if row := at.rows(t)["hall.temperature"]; string(row.Locals) != `{"other":1}` {
		t.Errorf("stored %s", row.Locals)
	}
}

func unencodableChangesNothing(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	count := local(t, made, "count", 1.5)
	for _, err := range []error{
		made.Set(t.Context(), math.NaN()), made.SetAttributes(t.Context(), climate{Battery: math.Inf(1)}), count.Set(t.Context(), math.NaN()),
	} {
		if _, is := errors.AsType[*entity.ValueError](err); !is || !strings.Contains(err.Error(), "hall.temperature") {
			t.Errorf("got %v", err)
		}
	}
	if made.State() != 20 || made.Attributes().Battery != 0 || count.Get() != 1.5 {
		t.Error("a value was changed")
	}
}

func valuesAreOwn(t *testing.T, at *place) {
	store := at.open(t)
	definition := temperature("hall.temperature")
	definition.Attributes.Tags = []string{"a"}
	made := define(t, store, definition)
	definition.Attributes.Tags[0] = "changed"
	made.Attributes().Tags[0] = "changed"
	given := climate{Tags: []string{"b"}}
	must(t, made.SetAttributes(t.Context(), given))
	given.Tags[0] = "changed"
	if got := made.Attributes().Tags[0]; got != "b" {
		t.Errorf("got %s", got)
	}
}

func longValuesFit(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, entity.Definition[string, map[string]string]{ID: strings.Repeat("é", 255)})
	long := strings.Repeat("0123456789abcdef", 20_000) // 320 kB
	must(t, made.Set(t.Context(), long))
	must(t, made.SetAttributes(t.Context(), map[string]string{long[:100_000]: long}))
	must(t, local(t, made, "long", "").Set(t.Context(), long))
	closed(t, store)
	again := define(t, at.open(t), entity.Definition[string, map[string]string]{ID: strings.Repeat("é", 255)})
	if again.State() != long || again.Attributes()[long[:100_000]] != long || local(t, again, "long", "").Get() != long {
		t.Error("a long value is another one")
	}
}

func subscribersAreTold(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	var told []float64
	stop := made.OnChange(func(change entity.Change[float64, climate]) {
		told = append(told, change.Before.State, change.After.State)
		if change.After.State == 21 {
			must(t, made.Set(t.Context(), 22)) // a change that a subscriber makes is told when it has returned
			told = append(told, 0)
		}
	})
	for _, state := range []float64{20, 21, 23} {
		must(t, made.Set(t.Context(), state))
	}
	stop()
	must(t, made.Set(t.Context(), 24))
	if diff := cmp.Diff([]float64{20, 21, 0, 21, 22, 22, 23}, told); diff != "" {
		t.Error(diff)
	}
}

func removedAreKept(t *testing.T, at *place) {
	store := at.open(t)
	for _, id := range []string{"here", "gone"} {
		must(t, define(t, store, temperature(id)).Set(t.Context(), 7))
	}
	must(t, store.Ready())
	closed(t, store)

	store = at.open(t)
	define(t, store, temperature("here"))
	if list := store.Removed(); len(list) != 1 || list[0].ID != "gone" || !list[0].Since.IsZero() {
		t.Errorf("before Ready: %v", list)
	}
	must(t, store.Ready())
	closed(t, store)
	row := at.rows(t)["gone"]
	if row.Removed.IsZero() || string(row.State) != "7" {
		t.Errorf("got %+v", row)
	}

	store = at.open(t)
	back := define(t, store, temperature("gone"))
	if back.State() != 7 || !back.Restored().Removed.Equal(row.Removed) {
		t.Errorf("state %v, restored %+v", back.State(), back.Restored())
	}
	must(t, store.Ready())
	closed(t, store)
	if rows := at.rows(t); !rows["gone"].Removed.IsZero() || rows["here"].Removed.IsZero() {
		t.Errorf("got %+v", rows)
	}

	store = at.open(t, func(config *entity.Config) { config.Retention = time.Nanosecond })
	define(t, store, temperature("gone"))
	must(t, store.Ready())
	closed(t, store)
	if rows := at.rows(t); len(rows) != 1 {
		t.Errorf("got %+v", rows)
	}
	store = at.open(t)
	must(t, store.Forget("gone"))
	must(t, store.Forget("never"))
	closed(t, store)
	if rows := at.rows(t); len(rows) != 0 {
		t.Errorf("got %+v", rows)
	}
}

func deletedIsGone(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	must(t, local(t, made, "count", 1).Set(t.Context(), 2))
	flush(t, store)
	must(t, made.Delete(t.Context()))
	err := made.Set(t.Context(), 1)
	if _, is := errors.AsType[*entity.DeletedError](err); !is {
		t.Errorf("got %v", err)
	}
	err = made.Delete(t.Context())
	if _, is := errors.AsType[*entity.DeletedError](err); !is {
		t.Errorf("got %v", err)
	}
	flush(t, store)
	if rows := at.rows(t); len(rows) != 0 {
		t.Errorf("got %v", rows)
	}
	again := define(t, store, temperature("hall.temperature"))
	if again.State() != 20 || local(t, again, "count", 1).Get() != 1 {
		t.Error("something of the deleted one is left")
	}
}

func closeWritesEverything(t *testing.T, at *place) {
	store := at.open(t, func(config *entity.Config) { config.Delay = time.Hour })
	made := define(t, store, temperature("hall.temperature"))
	must(t, made.Set(t.Context(), 5))
	closed(t, store)
	err := made.Set(t.Context(), 6)
	if _, is := errors.AsType[*entity.ClosedError](err); !is || made.State() != 5 {
		t.Errorf("got %v", err)
	}
	if row := at.rows(t)["hall.temperature"]; string(row.State) != "5" {
		t.Errorf("stored %s", row.State)
	}
	must(t, store.Close(context.Background()))
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

func rawIsChecked(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	raw, found := store.Raw("hall.temperature")
	if _, other := store.Raw("other"); !found || other || len(store.All()) != 1 {
		t.Fatal("not found")
	}
	must(t, raw.Set(t.Context(), json.RawMessage(`2.50`), nil))
	err := raw.Set(t.Context(), json.RawMessage(`"warm"`), nil)
	if _, is := errors.AsType[*entity.ValueError](err); !is || made.State() != 2.5 {
		t.Errorf("got %v, state %v", err, made.State())
	}
	must(t, local(t, made, "count", 1).Set(t.Context(), 2))
	values := raw.Values()
	if string(values.State) != "2.50" || string(values.Locals["count"]) != "2" {
		t.Errorf("got %+v", values)
	}
	dbtest.Await(t, func() bool { return string(at.rows(t)["hall.temperature"].State) == "2.50" })
}
