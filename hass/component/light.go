package component

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Light can be turned on and off, dimmed and coloured, by the JSON schema of Home Assistant's MQTT lights. Its state is a LightState, or null: unknown. Transitions and flashing
// are not offered: a state has no place for them.
type Light struct {
	Common
	// SupportedColorModes are the modes it can be in. None are ColorModeOnOff alone. That one and ColorModeBrightness go with no other one, and
	// ColorModeWhite needs one of a colour beside it.
	SupportedColorModes []string
	// MinKelvin and MaxKelvin are the ends of the range of ColorModeTemperature, 2000 and 6535 when they are 0.
	MinKelvin, MaxKelvin int
	// EffectList are the effects that can be chosen.
	EffectList []string
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// Modes of a Light.
const (
	ColorModeOnOff       = "onoff"
	ColorModeBrightness  = "brightness"
	ColorModeTemperature = "color_temp" // a white of some kelvin
	ColorModeHS          = "hs"         // hue and saturation
	ColorModeXY          = "xy"         // CIE 1931
	ColorModeRGB         = "rgb"
	ColorModeRGBW        = "rgbw"
	ColorModeRGBWW       = "rgbww" // with a cold and a warm white
	ColorModeWhite       = "white"
)

var (
	colorModes = []string{
		ColorModeOnOff, ColorModeBrightness, ColorModeTemperature, ColorModeHS, ColorModeXY, ColorModeRGB, ColorModeRGBW, ColorModeRGBWW, ColorModeWhite,
	}
	// colorParts are the members of LightColor that a mode needs.
	colorParts = map[string]string{ColorModeHS: "hs", ColorModeXY: "xy", ColorModeRGB: "bgr", ColorModeRGBW: "bgrw", ColorModeRGBWW: "bcgrw"}
)

// Platform is "light".
func (Light) Platform() string { return "light" }

// Check looks at the modes, the range of temperatures and the effects.
func (l Light) Check() error {
	found := l.check(l.Platform())
	l.checkModes(found)
	low, high := l.kelvin()
	if !slices.Contains(l.modes(), ColorModeTemperature) {
		if l.MinKelvin != 0 || l.MaxKelvin != 0 {
			found.add("min_kelvin", "there is a range of temperatures, but none can be set", "the mode color_temp in supported_color_modes")
		}
	} else if low <= 0 || low >= high {
		found.addf("min_kelvin", "more than 0, less than max_kelvin", "it is %d, and max_kelvin is %d", low, high)
	}
	for i, effect := range l.EffectList {
		if effect == "" || slices.Contains(l.EffectList[:i], effect) {
			found.add("effect_list", quoted(effect)+" is empty or there twice", "texts, each once")
		}
	}
	return found.err()
}

func (l Light) checkModes(found *checker) {
	modes := l.modes()
	for i, mode := range modes {
		switch {
		case !slices.Contains(colorModes, mode):
			found.add("supported_color_modes", quoted(mode)+" is none", strings.Join(colorModes, ", "))
		case slices.Contains(modes[:i], mode):
			found.add("supported_color_modes", mode+" is there twice", "each once")
		case len(modes) > 1 && (mode == ColorModeOnOff || mode == ColorModeBrightness):
			found.add("supported_color_modes", mode+" is there with others", mode+" alone, which the others include")
		}
	}
	colored := func(mode string) bool { return colorParts[mode] != "" }
	if slices.Contains(modes, ColorModeWhite) && !slices.ContainsFunc(modes, colored) {
		found.add("supported_color_modes", "white is there without a colour", "white with "+strings.Join(slices.Sorted(maps.Keys(colorParts)), ", "))
	}
}

func (l Light) modes() []string {
	if len(l.SupportedColorModes) == 0 {
		return []string{ColorModeOnOff}
	}
	return l.SupportedColorModes
}

func (l Light) dimmable() bool { return !slices.Contains(l.modes(), ColorModeOnOff) }

func (l Light) kelvin() (low, high int) {
	low, high = l.MinKelvin, l.MaxKelvin
	if low == 0 {
		low = 2000
	}
	if high == 0 {
		high = 6535
	}
	return low, high
}

// Discovery gives the keys of https://www.home-assistant.io/integrations/light.mqtt/#json-schema.
func (l Light) Discovery(place Place) map[string]any {
	made := l.discovery(l.Platform(), place, true, true)
	made["schema"], made["supported_color_modes"] = "json", slices.Clone(l.modes())
	made["flash"], made["transition"] = false, false
	put(made, "brightness", l.dimmable())
	if slices.Contains(l.modes(), ColorModeTemperature) {
		made["color_temp_kelvin"] = true
		made["min_kelvin"], made["max_kelvin"] = l.kelvin()
	}
	if len(l.EffectList) > 0 {
		made["effect"], made["effect_list"] = true, slices.Clone(l.EffectList)
	}
	put(made, "optimistic", l.Optimistic)
	return made
}

// States is true.
func (Light) States() bool { return true }

// State is a LightState as JSON, in which an unknown one is null.
func (l Light) State(state json.RawMessage) ([]byte, error) {
	value, err := decoded[LightState](l.Platform(), state, "an object with state, brightness, color_mode, color, color_temp, effect; null")
	switch {
	case err != nil:
		return nil, err
	case value == nil:
		value = &LightState{}
	}
	if problem, allowed := l.wrong(*value); problem != "" {
		return nil, &StateError{Platform: l.Platform(), Problem: problem, Allowed: allowed}
	}
	return json.Marshal(value.told())
}

// Commands is true.
func (Light) Commands() bool { return true }

// Command takes an object with "state", and what else of a LightState shall change.
func (l Light) Command(payload []byte, now json.RawMessage) (json.RawMessage, error) {
	var command lightCommand
	if err := json.Unmarshal(payload, &command); err != nil {
		return nil, refused(l.Platform(), "an object with state, brightness, color, color_temp, white, effect", "it is %s", kind(payload))
	}
	if command.State != LightOn && command.State != LightOff {
		return nil, refused(l.Platform(), "ON, OFF", "state is %s", quoted(command.State))
	}
	before, err := decoded[LightState](l.Platform(), now, "an object")
	if err != nil || before == nil {
		before = &LightState{} // a command does away with a state that cannot be used
	}
	after := command.applied(*before)
	if problem, allowed := l.wrong(after); problem != "" {
		return nil, refused(l.Platform(), allowed, "%s", problem)
	}
	return json.Marshal(after)
}
