package component

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Component is what Home Assistant is told of an entity: a BinarySensor, Button, Date, DateTime, Light, Lock, Number, Scene, Select, Sensor,
// Switch, Text or Time. It is put into entity.Definition.Options.
type Component interface {
	// Platform is Home Assistant's name of the domain, such as "sensor".
	Platform() string
	// Shared are the settings that every domain has.
	Shared() Common
	// Check reports everything that is wrong, as one *ConfigurationError or several joined ones.
	Check() error
	// Discovery gives the component as it stands in the message of a device. Its keys are documented at
	// https://www.home-assistant.io/integrations/PLATFORM.mqtt/.
	Discovery(place Place) map[string]any
	// States reports whether there is a state to publish. Scenes and buttons have none.
	States() bool
	// State makes a payload of an entity's state. A state that Home Assistant would not take is a *StateError.
	State(state json.RawMessage) ([]byte, error)
	// Commands reports whether Home Assistant can send commands.
	Commands() bool
	// Command makes a new state of a payload that was received while the state was now. What is not allowed is a *CommandError. Where there is no state, or the
	// command does not change it, now is given back.
	Command(payload []byte, now json.RawMessage) (json.RawMessage, error)
}

// Common are the settings that every domain has. The zero value is right for most entities.
type Common struct {
	// Name is for people; the Definition's where it is empty. Home Assistant puts the device's before it.
	Name string
	// NamedAsDevice gives the entity the device's name alone. It is for the one that the device is about.
	NamedAsDevice bool
	// ObjectID proposes the second half of the entity_id, for "sensor.porch" it is "porch": small letters, digits and
	// underscores. It counts when Home Assistant first sees the entity. Home Assistant makes one of device and name where it is empty.
	ObjectID string
	// Icon is one of https://pictogrammers.com/library/mdi, such as "mdi:lamp"; the Definition's where it is empty.
	Icon string
	// EntityPicture is the URL of a picture that is shown instead of the icon.
	EntityPicture string
	// DeviceClass is what kind of a sensor, switch and so on it is; see DeviceClasses.
	DeviceClass string
	// EntityCategory is "config" for settings of the device, which sensors cannot be, "diagnostic" for what only tells how the device is, and otherwise empty.
	EntityCategory string
	// EnabledByDefault is true when nil. It counts when Home Assistant first sees the entity.
	EnabledByDefault *bool
	// Device is the one that the entity belongs to, or nil: the application's own.
	Device *Device
	// QoS is 0, 1 or 2: how sure the delivery of states and commands is.
	QoS int
}

// Categories of entities.
const (
	Config     = "config"
	Diagnostic = "diagnostic"
)

var (
	iconForm     = regexp.MustCompile(`^[a-z0-9_-]+:[a-z0-9_-]+$`)
	objectIDForm = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
)

// Shared gives the settings themselves.
func (c Common) Shared() Common { return c }

func (c Common) check(platform string) *checker {
	found := &checker{platform: platform}
	if c.NamedAsDevice && c.Name != "" {
		found.add("name", "there is one, but the entity is to be named as its device", "one of both")
	}
	if c.ObjectID != "" && !objectIDForm.MatchString(c.ObjectID) {
		found.add("default_entity_id", quoted(c.ObjectID)+" cannot be part of an entity_id", "small letters, digits and single underscores between them")
	}
	found.icon(c.Icon)
	c.checkClass(found)
	c.checkCategory(found)
	if c.Device != nil {
		c.Device.check(found)
	}
	if c.QoS < 0 || c.QoS > 2 {
		found.addf("qos", "0, 1, 2", "it is %d", c.QoS)
	}
	return found
}

func (c Common) checkClass(found *checker) {
	if found.knows(c.DeviceClass) {
		return
	}
	allowed := DeviceClasses(found.platform)
	if len(allowed) == 0 {
		found.add("device_class", "a "+found.platform+" has none", "nothing")
		return
	}
	found.add("device_class", quoted(c.DeviceClass)+" is none of a "+found.platform, strings.Join(allowed, ", "))
}

func (c Common) checkCategory(found *checker) {
	allowed := []string{Config, Diagnostic}
	if found.platform == "sensor" || found.platform == "binary_sensor" {
		allowed = []string{Diagnostic}
	}
	if c.EntityCategory != "" && !slices.Contains(allowed, c.EntityCategory) {
		found.add("entity_category", quoted(c.EntityCategory)+" is none of a "+found.platform, strings.Join(allowed, ", "))
	}
}

// keys are those of a component's configuration.
type keys map[string]any

// put leaves out what is the zero value, which is what Home Assistant takes for a key that is not there.
func put[T comparable](into keys, key string, value T) {
	var zero T
	if value != zero {
		into[key] = value
	}
}

// discovery gives the keys of what every domain has, and the topics.
func (c Common) discovery(platform string, place Place, states, commands bool) keys {
	made := keys{"platform": platform, "unique_id": place.UniqueID(), "json_attributes_topic": place.AttributesTopic()}
	if states {
		made["state_topic"] = place.StateTopic()
	}
	if commands {
		made["command_topic"] = place.CommandTopic()
	}
	c.putName(made, place)
	if c.ObjectID != "" {
		made["default_entity_id"] = platform + "." + c.ObjectID
	}
	put(made, "icon", first(c.Icon, place.Icon))
	put(made, "entity_picture", c.EntityPicture)
	put(made, "device_class", c.DeviceClass)
	put(made, "entity_category", c.EntityCategory)
	put(made, "qos", c.QoS)
	if c.EnabledByDefault != nil {
		made["enabled_by_default"] = *c.EnabledByDefault
	}
	putAvailability(made, place.Availability, place.AvailabilityMode)
	return made
}

func (c Common) putName(into keys, place Place) {
	switch name := first(c.Name, place.Name); {
	case c.NamedAsDevice:
		into["name"] = nil
	case name != "":
		into["name"] = name
	default:
		into["name"] = place.Entity
	}
}

func first(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
