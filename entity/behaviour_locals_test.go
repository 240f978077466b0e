package entity_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
