package component

import (
	"encoding/json"
	"time"
)

// DateTime can be set to a moment. Its state is a time.Time, or null: unknown. Home Assistant has the domain for MQTT since 2026; to an older one, use Text.
type DateTime struct {
	Common
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// Platform is "datetime".
func (DateTime) Platform() string { return "datetime" }

// Check looks at the settings that all domains have.
func (d DateTime) Check() error { return d.check(d.Platform()).err() }

// Discovery gives the keys of https://www.home-assistant.io/integrations/datetime.mqtt/.
func (d DateTime) Discovery(place Place) map[string]any {
	return d.set(d.Platform(), place, d.Optimistic)
}

// States is true.
func (DateTime) States() bool { return true }

// State is a time by RFC 3339, or "None".
func (d DateTime) State(state json.RawMessage) ([]byte, error) {
	return written[time.Time](d.Platform(), state, "RFC 3339, such as 2026-11-21T20:34:32Z, null")
}

// Commands is true.
func (DateTime) Commands() bool { return true }

// Command takes a time by RFC 3339, with its offset from UTC.
func (d DateTime) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	return read[time.Time](d.Platform(), payload, "RFC 3339, such as 2026-11-21T20:34:32+00:00")
}
