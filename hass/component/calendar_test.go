package component_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass/component"
)

func TestDayAndTimeOfDayAreCheckedWhenWritten(t *testing.T) {
	t.Parallel()
	for _, wrong := range []any{
		component.Day{}, component.Day{Year: 2026, Month: 2, Day: 29}, component.Day{Year: 10000, Month: 1, Day: 1}, component.Day{Year: 2026, Month: 13, Day: 1},
		component.TimeOfDay{Hour: 24}, component.TimeOfDay{Minute: 60}, component.TimeOfDay{Second: -1},
	} {
		if text, err := json.Marshal(wrong); err == nil {
			t.Errorf("%#v is %s", wrong, text)
		}
	}
}

func TestDayAndTimeOfDayAreThoseOfTheirLocation(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 3*60*60)
	moment := time.Date(2026, 11, 21, 22, 30, 5, 0, time.UTC).In(east)
	day, clock := component.DayOf(moment), component.TimeOfDayOf(moment)
	if got := day.String() + " " + clock.String(); got != "2026-11-22 01:30:05" {
		t.Error(got)
	}
	if back := clock.On(day, east); !back.Equal(moment) {
		t.Error(back)
	}
	if start := day.Start(east); !start.Equal(time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC)) {
		t.Error(start)
	}
}

func TestStatesOfEntitiesMayBeUnknown(t *testing.T) {
	t.Parallel()
	store, err := entity.Open(t.Context(), entity.Config{Name: "test", URL: entity.Temporary, IgnoreEnvironment: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(t.Context())
	holiday, err := entity.New(store, entity.Definition[*component.Day, struct{}]{ID: "holiday", Options: component.Date{}})
	if err != nil {
		t.Fatal(err)
	}
	wake, err := entity.New(store, entity.Definition[*component.TimeOfDay, struct{}]{ID: "wake", Options: component.Time{}})
	if err != nil {
		t.Fatal(err)
	}
	told := func() []string {
		var made []string
		for _, raw := range store.All() {
			payload, err := raw.Options().(component.Component).State(raw.Values().State)
			if err != nil {
				t.Fatal(err)
			}
			made = append(made, string(payload))
		}
		return made
	}
	if diff := cmp.Diff([]string{"None", "None"}, told()); diff != "" {
		t.Error(diff)
	}
	if err := holiday.Set(t.Context(), &component.Day{Year: 2026, Month: time.December, Day: 24}); err != nil {
		t.Fatal(err)
	}
	if err := wake.Set(t.Context(), &component.TimeOfDay{Hour: 7}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2026-12-24", "07:00:00"}, told()); diff != "" {
		t.Error(diff)
	}
	commanded, err := component.Date{}.Command([]byte("2027-01-01"), holiday.Raw().Values().State)
	if err != nil {
		t.Fatal(err)
	}
	if err := holiday.Raw().Set(t.Context(), commanded, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(component.Day{Year: 2027, Month: time.January, Day: 1}, *holiday.State()); diff != "" {
		t.Error(diff)
	}
}
