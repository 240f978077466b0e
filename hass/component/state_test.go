package component_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/hass/component"
)

const refused = "refused"

func TestStates(t *testing.T) {
	t.Parallel()
	number := component.Number{Min: -5, Max: 30}
	options := component.Select{Options: []string{"heat", "cool"}}
	enum := component.Sensor{Options: []string{"idle", "heating"}}
	code := component.Text{Min: 2, Max: 4, Pattern: "[0-9]+$"}
	lamp := component.Light{SupportedColorModes: []string{"color_temp", "rgb"}, EffectList: []string{"rainbow"}}
	for _, test := range []struct {
		component   component.Component
		state, want string
	}{
		{component.BinarySensor{}, "true", "ON"},
		{component.BinarySensor{}, "false", "OFF"},
		{component.BinarySensor{}, "null", "None"},
		{component.BinarySensor{}, "", "None"},
		{component.BinarySensor{}, `"ON"`, refused},
		{component.BinarySensor{}, "1", refused},
		{component.Switch{}, " true ", "ON"},
		{component.Switch{}, "null", "None"},
		{component.Switch{}, "{", refused},

		{component.Sensor{}, "21.50", "21.50"},
		{component.Sensor{}, `"drizzle"`, "drizzle"},
		{component.Sensor{}, "true", "true"},
		{component.Sensor{}, "null", "None"},
		{component.Sensor{}, `""`, "None"},
		{component.Sensor{}, "{}", refused},
		{component.Sensor{}, "[1]", refused},
		{component.Sensor{}, `"` + strings.Repeat("ü", 255) + `"`, strings.Repeat("ü", 255)},
		{component.Sensor{}, `"` + strings.Repeat("u", 256) + `"`, refused},
		{with("temperature", "K"), "12345678901234567890", "12345678901234567890"},
		{with("temperature", "K"), "null", "None"},
		{with("temperature", "K"), `"12"`, refused},
		{with("temperature", "K"), "1e999", refused},
		{component.Sensor{StateClass: component.Measurement}, "true", refused},
		{with("timestamp", ""), `"2026-11-21T20:34:32.5+01:00"`, "2026-11-21T20:34:32.5+01:00"},
		{with("timestamp", ""), `"2026-11-21 20:34:32"`, refused},
		{with("timestamp", ""), "5", refused},
		{with("date", ""), `"2026-11-21"`, "2026-11-21"},
		{with("date", ""), `"2026-02-30"`, refused},
		{enum, `"idle"`, "idle"},
		{enum, `"cooling"`, refused},
		{enum, "null", "None"},
		{examples["sensor-total"], `{"value":1.5,"last_reset":"2026-11-21T00:00:00Z"}`, `{"value":1.5,"last_reset":"2026-11-21T00:00:00Z"}`},
		{examples["sensor-total"], "null", `{"value":null,"last_reset":null}`},
		{examples["sensor-total"], "1.5", refused},

		{number, "30", "30"},
		{number, "-5.0", "-5.0"},
		{number, "30.1", refused},
		{number, "null", "None"},
		{number, "true", refused},
		{component.Number{}, "0", refused}, // 1 to 100
		{options, `"heat"`, "heat"},
		{options, `"Heat"`, refused},
		{options, "null", "None"},
		{code, `"1234"`, "1234"},
		{code, `"1"`, refused},
		{code, `"12345"`, refused},
		{code, `"12a"`, refused},
		{code, "null", ""},
		{component.Text{}, "null", ""},
		{component.Text{}, `"None"`, "None"},

		{component.Lock{}, `"LOCKED"`, "LOCKED"},
		{component.Lock{}, `"OPENING"`, "OPENING"},
		{component.Lock{}, `"SHUT"`, refused},
		{component.Lock{}, "null", "None"},
		{component.Date{}, `"2028-02-29"`, "2028-02-29"},
		{component.Date{}, `"2027-02-29"`, refused},
		{component.Date{}, "null", "None"},
		{component.Time{}, `"23:59:59"`, "23:59:59"},
		{component.Time{}, `"24:00:00"`, refused},
		{component.Time{}, `"12:00:00.5"`, refused},
		{component.Time{}, "null", "None"},
		{component.DateTime{}, `"2026-11-21T20:34:32+01:00"`, "2026-11-21T20:34:32+01:00"},
		{component.DateTime{}, `"2026-11-21T20:34:32"`, refused},
		{component.DateTime{}, "null", "None"},
		{component.Button{}, `"anything"`, ""},
		{component.Scene{}, "{", ""},

		{component.Light{}, `{"state":"ON"}`, `{"state":"ON"}`},
		{component.Light{}, "null", `{"state":null}`},
		{component.Light{}, `{"state":"ON","brightness":5}`, refused},
		{component.Light{}, "true", refused},
		{lamp, `{"state":"OFF","brightness":255,"color_mode":"rgb","color":{"r":1,"g":2,"b":3}}`, `{"brightness":255,"color_mode":"rgb","color":{"r":1,"g":2,"b":3},"state":"OFF"}`},
		{lamp, `{"state":"ON","color_mode":"color_temp","color_temp":2700,"effect":"rainbow"}`, `{"color_mode":"color_temp","color_temp":2700,"effect":"rainbow","state":"ON"}`},
		{lamp, `{"state":"ON","brightness":256}`, refused},
		{lamp, `{"state":"on"}`, refused},
		{lamp, `{"state":"ON","effect":"strobe"}`, refused},
		{lamp, `{"state":"ON","color_mode":"hs","color":{"h":1,"s":2}}`, refused},
		{lamp, `{"state":"ON","color_mode":"rgb"}`, refused},
		{lamp, `{"state":"ON","color_mode":"rgb","color":{"r":1,"g":2}}`, refused},
		{lamp, `{"state":"ON","color_mode":"rgb","color":{"r":1,"g":2,"b":256}}`, refused},
		{lamp, `{"state":"ON","color":{"r":1,"g":2,"b":3}}`, refused},
		{lamp, `{"state":"ON","color_temp":2700}`, refused},
		{lamp, `{"state":"ON","color_mode":"color_temp","color_temp":1000}`, refused},
	} {
		told, err := test.component.State(json.RawMessage(test.state))
		got := string(told)
		if wrong, typed := errors.AsType[*component.StateError](err); typed {
			got = refused
			if wrong.Problem == "" || wrong.Allowed == "" || wrong.Platform != test.component.Platform() {
				t.Errorf("%T %s: %v", test.component, test.state, err)
			}
		} else if err != nil {
			t.Errorf("%T %s: %v", test.component, test.state, err)
		}
		if got != test.want {
			t.Errorf("%T %s: %s (%v), want %s", test.component, test.state, got, err, test.want)
		}
	}
}

// Nothing is published where Home Assistant would not take what stands for an unknown text; an empty payload is something else.
func TestUnknownTextIsToldWhereItCanBe(t *testing.T) {
	t.Parallel()
	for text, want := range map[component.Text][]byte{{}: {}, {Min: 1}: nil, {Pattern: "a"}: nil} {
		got, err := text.State(json.RawMessage("null"))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%+v: %v\n%s", text, err, diff)
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]string{
		"null": "{}", "": "{}", "{}": "{}", "\n{\"watts\": 5}": `{"watts": 5}`, "5": `{"value":5}`, `["a"]`: `{"value":["a"]}`, "{": refused,
	} {
		told, err := component.Attributes(json.RawMessage(attributes))
		got := string(told)
		if _, typed := errors.AsType[*component.StateError](err); typed {
			got = refused
		}
		if got != want {
			t.Errorf("%q: %s (%v), want %s", attributes, got, err, want)
		}
	}
}
