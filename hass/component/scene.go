package component

import "encoding/json"

// Scene can be activated. It has no state, whatever the entity's is.
type Scene struct {
	Common
}

// Platform is "scene".
func (Scene) Platform() string { return "scene" }

// Check looks at the settings that all domains have.
func (s Scene) Check() error { return s.check(s.Platform()).err() }

// Discovery gives the keys of https://www.home-assistant.io/integrations/scene.mqtt/.
func (s Scene) Discovery(place Place) map[string]any {
	return s.discovery(s.Platform(), place, false, true)
}

// States is false.
func (Scene) States() bool { return false }

// State is nothing to publish.
func (Scene) State(json.RawMessage) ([]byte, error) { return nil, nil }

// Commands is true.
func (Scene) Commands() bool { return true }

// Command takes "ON", which changes no state.
func (s Scene) Command(payload []byte, now json.RawMessage) (json.RawMessage, error) {
	if string(payload) != on {
		return nil, refused(s.Platform(), on, "it is %s", quoted(string(payload)))
	}
	return now, nil
}
