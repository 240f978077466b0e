package component

import "encoding/json"

// press is the command of a button.
const press = "PRESS"

// Button can be pressed. It has no state, whatever the entity's is.
type Button struct {
	Common
}

// Platform is "button".
func (Button) Platform() string { return "button" }

// Check looks at the settings that all domains have.
func (b Button) Check() error { return b.check(b.Platform()).err() }

// Discovery gives the keys of https://www.home-assistant.io/integrations/button.mqtt/.
func (b Button) Discovery(place Place) map[string]any {
	return b.discovery(b.Platform(), place, false, true)
}

// States is false.
func (Button) States() bool { return false }

// State is nothing to publish.
func (Button) State(json.RawMessage) ([]byte, error) { return nil, nil }

// Commands is true.
func (Button) Commands() bool { return true }

// Command takes "PRESS", which changes no state.
func (b Button) Command(payload []byte, now json.RawMessage) (json.RawMessage, error) {
	if string(payload) != press {
		return nil, refused(b.Platform(), press, "it is %s", quoted(string(payload)))
	}
	return now, nil
}
