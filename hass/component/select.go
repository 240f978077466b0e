package component

import (
	"encoding/json"
	"slices"
	"strings"
)

// Select can be set to one of several texts. Its state is one of them, or null: unknown.
type Select struct {
	Common
	// Options are the texts, each once. "None" in any case cannot be one: that is how an unknown state is told.
	Options []string
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// Platform is "select".
func (Select) Platform() string { return "select" }

// Check looks at the options.
func (s Select) Check() error {
	found := s.check(s.Platform())
	found.options(s.Options)
	return found.err()
}

// Discovery gives the keys of https://www.home-assistant.io/integrations/select.mqtt/.
func (s Select) Discovery(place Place) map[string]any {
	made := s.discovery(s.Platform(), place, true, true)
	made["options"] = slices.Clone(s.Options)
	put(made, "optimistic", s.Optimistic)
	return made
}

// States is true.
func (Select) States() bool { return true }

// State is the option, or "None".
func (s Select) State(state json.RawMessage) ([]byte, error) {
	value, err := decoded[string](s.Platform(), state, "an option, null")
	switch {
	case err != nil:
		return nil, err
	case value == nil:
		return []byte(unknown), nil
	case !slices.Contains(s.Options, *value):
		return nil, &StateError{Platform: s.Platform(), Problem: "it is none of the options", Allowed: s.allowed() + ", null"}
	}
	return []byte(*value), nil
}

// Commands is true.
func (Select) Commands() bool { return true }

// Command takes an option.
func (s Select) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	if !slices.Contains(s.Options, string(payload)) {
		return nil, refused(s.Platform(), s.allowed(), "%s is none of the options", quoted(string(payload)))
	}
	return json.Marshal(string(payload))
}

func (s Select) allowed() string { return strings.Join(s.Options, ", ") }
