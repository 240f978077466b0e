package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

func deletedHasNoLocals(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	must(t, local(t, made, "count", "many").Set(t.Context(), "more"))
	closed(t, store)
	store = at.open(t)
	made = define(t, store, temperature("hall.temperature"))
	must(t, made.Delete(t.Context()))
	_, err := entity.NewLocal(made, "count", 0)
	if _, is := errors.AsType[*entity.DeletedError](err); !is {
		t.Errorf("got %v", err)
	}
	flush(t, store)
	if rows := at.rows(t); len(rows) != 0 {
		t.Errorf("got %v", rows)
	}
}

func allLocalsAreReset(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, temperature("hall.temperature"))
	must(t, local(t, made, "former", 0).Set(t.Context(), 1))
	closed(t, store)
	store = at.open(t)
	made = define(t, store, temperature("hall.temperature"))
	must(t, made.ResetLocals(t.Context()))
	flush(t, store)
	if row := at.rows(t)["hall.temperature"]; string(row.Locals) != "{}" {
		t.Errorf("stored %s", row.Locals)
	}
	if got := local(t, made, "former", 5); got.Get() != 5 || got.Problem() != nil {
		t.Errorf("%d, %v", got.Get(), got.Problem())
	}
}

func corruptLocalsAreSetAside(t *testing.T, at *place) {
	for _, corrupt := range []string{`[`, `["a"]`, `null`, `7`} {
		store := at.open(t)
		must(t, define(t, store, temperature("bad")).Set(t.Context(), 2))
		closed(t, store)
		at.exec(t, `UPDATE entities SET locals = ? WHERE id = 'bad'`, corrupt)
		at.exec(t, `DELETE FROM damaged_entities`)
		store = at.open(t)
		made := define(t, store, temperature("bad")) // it defines no locals
		if values := made.Raw().Values(); made.State() != 2 || len(values.Locals) != 0 {
			t.Errorf("got %+v", values)
		}
		if problem := made.Restored().Problem; problem == nil || len(store.Status().Problems) != 1 {
			t.Errorf("problem %v", problem)
		}
		if count := local(t, made, "count", 9); count.Get() != 9 || count.Problem() == nil {
			t.Errorf("%d, %v", count.Get(), count.Problem())
		}
		closed(t, store)
		if damaged := at.damaged(t); len(damaged) != 1 || string(damaged[0].Locals) != corrupt || string(damaged[0].State) != "2" {
			t.Errorf("set aside %+v", damaged)
		}
		if row := at.rows(t)["bad"]; string(row.Locals) != "{}" || string(row.State) != "2" {
			t.Errorf("stored %+v", row)
		}
	}
}

func migrateMayKeepWhatItGets(t *testing.T, at *place) {
	store := at.open(t)
	define(t, store, entity.Definition[string, struct{}]{ID: "mode", State: "eco"})
	closed(t, store)
	store = at.open(t)
	define(t, store, entity.Definition[mode, struct{}]{ID: "mode", Version: 1, Migrate: func(stored entity.Stored) (mode, struct{}, error) {
		copy(stored.State, `"xxx"`)
		return mode{}, struct{}{}, errors.New("no")
	}})
	closed(t, store)
	if damaged := at.damaged(t); len(damaged) != 1 || string(damaged[0].State) != `"eco"` {
		t.Errorf("set aside %+v", damaged)
	}
}

func panicLeavesTheEntity(t *testing.T, at *place) {
	store := at.open(t)
	must(t, define(t, store, temperature("hall.temperature")).Set(t.Context(), 5))
	closed(t, store)
	store = at.open(t)
	definition := temperature("hall.temperature")
	definition.Version = 1
	definition.Migrate = func(entity.Stored) (float64, climate, error) { panic("at the first try") }
	func() {
		defer func() { _ = recover() }()
		_, _ = entity.New(store, definition)
	}()
	if again := define(t, store, temperature("hall.temperature")); again.State() != 5 {
		t.Errorf("got %v", again.State())
	}
}

// Of the engines, SQLite alone takes what is no text for one, as a fault of the disk may leave it.
func TestRowsThatAreNoTextHinderNothing(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.SQLite)
	store := at.open(t)
	for _, id := range []string{"state", "locals", "nobody's"} {
		made := define(t, store, temperature(id))
		must(t, local(t, made, "count", 0).Set(t.Context(), 1))
	}
	closed(t, store)
	at.exec(t, `UPDATE entities SET state = CAST(x'2200ff' AS TEXT) WHERE id <> 'locals'`)
	at.exec(t, `UPDATE entities SET locals = CAST(x'7bff' AS TEXT) WHERE id = 'locals'`)

	store = at.open(t)
	made := define(t, store, temperature("state"))
	if made.State() != 20 || made.Restored().Problem == nil || local(t, made, "count", 0).Get() != 1 {
		t.Errorf("state %v, %+v", made.State(), made.Restored())
	}
	must(t, made.Set(t.Context(), 30))
	other := define(t, store, temperature("locals"))
	must(t, other.Set(t.Context(), 31))
	must(t, store.Ready())
	flush(t, store)
	closed(t, store)
	rows := at.rows(t)
	if string(rows["state"].State) != "30" || string(rows["locals"].State) != "31" || rows["nobody's"].Removed.IsZero() {
		t.Errorf("got %+v", rows)
	}
	if damaged := at.damaged(t); len(damaged) != 2 || !strings.HasPrefix(string(damaged[0].Locals)+string(damaged[1].Locals), "{") {
		t.Errorf("set aside %+v", damaged)
	}
}

func TestProblemsAreToldWhereNothingCanBeSetAside(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.SQLite)
	store := at.open(t)
	made := define(t, store, temperature("bad"))
	must(t, local(t, made, "count", "many").Set(t.Context(), "more"))
	closed(t, store)
	at.exec(t, `UPDATE entities SET state = '{"torn'`)
	at.opened.SQLite = readOnly(t, at)
	store = at.open(t)
	made = define(t, store, temperature("bad"))
	local(t, made, "count", 7)
	if problems := store.Status().Problems; len(problems) != 2 || made.Restored().Problem == nil {
		t.Errorf("got %v", problems)
	}
	if log := at.log.String(); strings.Count(log, "level=ERROR") != 2 || strings.Contains(log, "set aside") {
		t.Error(log)
	}
}

func readOnly(t *testing.T, at *place) sqlite.Config {
	t.Helper()
	config := at.opened.SQLite
	config.Database = "file:" + at.database.Path + "?mode=ro"
	return config
}

func rawIsText(t *testing.T, at *place) {
	store := at.open(t)
	made := define(t, store, entity.Definition[json.RawMessage, map[string]string]{ID: "any", State: json.RawMessage(`1`)})
	for _, err := range []error{
		made.Set(t.Context(), json.RawMessage("\"\xff\"")),
		made.Raw().Set(t.Context(), nil, json.RawMessage("{\"a\":\"\xff\"}")),
	} {
		if _, is := errors.AsType[*entity.ValueError](err); !is {
			t.Errorf("got %v", err)
		}
	}
	flush(t, store)
	if string(made.State()) != "1" || len(made.Attributes()) != 0 {
		t.Errorf("got %s", made.State())
	}
}

// flag is a type of its own.
type flag bool

// nullIsUnset is what an import of the TypeScript library's entities leaves where nothing was ever set.
func nullIsUnset(t *testing.T, at *place) {
	store := at.open(t)
	for _, id := range []string{"number", "text", "flag", "struct", "time", "pointer", "list", "any"} {
		must(t, local(t, define(t, store, entity.Definition[*int, *int]{ID: id}), "count", new(int)).Set(t.Context(), nil))
	}
	closed(t, store)

	store = at.open(t)
	moment := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one := 1
	begins(t, store, "number", 1.5, 1.5)
	begins(t, store, "text", "eco", "eco")
	begins(t, store, "flag", flag(true), flag(true))
	begins(t, store, "struct", mode{Name: "eco"}, mode{Name: "eco"})
	begins(t, store, "time", moment, moment)
	begins(t, store, "pointer", &one, nil)
	begins(t, store, "list", []int{1}, nil)
	begins[any](t, store, "any", 1, nil)
	flush(t, store)
	if status := store.Status(); status.Queue.Put != 0 || len(status.Problems) != 0 {
		t.Errorf("%d were written, %v", status.Queue.Put, status.Problems)
	}
	if row := at.rows(t)["number"]; string(row.State) != "null" {
		t.Errorf("stored %s", row.State)
	}
	raw, _ := store.Raw("number")
	if values := raw.Values(); string(values.State) != "1.5" || len(values.Locals) != 0 {
		t.Errorf("got %+v", values)
	}
	err := raw.Set(t.Context(), json.RawMessage(" null"), nil)
	if _, is := errors.AsType[*entity.ValueError](err); !is {
		t.Errorf("got %v", err)
	}
	if raw, _ = store.Raw("pointer"); raw.Set(t.Context(), json.RawMessage("null"), nil) != nil {
		t.Error("a pointer may be null")
	}
}

// begins defines an entity and a local, which have nulls.
func begins[T any](t *testing.T, store *entity.Store, id string, definition, want T) {
	t.Helper()
	made := define(t, store, entity.Definition[T, T]{ID: id, State: definition, Attributes: definition})
	of := local(t, made, "count", definition)
	for what, got := range map[string]T{"state": made.State(), "attributes": made.Attributes(), "local": of.Get()} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the %s of %s: %s", what, id, diff)
		}
	}
	if restored := made.Restored(); !restored.Found || restored.Problem != nil || of.Problem() != nil {
		t.Errorf("%s: %+v, %v", id, restored, of.Problem())
	}
	var never T
	if plain := !cmp.Equal(want, never); of.Stored() == plain {
		t.Errorf("%s: stored %v", id, of.Stored())
	}
}

// TestValuesAreInNoLog has values that cannot be used, and some that the database refuses.
func TestValuesAreInNoLog(t *testing.T) {
	t.Parallel()
	constraints := map[engine.Kind]string{
		engine.SQLite:   `CREATE TRIGGER small BEFORE INSERT ON entities WHEN length(new.state) > 30 BEGIN SELECT RAISE(ABORT, 'too long'); END`,
		engine.Postgres: `ALTER TABLE entities ADD CONSTRAINT small CHECK (length(state) <= 30)`,
		engine.MySQL:    `ALTER TABLE entities MODIFY state VARCHAR(30) NOT NULL`,
	}
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		at := newPlace(t, kind)
		store := at.open(t)
		for _, id := range []string{"number", "time", "syntax", "migrate"} {
			must(t, local(t, define(t, store, entity.Definition[string, struct{}]{ID: id, State: "secret"}), "count", "").Set(t.Context(), "secret"))
		}
		closed(t, store)
		at.exec(t, constraints[kind])
		at.exec(t, `UPDATE entities SET state = '4711' WHERE id = 'number'`)
		at.exec(t, `UPDATE entities SET state = '"secret' WHERE id = 'syntax'`)

		store, err := entity.Open(t.Context(), at.config())
		must(t, err)
		define(t, store, entity.Definition[int8, struct{}]{ID: "number"})
		local(t, define(t, store, entity.Definition[time.Time, struct{}]{ID: "time"}), "count", time.Time{})
		define(t, store, entity.Definition[string, struct{}]{ID: "syntax"})
		define(t, store, entity.Definition[int, struct{}]{ID: "migrate", Version: 1, Migrate: func(stored entity.Stored) (int, struct{}, error) {
			var moment time.Time
			return 0, struct{}{}, json.Unmarshal(stored.State, &moment)
		}})
		must(t, define(t, store, entity.Definition[string, struct{}]{ID: "rejected"}).Set(t.Context(), strings.Repeat("secret", 10)))
		err = store.Flush(t.Context())
		status := store.Status()
		if err == nil || status.Queue.RejectedKeys != 1 || len(status.Problems) != 5 {
			t.Errorf("%v, %+v", err, status)
		}
		shown := []string{err.Error(), status.Queue.String(), at.log.String()}
		for _, problem := range status.Problems {
			shown = append(shown, problem.Err.Error())
		}
		if slices.ContainsFunc(shown, func(text string) bool { return strings.Contains(text, "secret") || strings.Contains(text, "4711") }) {
			t.Error(strings.Join(shown, "\n"))
		}
		must(t, store.Close(context.WithoutCancel(t.Context())))
	})
}

func unreadableIsAnError(t *testing.T, at *place) {
	closed(t, at.open(t))
	at.exec(t, `DROP TABLE entities`)
	if store, err := entity.Open(t.Context(), at.config()); err == nil || store != nil || !strings.Contains(err.Error(), "entities") {
		t.Errorf("got %v", err)
	}
}
