package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
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
