package component //nolint:dupl // date and time differ in their form only, and each is a domain of its own

import "encoding/json"

// Time can be set to a time of the day. Its state is a TimeOfDay, or null: unknown. Home Assistant has the domain for MQTT since 2026; to an older one, use Text.
type Time struct {
	Common
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// Platform is "time".
func (Time) Platform() string { return "time" }

// Check looks at the settings that all domains have.
func (t Time) Check() error { return t.check(t.Platform()).err() }

// Discovery gives the keys of https://www.home-assistant.io/integrations/time.mqtt/.
func (t Time) Discovery(place Place) map[string]any {
	return t.set(t.Platform(), place, t.Optimistic)
}

// States is true.
func (Time) States() bool { return true }

// State is HH:MM:SS, or "None".
func (t Time) State(state json.RawMessage) ([]byte, error) {
	return written[TimeOfDay](t.Platform(), state, "HH:MM:SS, null")
}

// Commands is true.
func (Time) Commands() bool { return true }

// Command takes HH:MM:SS.
func (t Time) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	return read[TimeOfDay](t.Platform(), payload, "HH:MM:SS")
}
