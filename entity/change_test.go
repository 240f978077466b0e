package entity_test

import (
	"slices"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
)

// Somebody who comes while changes are being told gets none of before, and somebody who goes gets no more.
func TestSubscribersComeAndGoWhileChangesAreTold(t *testing.T) {
	t.Parallel()
	store := newPlace(t, engine.SQLite).open(t)
	made := define(t, store, temperature("hall.temperature"))
	var early, late, gone []float64
	var stop func()
	made.OnChange(func(change entity.Change[float64, climate]) {
		early = append(early, change.After.State)
		if change.After.State == 21 {
			must(t, made.Set(t.Context(), 22))
			made.OnChange(func(change entity.Change[float64, climate]) { late = append(late, change.After.State) })
			stop()
		}
	})
	stop = made.OnChange(func(change entity.Change[float64, climate]) { gone = append(gone, change.After.State) })
	must(t, made.Set(t.Context(), 21))
	must(t, made.Set(t.Context(), 23))
	if !slices.Equal(early, []float64{21, 22, 23}) || !slices.Equal(late, []float64{23}) || len(gone) != 0 {
		t.Errorf("early %v, late %v, gone %v", early, late, gone)
	}
}
