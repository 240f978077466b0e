package component_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/hass/component"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	number := component.Number{Min: -5, Max: 30}
	options := component.Select{Options: []string{"heat", "cool"}}
	code := component.Text{Min: 2, Max: 4, Pattern: "[0-9]+$", Mode: component.TextPassword}
	lamp := component.Light{SupportedColorModes: []string{"color_temp", "hs", "xy", "rgb", "white"}, EffectList: []string{"rainbow"}}
	for _, test := range []struct {
		component          component.Component
		payload, now, want string
	}{
		{component.Switch{}, "ON", "false", "true"},
		{component.Switch{}, "OFF", "null", "false"},
		{component.Switch{}, "on", "false", refused},
		{component.Switch{}, "", "false", refused},
		{component.Switch{}, "TOGGLE", "false", refused},
		{component.BinarySensor{}, "ON", "false", refused},
		{component.Sensor{}, "1", "0", refused},
		{component.Button{}, "PRESS", `{"a":1}`, `{"a":1}`},
		{component.Button{}, "press", "null", refused},
		{component.Scene{}, "ON", "5", "5"},
		{component.Scene{}, "OFF", "5", refused},

		{number, "21.5", "0", "21.5"},
		{number, "30", "null", "30"},
		{number, "30.0", "null", "30"},
		{number, "-5", "0", "-5"},
		{number, "30.01", "0", refused},
		{number, "-6", "0", refused},
		{number, "warm", "0", refused},
		{number, "null", "0", refused},
		{number, "NaN", "0", refused},
		{number, "0x10", "0", refused},
		{number, "1e999", "0", refused},
		{number, "", "0", refused},
		{component.Number{Step: 5}, "7", "0", "7"}, // a step is for people
		{options, "cool", `"heat"`, `"cool"`},
		{options, "Cool", `"heat"`, refused},
		{options, "", `"heat"`, refused},
		{code, "1234", "null", `"1234"`},
		{code, "1", "null", refused},
		{code, "12345", "null", refused},
		{code, "12ab", "null", refused},
		{code, "\xff\xff", "null", refused},
		{component.Text{}, "", `"a"`, `""`},
		{component.Text{}, `"quoted"`, "null", `"\"quoted\""`},
		{component.Text{Max: 2}, "üü", "null", `"üü"`},
		{component.Text{Pattern: "a"}, "ab", "null", `"ab"`}, // it begins with the pattern
		{component.Text{Pattern: "a|b"}, "cb", "null", refused},

		{component.Lock{}, "LOCK", `"UNLOCKED"`, `"LOCKED"`},
		{component.Lock{}, "UNLOCK", `"LOCKED"`, `"UNLOCKED"`},
		{component.Lock{}, "OPEN", `"LOCKED"`, refused},
		{component.Lock{Openable: true}, "OPEN", `"LOCKED"`, `"OPEN"`},
		{component.Lock{}, "LOCKED", `"LOCKED"`, refused},
		{component.Date{}, "2026-11-21", "null", `"2026-11-21"`},
		{component.Date{}, "2026-11-31", "null", refused},
		{component.Date{}, "0000-01-01", "null", refused},
		{component.Date{}, "2026-11-21T00:00:00", "null", refused},
		{component.Time{}, "07:30:00", "null", `"07:30:00"`},
		{component.Time{}, "7:30:00", "null", refused},
		{component.Time{}, "07:30", "null", refused},
		{component.DateTime{}, "2026-11-21T20:34:32+00:00", "null", `"2026-11-21T20:34:32Z"`},
		{component.DateTime{}, "2026-11-21T20:34:32.25-05:00", "null", `"2026-11-21T20:34:32.25-05:00"`},
		{component.DateTime{}, "2026-11-21T20:34:32", "null", refused},

		{component.Light{}, `{"state":"ON"}`, "null", `{"state":"ON"}`},
		{component.Light{}, `{"state":"ON","brightness":5}`, "null", refused},
		{component.Light{}, "ON", "null", refused},
		{component.Light{}, `{"brightness":5}`, "null", refused},
		{lamp, `{"state":"OFF","transition":2}`, `{"state":"ON","brightness":9}`, `{"state":"OFF","brightness":9}`},
		{lamp, `{"state":"ON","brightness":7,"effect":"rainbow"}`, `{"state":"OFF"}`, `{"state":"ON","brightness":7,"effect":"rainbow"}`},
		{lamp, `{"state":"ON","color":{"h":1.5,"s":2}}`, `{"state":"ON","color_mode":"color_temp","color_temp":3000}`, `{"state":"ON","color_mode":"hs","color":{"h":1.5,"s":2}}`},
		{lamp, `{"state":"ON","color":{"x":0.3,"y":0.4}}`, "null", `{"state":"ON","color_mode":"xy","color":{"x":0.3,"y":0.4}}`},
		{lamp, `{"state":"ON","color_temp":3000}`, `{"state":"ON","color_mode":"hs","color":{"h":1,"s":2}}`, `{"state":"ON","color_mode":"color_temp","color_temp":3000}`},
		{lamp, `{"state":"ON","white":50}`, `{"state":"ON","color_mode":"hs","color":{"h":1,"s":2}}`, `{"state":"ON","brightness":50,"color_mode":"white"}`},
		{lamp, `{"state":"ON","color":{"r":1,"g":2,"b":3,"w":4}}`, "null", refused},
		{lamp, `{"state":"ON","color":{"r":1}}`, "null", refused},
		{lamp, `{"state":"ON","color":{"h":361,"s":2}}`, "null", refused},
		{lamp, `{"state":"ON","color_temp":9000}`, "null", refused},
		{lamp, `{"state":"ON","brightness":-1}`, "null", refused},
		{lamp, `{"state":"ON","effect":"strobe"}`, "null", refused},
		{lamp, `{"state":"ON"}`, `"damaged"`, `{"state":"ON"}`},
	} {
		state, err := test.component.Command([]byte(test.payload), json.RawMessage(test.now))
		got := string(state)
		if wrong, typed := errors.AsType[*component.CommandError](err); typed {
			got = refused
			if wrong.Problem == "" || wrong.Allowed == "" || wrong.Platform != test.component.Platform() {
				t.Errorf("%T %q: %v", test.component, test.payload, err)
			}
		} else if err != nil {
			t.Errorf("%T %q: %v", test.component, test.payload, err)
		}
		if got != test.want {
			t.Errorf("%T %q: %s (%v), want %s", test.component, test.payload, got, err, test.want)
		}
	}
}

func TestRefusalSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := component.Number{Min: 5, Max: 30}.Command([]byte("31"), nil)
	if diff := cmp.Diff("a command for a number: 31 is out of range; allowed: a number from 5 to 30", err.Error()); diff != "" {
		t.Error(diff)
	}
}

// Passwords would stand in logs.
func TestRefusalShowsNoTextAndNoStateIsShown(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	password := component.Text{Mode: component.TextPassword, Max: 3}
	_, command := password.Command([]byte(secret), nil)
	_, state := password.State(json.RawMessage(`"` + secret + `"`))
	_, chosen := component.Select{Options: []string{"a"}}.State(json.RawMessage(`"` + secret + `"`))
	for _, err := range []error{command, state, chosen} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Error(err)
		}
	}
}

func TestLongPayloadIsShownInPart(t *testing.T) {
	t.Parallel()
	_, err := component.Switch{}.Command([]byte(strings.Repeat("x", 1<<20)), nil)
	if len(err.Error()) > 200 {
		t.Errorf("%d bytes", len(err.Error()))
	}
}
