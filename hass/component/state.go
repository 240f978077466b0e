package component

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// unknown is the payload for a state that is not known.
const unknown = "None"

// longest is how many characters a state may have: Home Assistant keeps no longer ones.
const longest = 255

// isNull reports whether a state is null, or there is none.
func isNull(state json.RawMessage) bool {
	trimmed := bytes.TrimSpace(state)
	return len(trimmed) == 0 || string(trimmed) == "null"
}

// decoded gives a state of a type, nil when it is not known.
func decoded[T any](platform string, state json.RawMessage, allowed string) (*T, error) {
	if isNull(state) {
		return nil, nil //nolint:nilnil // nil is a state: unknown
	}
	var value T
	if err := json.Unmarshal(state, &value); err != nil {
		return nil, &StateError{Platform: platform, Problem: "it is " + kind(state), Allowed: allowed}
	}
	return &value, nil
}

// number gives a state that is a number.
func number(platform string, state json.RawMessage) (value float64, err error) {
	if err = json.Unmarshal(state, &value); err == nil && !isNull(state) {
		return value, nil
	}
	problem := "it is " + kind(state)
	if problem == "it is a number" {
		problem = "it is too large a number"
	}
	return 0, &StateError{Platform: platform, Problem: problem, Allowed: "a number, null"}
}

// kind names what JSON is, without showing it.
func kind(raw json.RawMessage) string {
	trimmed := bytes.TrimSpace(raw)
	if !json.Valid(trimmed) {
		return "no JSON"
	}
	switch trimmed[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a text that does not fit"
	case 't', 'f':
		return "a bool"
	case 'n':
		return "null"
	}
	return "a number"
}

// refused makes a *CommandError.
func refused(platform, allowed, problem string, values ...any) error {
	return &CommandError{Platform: platform, Problem: fmt.Sprintf(problem, values...), Allowed: allowed}
}

// Attributes makes the payload for an entity's attributes. Home Assistant takes nothing but an object there, so null is an empty one, and anything else that
// is none stands in one as "value".
func Attributes(attributes json.RawMessage) ([]byte, error) {
	trimmed := bytes.TrimSpace(attributes)
	switch {
	case isNull(trimmed):
		return []byte("{}"), nil
	case !json.Valid(trimmed):
		return nil, &StateError{Platform: "entity", Problem: "its attributes are no JSON", Allowed: "a JSON object"}
	case trimmed[0] == '{':
		return bytes.Clone(trimmed), nil
	}
	return json.Marshal(map[string]json.RawMessage{"value": trimmed})
}
