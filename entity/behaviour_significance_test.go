package entity_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/significance"
)

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
