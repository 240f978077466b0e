package component

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Sensor tells something. Its state is a number, a text, a bool or a time (RFC 3339, as time.Time has it in JSON), or null: unknown.
// An empty text and "None" are unknown to Home Assistant, too. Which of them it has to be follows from the device class, and it is a number wherever StateClass, UnitOfMeasurement
// or SuggestedDisplayPrecision are set.
type Sensor struct {
	Common
	// StateClass has Home Assistant keep statistics: Measurement, MeasurementAngle, Total or TotalIncreasing.
	StateClass string
	// UnitOfMeasurement has to fit the device class when there is one.
	UnitOfMeasurement string
	// SuggestedDisplayPrecision is how many digits behind the point are shown, 0 or more; nil leaves it to Home Assistant.
	SuggestedDisplayPrecision *int
	// Options are all states of a sensor with the device class "enum", which is implied.
	Options []string
	// ExpireAfter is how long a state counts when no other one comes, in whole seconds; 0 is for ever.
	ExpireAfter time.Duration
	// LastReset is for the StateClass Total: the state is a Metered then.
	LastReset bool
	// ForceUpdate has Home Assistant tell its automations also of a state that is as before.
	ForceUpdate bool
}

// Platform is "sensor".
func (Sensor) Platform() string { return "sensor" }

// Check looks at the device class, the unit, the class of state and the options, and whether they go together.
func (s Sensor) Check() error {
	found := s.check(s.Platform())
	if found.knows(s.DeviceClass) {
		checkUnit(found, s.DeviceClass, s.UnitOfMeasurement)
		s.checkStateClass(found)
	}
	if s.SuggestedDisplayPrecision != nil && *s.SuggestedDisplayPrecision < 0 {
		found.addf("suggested_display_precision", "0 or more", "it is %d", *s.SuggestedDisplayPrecision)
	}
	if s.SuggestedDisplayPrecision != nil && s.textual() {
		found.add("suggested_display_precision", "there is one, but the states of a "+s.class()+" are no numbers", "nothing")
	}
	if s.LastReset && s.StateClass != Total {
		found.add("last_reset_value_template", "there is one, but the state class is "+quoted(s.StateClass), "the state class total")
	}
	s.checkOptions(found)
	found.seconds("expire_after", s.ExpireAfter)
	return found.err()
}

// class is the device class, that of options included.
func (s Sensor) class() string {
	if s.DeviceClass == "" && len(s.Options) > 0 {
		return "enum"
	}
	return s.DeviceClass
}

// textual reports whether the device class is one of which states are no numbers.
func (s Sensor) textual() bool { return s.class() != "" && !sensorClasses[s.class()].numeric() }

func (s Sensor) numeric() bool {
	return sensorClasses[s.class()].numeric() || s.StateClass != "" || s.UnitOfMeasurement != "" || s.SuggestedDisplayPrecision != nil
}

func (s Sensor) checkStateClass(found *checker) {
	if s.StateClass == "" {
		return
	}
	allowed := allStates
	if s.class() != "" {
		allowed = sensorClasses[s.class()].states
	}
	switch {
	case s.textual():
		found.add("state_class", "there is one, but the states of a "+s.class()+" are no numbers", "nothing")
	case !slices.Contains(allStates, s.StateClass):
		found.add("state_class", quoted(s.StateClass)+" is none", strings.Join(allowed, ", "))
	case !slices.Contains(allowed, s.StateClass):
		found.add("state_class", quoted(s.StateClass)+" does not fit the device class "+s.class(), strings.Join(allowed, ", "))
	case s.StateClass == MeasurementAngle && s.UnitOfMeasurement != "°":
		found.add("unit_of_measurement", quoted(s.UnitOfMeasurement)+" does not fit the state class measurement_angle", "°")
	}
}

func (s Sensor) checkOptions(found *checker) {
	switch {
	case s.class() != "enum" && s.Options == nil:
		return
	case s.DeviceClass != "" && s.DeviceClass != "enum":
		found.add("options", "there are some, but the device class is "+s.DeviceClass, "the device class enum")
	case s.UnitOfMeasurement != "" && s.DeviceClass == "":
		found.add("unit_of_measurement", "there is one, but the states are options", "nothing")
	}
	found.options(s.Options)
}

// Discovery gives the keys of https://www.home-assistant.io/integrations/sensor.mqtt/.
func (s Sensor) Discovery(place Place) map[string]any {
	made := s.discovery(s.Platform(), place, true, false)
	put(made, "device_class", s.class())
	put(made, "state_class", s.StateClass)
	put(made, "unit_of_measurement", s.UnitOfMeasurement)
	if s.SuggestedDisplayPrecision != nil {
		made["suggested_display_precision"] = *s.SuggestedDisplayPrecision
	}
	if len(s.Options) > 0 {
		made["options"] = slices.Clone(s.Options)
	}
	put(made, "expire_after", int(s.ExpireAfter/time.Second))
	put(made, "force_update", s.ForceUpdate)
	if s.LastReset {
		made["value_template"], made["last_reset_value_template"] = valueTemplate, resetTemplate
	}
	return made
}

// States is true.
func (Sensor) States() bool { return true }

// State is the scalar as text, or "None".
func (s Sensor) State(state json.RawMessage) ([]byte, error) {
	trimmed := bytes.TrimSpace(state)
	switch {
	case s.LastReset:
		return s.metered(trimmed)
	case isNull(trimmed):
		return []byte(unknown), nil
	case s.numeric():
		_, err := number(s.Platform(), trimmed)
		return trimmed, err
	case !json.Valid(trimmed), trimmed[0] == '{', trimmed[0] == '[':
		return nil, s.wrong("it is "+kind(trimmed), "a number, a text, a bool, null")
	case trimmed[0] == '"':
		value, err := decoded[string](s.Platform(), trimmed, "a text")
		if err != nil {
			return nil, err
		}
		return s.text(*value)
	case s.class() != "":
		return nil, s.wrong("it is "+kind(trimmed), "a text, null")
	}
	return s.short(string(trimmed))
}

func (s Sensor) wrong(problem, allowed string) error {
	return &StateError{Platform: s.Platform(), Problem: problem, Allowed: allowed}
}

func (s Sensor) text(value string) ([]byte, error) {
	switch s.class() {
	case "enum":
		if !slices.Contains(s.Options, value) {
			return nil, s.wrong("it is none of the options", strings.Join(s.Options, ", "))
		}
	case "timestamp":
		if err := new(time.Time).UnmarshalText([]byte(value)); err != nil {
			return nil, s.wrong("it is no time", "RFC 3339, such as 2026-11-21T20:34:32Z")
		}
	case "date":
		if err := new(Day).UnmarshalText([]byte(value)); err != nil {
			return nil, s.wrong("it is no date", "YYYY-MM-DD")
		}
	}
	return s.short(value)
}

func (s Sensor) short(value string) ([]byte, error) {
	length := utf8.RuneCountInString(value)
	switch {
	case length == 0:
		return []byte(unknown), nil // an empty payload would be passed over
	case length > longest:
		return nil, s.wrong("it has "+strconv.Itoa(length)+" characters", "255 characters")
	}
	return []byte(value), nil
}

// Commands is false.
func (Sensor) Commands() bool { return false }

// Command refuses everything.
func (s Sensor) Command([]byte, json.RawMessage) (json.RawMessage, error) {
	return nil, noCommands(s.Platform())
}

func noCommands(platform string) error { return refused(platform, "nothing", "it takes none") }
