package component

import (
	"encoding/json"
	"time"
)

// BinarySensor tells one of two things: a door is open, somebody moves. Its state is a bool, or null: unknown. What true means
// follows from the device class: true is open, wet, low and so on.
type BinarySensor struct {
	Common
	// OffDelay is after how long Home Assistant has it false again by itself, in whole seconds, for what only tells true; 0 is never.
	OffDelay time.Duration
	// ExpireAfter is how long a state counts when no other one comes, in whole seconds; 0 is for ever.
	ExpireAfter time.Duration
	// ForceUpdate has Home Assistant tell its automations also of a state that is as before.
	ForceUpdate bool
}

// Platform is "binary_sensor".
func (BinarySensor) Platform() string { return "binary_sensor" }

// Check looks at the device class and the durations.
func (b BinarySensor) Check() error {
	found := b.check(b.Platform())
	found.seconds("off_delay", b.OffDelay)
	found.seconds("expire_after", b.ExpireAfter)
	return found.err()
}

// Discovery gives the keys of https://www.home-assistant.io/integrations/binary_sensor.mqtt/.
func (b BinarySensor) Discovery(place Place) map[string]any {
	made := b.discovery(b.Platform(), place, true, false)
	put(made, "off_delay", int(b.OffDelay/time.Second))
	put(made, "expire_after", int(b.ExpireAfter/time.Second))
	put(made, "force_update", b.ForceUpdate)
	return made
}

// States is true.
func (BinarySensor) States() bool { return true }

// State is "ON", "OFF" or "None".
func (b BinarySensor) State(state json.RawMessage) ([]byte, error) {
	return onOrOff(b.Platform(), state)
}

// Commands is false.
func (BinarySensor) Commands() bool { return false }

// Command refuses everything.
func (b BinarySensor) Command([]byte, json.RawMessage) (json.RawMessage, error) {
	return nil, noCommands(b.Platform())
}
