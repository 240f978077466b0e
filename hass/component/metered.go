package component

import (
	"encoding/json"
	"time"
)

// Metered is the state of a Sensor with LastReset: an amount, and since when it is counted.
type Metered struct {
	// Value is nil when it is not known.
	Value *float64 `json:"value"`
	// LastReset is when it last began anew, or nil.
	LastReset *time.Time `json:"last_reset"`
}

// metered makes the payload of which the two templates below take their parts.
func (s Sensor) metered(state json.RawMessage) ([]byte, error) {
	value, err := decoded[Metered](s.Platform(), state, "an object with value and last_reset; null")
	switch {
	case err != nil:
		return nil, err
	case value == nil:
		value = &Metered{}
	}
	return json.Marshal(value)
}

const (
	valueTemplate = "{{ value_json.value }}"
	resetTemplate = "{{ value_json.last_reset or '' }}" // Home Assistant passes over an empty one, and complains of None
)
