package component_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/synapsedb/synapse/hass/component"
)

// FuzzCommand sends anything to every domain: a command is refused with its error, or makes a state that is told, and told as a command makes that state again.
func FuzzCommand(f *testing.F) {
	for _, command := range []string{
		"ON", "OFF", "PRESS", "LOCK", "OPEN", "21.5", "-1e2", "heat", "1234", "2026-11-21", "20:34:32", "2026-11-21T20:34:32+00:00", "2026-11-21T20:34:32.5Z",
		`{"state":"ON","brightness":7}`, `{"state":"ON","color":{"r":1,"g":2,"b":3},"brightness":255}`, `{"state":"OFF","color_temp":3000}`,
		`{"state":"ON","white":9,"effect":"rainbow"}`, `{"state":null}`, "null", "[]", "", "\xff",
	} {
		f.Add([]byte(command), []byte("null"))
	}
	f.Add([]byte(`{"state":"ON"}`), []byte(`{"state":"OFF","color_mode":"rgb","color":{"r":1,"g":2,"b":3}}`))
	f.Add([]byte(`{"state":"ON"}`), []byte(`{"state":1}`))
	names := slices.Sorted(maps.Keys(examples))
	f.Fuzz(func(t *testing.T, payload, now []byte) {
		for _, name := range names {
			commanded(t, name, examples[name], payload, now)
		}
	})
}

func commanded(t *testing.T, name string, example component.Component, payload, now []byte) {
	t.Helper()
	state, err := example.Command(payload, now)
	if err != nil {
		if _, typed := errors.AsType[*component.CommandError](err); !typed || !utf8.ValidString(err.Error()) || state != nil {
			t.Errorf("%s: %q: %v, %s", name, payload, err, state)
		}
		return
	}
	if !example.States() {
		if !bytes.Equal(state, now) {
			t.Errorf("%s: %q made %q of %q", name, payload, state, now)
		}
		return
	}
	if !json.Valid(state) || !utf8.Valid(state) {
		t.Errorf("%s: %q made %q", name, payload, state)
	}
	told, err := example.State(state)
	if err != nil {
		t.Errorf("%s: %q made %s, which cannot be told: %v", name, payload, state, err)
		return
	}
	if name == "lock" {
		return // what it is, is not what it is told to do
	}
	again, err := example.Command(told, state)
	if err != nil || !bytes.Equal(again, state) {
		t.Errorf("%s: %q made %s, told as %q, which made %s (%v)", name, payload, state, told, again, err)
	}
}

// FuzzState tells any state to every domain: what is told is text, and what is not is refused with its error.
func FuzzState(f *testing.F) {
	for _, state := range []string{
		"true", "false", "null", "21.5", "1e999", `"heat"`, `"None"`, `"LOCKED"`, `"2026-11-21"`, `"20:34:32"`, `"2026-11-21T20:34:32Z"`, `{"state":"ON","brightness":7}`,
		`{"value":1,"last_reset":"2026-11-21T20:34:32Z"}`, "[]", "", "\xff", `"\ud800"`, `"` + "\xff" + `"`,
	} {
		f.Add([]byte(state))
	}
	names := slices.Sorted(maps.Keys(examples))
	f.Fuzz(func(t *testing.T, state []byte) {
		for _, name := range names {
			told, err := examples[name].State(state)
			_, typed := errors.AsType[*component.StateError](err)
			if err != nil && !typed || err == nil && !utf8.Valid(told) {
				t.Errorf("%s: %q: %q, %v", name, state, told, err)
			}
		}
		if told, err := component.Attributes(state); err == nil && (!json.Valid(told) || told[0] != '{') {
			t.Errorf("attributes %q: %q", state, told)
		}
	})
}
