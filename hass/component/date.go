package component //nolint:dupl // date and time differ in their form only, and each is a domain of its own

import "encoding/json"

// Date can be set to a date. Its state is a Day, or null: unknown. Home Assistant has the domain for MQTT since 2026; to an older one, use Text.
type Date struct {
	Common
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// Platform is "date".
func (Date) Platform() string { return "date" }

// Check looks at the settings that all domains have.
func (d Date) Check() error { return d.check(d.Platform()).err() }

// Discovery gives the keys of https://www.home-assistant.io/integrations/date.mqtt/.
func (d Date) Discovery(place Place) map[string]any {
	return d.set(d.Platform(), place, d.Optimistic)
}

// States is true.
func (Date) States() bool { return true }

// State is YYYY-MM-DD, or "None".
func (d Date) State(state json.RawMessage) ([]byte, error) {
	return written[Day](d.Platform(), state, "YYYY-MM-DD, null")
}

// Commands is true.
func (Date) Commands() bool { return true }

// Command takes YYYY-MM-DD.
func (d Date) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	return read[Day](d.Platform(), payload, "YYYY-MM-DD")
}
