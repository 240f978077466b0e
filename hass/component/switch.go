package component

import "encoding/json"

// Payloads of what is on or off.
const (
	on  = "ON"
	off = "OFF"
)

// Switch can be turned on and off. Its state is a bool, or null: unknown.
type Switch struct {
	Common
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// Platform is "switch".
func (Switch) Platform() string { return "switch" }

// Check looks at the settings that all domains have.
func (s Switch) Check() error { return s.check(s.Platform()).err() }

// Discovery gives the keys of https://www.home-assistant.io/integrations/switch.mqtt/.
func (s Switch) Discovery(place Place) map[string]any {
	made := s.discovery(s.Platform(), place, true, true)
	put(made, "optimistic", s.Optimistic)
	return made
}

// States is true.
func (Switch) States() bool { return true }

// State is "ON", "OFF" or "None".
func (s Switch) State(state json.RawMessage) ([]byte, error) { return onOrOff(s.Platform(), state) }

// Commands is true.
func (Switch) Commands() bool { return true }

// Command takes "ON" and "OFF".
func (s Switch) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	switch string(payload) {
	case on:
		return json.RawMessage("true"), nil
	case off:
		return json.RawMessage("false"), nil
	}
	return nil, refused(s.Platform(), "ON, OFF", "it is %s", quoted(string(payload)))
}

func onOrOff(platform string, state json.RawMessage) ([]byte, error) {
	value, err := decoded[bool](platform, state, "true, false, null")
	switch {
	case err != nil:
		return nil, err
	case value == nil:
		return []byte(unknown), nil
	case *value:
		return []byte(on), nil
	}
	return []byte(off), nil
}
