package component

import (
	"fmt"
	"slices"
	"strings"
)

// LightOn and LightOff are what a Light is.
const (
	LightOn  = "ON"
	LightOff = "OFF"
)

// LightState is the state of a Light.
type LightState struct {
	// State is LightOn, LightOff, or empty: unknown.
	State string `json:"state"`
	// Brightness is 0 to 255.
	Brightness *int `json:"brightness,omitempty"`
	// ColorMode is one of those that the Light supports. It says which of the following counts.
	ColorMode string `json:"color_mode,omitempty"`
	// Color has what ColorMode asks for.
	Color *LightColor `json:"color,omitempty"`
	// ColorTemp is in kelvin.
	ColorTemp *int `json:"color_temp,omitempty"`
	// Effect is one of the Light's, or empty.
	Effect string `json:"effect,omitempty"`
}

// LightColor is a colour in one of the ways of a LightState's ColorMode.
type LightColor struct {
	R *int     `json:"r,omitempty"` // 0 to 255, as are the next four: red, green, blue, cold white, white or warm white
	G *int     `json:"g,omitempty"`
	B *int     `json:"b,omitempty"`
	C *int     `json:"c,omitempty"`
	W *int     `json:"w,omitempty"`
	H *float64 `json:"h,omitempty"` // degrees
	S *float64 `json:"s,omitempty"` // percent
	X *float64 `json:"x,omitempty"` // 0 to 1, as is the next one
	Y *float64 `json:"y,omitempty"`
}

// toldState has null for a state that is not known.
type toldState struct {
	LightState

	State *string `json:"state"`
}

func (s LightState) told() toldState {
	if s.State == "" {
		return toldState{LightState: s}
	}
	return toldState{LightState: s, State: &s.State}
}

type lightCommand struct {
	State      string      `json:"state"`
	Brightness *int        `json:"brightness"`
	Color      *LightColor `json:"color"`
	ColorTemp  *int        `json:"color_temp"`
	White      *int        `json:"white"` // the brightness of the mode white
	Effect     *string     `json:"effect"`
}

// applied gives the state after the command. What the command does not name stays.
func (c lightCommand) applied(state LightState) LightState {
	state.State = c.State
	if c.Brightness != nil {
		state.Brightness = c.Brightness
	}
	if c.Effect != nil {
		state.Effect = *c.Effect
	}
	switch {
	case c.Color != nil:
		state.ColorMode, state.Color, state.ColorTemp = c.Color.mode(), c.Color, nil
	case c.ColorTemp != nil:
		state.ColorMode, state.Color, state.ColorTemp = ColorModeTemperature, nil, c.ColorTemp
	case c.White != nil:
		state.ColorMode, state.Color, state.ColorTemp, state.Brightness = ColorModeWhite, nil, nil, c.White
	}
	return state
}

// parts are the members that are there, sorted.
func (c LightColor) parts() string {
	var made strings.Builder
	for _, part := range []struct {
		name  byte
		there bool
	}{
		{'b', c.B != nil}, {'c', c.C != nil}, {'g', c.G != nil}, {'h', c.H != nil}, {'r', c.R != nil}, {'s', c.S != nil}, {'w', c.W != nil},
		{'x', c.X != nil}, {'y', c.Y != nil},
	} {
		if part.there {
			made.WriteByte(part.name)
		}
	}
	return made.String()
}

// mode is the one whose members are there; empty when there is none.
func (c LightColor) mode() string {
	parts := c.parts()
	for mode, needed := range colorParts {
		if needed == parts {
			return mode
		}
	}
	return ""
}

func (c LightColor) outOfRange() bool {
	for _, value := range []*int{c.R, c.G, c.B, c.C, c.W} {
		if value != nil && (*value < 0 || *value > 255) {
			return true
		}
	}
	return over(c.H, 360) || over(c.S, 100) || over(c.X, 1) || over(c.Y, 1)
}

func over(value *float64, most float64) bool { return value != nil && (*value < 0 || *value > most) }

// wrong says why the light cannot be in a state, and what is allowed; nothing of one that it can be in.
func (l Light) wrong(state LightState) (problem, allowed string) {
	switch {
	case state.State != "" && state.State != LightOn && state.State != LightOff:
		return "state is neither on nor off", "ON, OFF"
	case state.Brightness != nil && !l.dimmable():
		return "there is a brightness", "none of a light that is on or off only"
	case state.Brightness != nil && (*state.Brightness < 0 || *state.Brightness > 255):
		return "brightness is out of range", "0 to 255"
	case state.Effect != "" && !slices.Contains(l.EffectList, state.Effect):
		return "effect is none of the light's", strings.Join(l.EffectList, ", ")
	case state.ColorMode != "" && !slices.Contains(l.modes(), state.ColorMode):
		return "color_mode is none of the light's", strings.Join(l.modes(), ", ")
	}
	return l.wrongColor(state)
}

func (l Light) wrongColor(state LightState) (problem, allowed string) {
	low, high := l.kelvin()
	needed := colorParts[state.ColorMode]
	switch {
	case needed == "" && state.Color != nil:
		return "there is a color, but color_mode needs none, or it is incomplete", "the color of one of the modes " + strings.Join(l.modes(), ", ")
	case needed != "" && (state.Color == nil || state.Color.parts() != needed):
		return "color does not fit color_mode", strings.Join(strings.Split(needed, ""), ", ")
	case needed != "" && state.Color.outOfRange():
		return "color is out of range", "r, g, b, c, w to 255, h to 360, s to 100, x and y to 1"
	case (state.ColorTemp != nil) != (state.ColorMode == ColorModeTemperature):
		return "color_temp goes with the color_mode color_temp, and that with it", "both or none"
	case state.ColorTemp != nil && (*state.ColorTemp < low || *state.ColorTemp > high):
		return "color_temp is out of range", fmt.Sprintf("%d to %d", low, high)
	}
	return "", ""
}
