package component_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// kind is a type of the documentation.
type kind string

const (
	text     kind = "string"
	nullable kind = "string or null"
	template kind = "template"
	topic    kind = "topic"
	boolean  kind = "boolean"
	integer  kind = "integer"
	float    kind = "float"
	list     kind = "list of strings"
	objects  kind = "list of maps"
	object   kind = "map"
)

// The keys below are those of Home Assistant's documentation, deprecated ones left out, whether ours or not: the tables are there to find typing errors.

// entityKeys are those that every page of https://www.home-assistant.io/integrations/PLATFORM.mqtt/ has.
var entityKeys = map[string]kind{
	"availability": objects, "availability_mode": text, "availability_template": template, "availability_topic": topic, "payload_available": text,
	"payload_not_available": text, "default_entity_id": text, "device": object, "enabled_by_default": boolean, "encoding": text, "entity_category": text,
	"entity_picture": text, "icon": text, "json_attributes_template": template, "json_attributes_topic": topic, "name": nullable, "origin": object, "platform": text,
	"qos": integer, "unique_id": text,
}

// platformKeys are those of single pages.
var platformKeys = map[string]map[string]kind{
	"binary_sensor": {
		"device_class": text, "expire_after": integer, "force_update": boolean, "off_delay": integer, "payload_off": text, "payload_on": text,
		"state_topic": topic, "value_template": template,
	},
	"button": {"command_template": template, "command_topic": topic, "device_class": text, "payload_press": text, "retain": boolean},
	"date": {
		"command_template": template, "command_topic": topic, "optimistic": boolean, "retain": boolean, "state_topic": topic, "value_template": template,
	},
	"datetime": {
		"command_template": template, "command_topic": topic, "optimistic": boolean, "retain": boolean, "state_topic": topic, "value_template": template,
	},
	"light": { // the JSON schema
		"brightness": boolean, "brightness_scale": integer, "color_temp_kelvin": boolean, "command_topic": topic, "effect": boolean, "effect_list": list,
		"flash": boolean, "flash_time_long": integer, "flash_time_short": integer, "max_kelvin": integer, "max_mireds": integer, "min_kelvin": integer,
		"min_mireds": integer, "optimistic": boolean, "retain": boolean, "schema": text, "state_topic": topic, "supported_color_modes": list,
		"transition": boolean, "white_scale": integer,
	},
	"lock": {
		"code_format": text, "command_template": template, "command_topic": topic, "optimistic": boolean, "payload_lock": text, "payload_open": text,
		"payload_reset": text, "payload_unlock": text, "retain": boolean, "state_jammed": text, "state_locked": text, "state_locking": text,
		"state_open": text, "state_opening": text, "state_topic": topic, "state_unlocked": text, "state_unlocking": text, "value_template": template,
	},
	"number": {
		"command_template": template, "command_topic": topic, "device_class": text, "max": float, "min": float, "mode": text, "optimistic": boolean,
		"payload_reset": text, "retain": boolean, "state_topic": topic, "step": float, "unit_of_measurement": text, "value_template": template,
	},
	"scene": {"command_topic": topic, "payload_on": text, "retain": boolean},
	"select": {
		"command_template": template, "command_topic": topic, "optimistic": boolean, "options": list, "retain": boolean, "state_topic": topic,
		"value_template": template,
	},
	"sensor": {
		"device_class": text, "expire_after": integer, "force_update": boolean, "last_reset_value_template": template, "options": list, "state_class": text,
		"state_topic": topic, "suggested_display_precision": integer, "unit_of_measurement": text, "value_template": template,
	},
	"switch": {
		"command_template": template, "command_topic": topic, "device_class": text, "optimistic": boolean, "payload_off": text, "payload_on": text,
		"retain": boolean, "state_off": text, "state_on": text, "state_topic": topic, "value_template": template,
	},
	"text": {
		"command_template": template, "command_topic": topic, "max": integer, "min": integer, "mode": text, "pattern": text, "retain": boolean,
		"state_topic": topic, "value_template": template,
	},
	"time": {
		"command_template": template, "command_topic": topic, "optimistic": boolean, "retain": boolean, "state_topic": topic, "value_template": template,
	},
}

// requiredKeys are those that have to be there, in a message of a device.
var requiredKeys = map[string][]string{
	"binary_sensor": {"state_topic"},
	"button":        {"command_topic"},
	"date":          {"command_topic"},
	"datetime":      {"command_topic"},
	"light":         {"command_topic", "schema"}, // without schema it is another one
	"lock":          {"command_topic"},
	"number":        {"command_topic"},
	"scene":         {"command_topic"},
	"select":        {"command_topic", "options"},
	"sensor":        {"state_topic"},
	"switch":        {"command_topic"},
	"text":          {"command_topic"},
	"time":          {"command_topic"},
}

// The keys of https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
var (
	deviceKeys = map[string]kind{
		"configuration_url": text, "connections": list, "hw_version": text, "identifiers": list, "manufacturer": text, "model": text, "model_id": text,
		"name": text, "serial_number": text, "suggested_area": text, "sw_version": text, "via_device": text,
	}
	originKeys       = map[string]kind{"name": text, "support_url": text, "sw_version": text}
	availabilityKeys = map[string]kind{"payload_available": text, "payload_not_available": text, "topic": topic, "value_template": template}
	messageKeys      = map[string]kind{
		"availability": objects, "availability_mode": text, "availability_template": template, "availability_topic": topic, "command_topic": topic,
		"components": object, "device": object, "encoding": text, "origin": object, "payload_available": text, "payload_not_available": text, "qos": integer,
		"state_topic": topic,
	}
)

// undocumented lists what is wrong with a map as JSON has it.
func undocumented(where string, got map[string]any, tables ...map[string]kind) []string {
	known := map[string]kind{}
	for _, table := range tables {
		maps.Copy(known, table)
	}
	var wrong []string
	for key, value := range got {
		switch wanted, found := known[key]; {
		case !found:
			wrong = append(wrong, where+"."+key+" is not documented")
		case !wanted.takes(value):
			wrong = append(wrong, fmt.Sprintf("%s.%s is %v, which is no %s", where, key, value, wanted))
		}
	}
	return wrong
}

func (k kind) takes(value any) bool {
	switch value := value.(type) {
	case nil:
		return k == nullable
	case string:
		return k == text || k == nullable || k == template && strings.Contains(value, "{{") || k == topic && value != "" && !strings.ContainsAny(value, "+# ")
	case bool:
		return k == boolean
	case float64:
		return k == float || k == integer && value == math.Trunc(value)
	case map[string]any:
		return k == object
	case []any:
		return !slices.ContainsFunc(value, func(element any) bool {
			_, isText := element.(string)
			_, isObject := element.(map[string]any)
			return (!isText || k != list) && (!isObject || k != objects)
		})
	}
	return false
}

// undocumentedMessage looks at a message of a device, or of a component of a platform.
func undocumentedMessage(platform string, message map[string]any) []string {
	var wrong []string
	if platform == "" {
		wrong = undocumented("message", message, messageKeys)
		for id, component := range message["components"].(map[string]any) {
			wrong = append(wrong, undocumentedComponent(id, component.(map[string]any))...)
		}
	} else {
		wrong = undocumented(platform, message, entityKeys, platformKeys[platform])
	}
	wrong = append(wrong, undocumented("device", message["device"].(map[string]any), deviceKeys)...)
	wrong = append(wrong, undocumented("origin", message["origin"].(map[string]any), originKeys)...)
	return append(wrong, undocumentedAvailability(message)...)
}

func undocumentedComponent(id string, component map[string]any) []string {
	platform, _ := component["platform"].(string)
	wrong := append(undocumented(id, component, entityKeys, platformKeys[platform]), undocumentedAvailability(component)...)
	if len(component) == 1 {
		return wrong // it is removed
	}
	for _, key := range append([]string{"unique_id"}, requiredKeys[platform]...) {
		if _, found := component[key]; !found {
			wrong = append(wrong, id+"."+key+" is missing")
		}
	}
	return wrong
}

func undocumentedAvailability(holder map[string]any) []string {
	var wrong []string
	topics, _ := holder["availability"].([]any)
	for _, one := range topics {
		wrong = append(wrong, undocumented("availability", one.(map[string]any), availabilityKeys)...)
	}
	return wrong
}
