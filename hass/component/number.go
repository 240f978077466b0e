package component

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// Number can be set to a number in a range. Its state is a number, or null: unknown.
type Number struct {
	Common
	// Min and Max are the ends of the range, which belong to it. When both are 0 it goes from 1 to 100, as Home Assistant has it.
	Min, Max float64
	// Step is how far apart the numbers are that can be chosen, at least 0.001; 1 when it is 0. It holds for people only: Home Assistant's
	// automations may set numbers in between, and so a command may.
	Step float64
	// Mode is how it is shown: NumberAuto, which is what Home Assistant takes when it is empty, NumberBox or NumberSlider.
	Mode string
	// UnitOfMeasurement has to fit the device class when there is one.
	UnitOfMeasurement string
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// How a Number is shown.
const (
	NumberAuto   = "auto"
	NumberBox    = "box"
	NumberSlider = "slider"
)

// Platform is "number".
func (Number) Platform() string { return "number" }

// Check looks at the range, the step, the mode and the unit.
func (n Number) Check() error {
	found := n.check(n.Platform())
	low, high, step := n.bounds()
	if !finite(low) {
		found.addf("min", "a finite number", "it is %v", low)
	}
	if !finite(high) {
		found.addf("max", "a finite number", "it is %v", high)
	}
	if low >= high {
		found.addf("max", "more than min", "it is %v, and min is %v", high, low)
	}
	if !finite(step) || step < smallestStep {
		found.addf("step", "0.001 or more", "it is %v", step)
	}
	found.oneOf("mode", n.Mode, NumberAuto, NumberBox, NumberSlider)
	if found.knows(n.DeviceClass) {
		checkUnit(found, n.DeviceClass, n.UnitOfMeasurement)
	}
	return found.err()
}

const smallestStep = 0.001

func finite(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }

// bounds are the range and the step, defaults included.
func (n Number) bounds() (low, high, step float64) {
	low, high, step = n.Min, n.Max, n.Step
	if low == 0 && high == 0 {
		low, high = 1, 100
	}
	if step == 0 {
		step = 1
	}
	return low, high, step
}

// Discovery gives the keys of https://www.home-assistant.io/integrations/number.mqtt/.
func (n Number) Discovery(place Place) map[string]any {
	made := n.discovery(n.Platform(), place, true, true)
	made["min"], made["max"], made["step"] = n.bounds()
	put(made, "mode", n.Mode)
	put(made, "unit_of_measurement", n.UnitOfMeasurement)
	put(made, "optimistic", n.Optimistic)
	return made
}

// States is true.
func (Number) States() bool { return true }

// State is the number, or "None". Home Assistant takes none outside of the range.
func (n Number) State(state json.RawMessage) ([]byte, error) {
	if isNull(state) {
		return []byte(unknown), nil
	}
	value, err := number(n.Platform(), state)
	switch low, high, _ := n.bounds(); {
	case err != nil:
		return nil, err
	case value < low || value > high:
		return nil, &StateError{Platform: n.Platform(), Problem: "it is out of range", Allowed: n.allowed()}
	}
	return bytes.TrimSpace(state), nil
}

func (n Number) allowed() string {
	low, high, _ := n.bounds()
	return "a number from " + shown(low) + " to " + shown(high)
}

// shown writes a number as JSON has it.
func shown(value float64) string {
	text, err := json.Marshal(value)
	if err != nil {
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
	return string(text)
}

// Commands is true.
func (Number) Commands() bool { return true }

// Command takes a number of the range.
func (n Number) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	var value *float64
	if err := json.Unmarshal(payload, &value); err != nil || value == nil {
		return nil, refused(n.Platform(), n.allowed(), "%s is no number", quoted(string(payload)))
	}
	if low, high, _ := n.bounds(); *value < low || *value > high {
		return nil, refused(n.Platform(), n.allowed(), "%s is out of range", shown(*value))
	}
	return json.Marshal(*value)
}
