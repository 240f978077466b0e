package legacy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// The keys of state_json, of the twelve domains that the other library offers. Which domain an entity is of is not stored.
var (
	// valueKeys hold the one value of their domain: of binary_sensor and switch; of date, datetime, number, text and time;
	// of select; of sensor. The domains button and scene have none.
	valueKeys = []string{"is_on", "native_value", "current_option", "state"}
	// lockKeys are the values of the domain lock.
	lockKeys = []string{"changed_by", "is_jammed", "is_locked", "is_locking", "is_open", "is_opening", "is_unlocking"}
	// attributeKeys are values that belong to a domain's state without being it. Home Assistant shows them among the attributes.
	attributeKeys = []string{"last_reset"}
	// configurationKeys say how an entity is made.
	configurationKeys = []string{
		"code_format", "device_class", "device_id", "disabled", "entity_category", "icon", "mode", "name", "native_max", "native_max_value",
		"native_min", "native_min_value", "options", "pattern", "step", "suggested_display_precision", "suggested_object_id",
		"suggested_unit_of_measurement", "supported_features", "translation_key", "unique_id", "unit_of_measurement",
	}
)

// parts are a state_json taken apart.
type parts struct {
	state, attributes []byte
	configuration     []string // keys
	unknown           []string // keys
	notes             []string
}

// errNoObject is the problem of JSON of another kind.
var errNoObject = errors.New("it is JSON, but no object")

// split takes a state_json apart: a flat object with configuration and state side by side.
func split(text string) (*parts, error) {
	object, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	taken := &parts{state: stateOf(object), attributes: []byte(`{}`)}
	given, hasAttributes := object["attributes"]
	if hasAttributes {
		taken.takeAttributes(given)
	}
	for _, key := range sortedKeys(object) {
		switch {
		case key == "attributes", slices.Contains(valueKeys, key), slices.Contains(lockKeys, key):
		case slices.Contains(attributeKeys, key):
			taken.addAttribute(key, object[key])
		case slices.Contains(configurationKeys, key):
			taken.configuration = append(taken.configuration, key)
		default:
			taken.unknown = append(taken.unknown, key)
		}
	}
	return taken, nil
}

// parseObject reads a JSON object, whose values it leaves as they are but for white space between tokens.
func parseObject(text string) (map[string]json.RawMessage, error) {
	compact, err := compactJSON(text)
	if err != nil {
		return nil, err
	}
	if compact[0] != '{' {
		return nil, errNoObject
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(compact, &object); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	return object, nil
}

// compactJSON takes the white space between tokens away.
func compactJSON(text string) ([]byte, error) {
	var compact bytes.Buffer
	switch {
	case text == "":
		return nil, errors.New("it is empty")
	case !utf8.ValidString(text):
		return nil, errors.New("it is not valid UTF-8")
	}
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	return compact.Bytes(), nil
}

// stateOf is the one value where there is one, an object of all where there are several or where they are of a lock, and
// null where there is none: a button, a scene, or a value that was never set.
func stateOf(object map[string]json.RawMessage) []byte {
	var found []string
	isLock := false
	for _, key := range valueKeys {
		if _, has := object[key]; has {
			found = append(found, key)
		}
	}
	for _, key := range lockKeys {
		if _, has := object[key]; has {
			found, isLock = append(found, key), true
		}
	}
	switch {
	case len(found) == 0:
		return []byte(`null`)
	case len(found) == 1 && !isLock:
		return object[found[0]]
	}
	values := map[string]json.RawMessage{}
	for _, key := range found {
		values[key] = object[key]
	}
	return writeObject(values)
}

func (p *parts) takeAttributes(given json.RawMessage) {
	switch {
	case given[0] == '{':
		p.attributes = given
	case string(given) != "null":
		p.notes = append(p.notes, "its attributes are no object, and were left out: "+shorten(string(given)))
	}
}

// addAttribute adds what the attributes do not say themselves.
func (p *parts) addAttribute(key string, value json.RawMessage) {
	object, err := parseObject(string(p.attributes))
	if _, says := object[key]; err != nil || says {
		return
	}
	object[key] = value
	p.attributes = writeObject(object)
}

// writeObject writes an object with its keys in order.
func writeObject(object map[string]json.RawMessage) []byte {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, key := range sortedKeys(object) {
		if i > 0 {
			text.WriteByte(',')
		}
		text.Write(quote(key))
		text.WriteByte(':')
		text.Write(object[key])
	}
	text.WriteByte('}')
	return text.Bytes()
}

// quote writes a text as JSON, with "<", ">" and "&" as they are.
func quote(text string) []byte {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a text can be written
	}
	return bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))
}
