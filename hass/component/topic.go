package component

import "strings"

// Topic writes a text with nothing but letters, digits, "_" and "-", which are what may stand in a topic of discovery. Letters, digits and "_" stay, "-" is doubled, and any
// other byte is "-" and two hexadecimal digits, so that different texts are different topics: "porch.lamp" is "porch-2elamp".
func Topic(text string) string {
	const digits = "0123456789abcdef"
	var made strings.Builder
	for i := range len(text) {
		switch char := text[i]; {
		case char >= 'a' && char <= 'z', char >= 'A' && char <= 'Z', char >= '0' && char <= '9', char == '_':
			made.WriteByte(char)
		case char == '-':
			made.WriteString("--")
		default:
			made.Write([]byte{'-', digits[char>>4], digits[char&15]})
		}
	}
	return made.String()
}

// pair writes two texts as one, so that different pairs are different texts: the first has no "_", so that the first one of all parts them.
func pair(left, right string) string { return alone(left) + "_" + Topic(right) }

func alone(text string) string { return strings.ReplaceAll(Topic(text), "_", "-5f") }

// Base is what all topics of an application begin with, those of discovery excepted.
func Base(application string) string { return "synapse/" + Topic(application) }

// StatusTopic is where "online" and "offline" tell whether an application is there. It is the topic of its last will.
func StatusTopic(application string) string { return Base(application) + "/status" }

// Place is which entity a component describes, and what is known of that from elsewhere.
type Place struct {
	// Application and Entity are ids, as package entity has them.
	Application, Entity string
	// Name and Icon are those of the Definition. They count where the component has none.
	Name, Icon string
	// Availability replaces that of the device's message where it is not empty.
	Availability []Availability
	// AvailabilityMode is for several: AvailableWhenAll, AvailableWhenAny or AvailableAsLatest, which is what Home Assistant takes when it is empty.
	AvailabilityMode string
}

// UniqueID is the entity's for Home Assistant, which keeps what its user sets of the entity under it.
func (p Place) UniqueID() string { return pair(p.Application, p.Entity) }

// StateTopic is where the state is published.
func (p Place) StateTopic() string { return p.topic("state") }

// AttributesTopic is where the attributes are published, as a JSON object.
func (p Place) AttributesTopic() string { return p.topic("attributes") }

// CommandTopic is where commands arrive.
func (p Place) CommandTopic() string { return p.topic("set") }

func (p Place) topic(kind string) string {
	return Base(p.Application) + "/" + Topic(p.Entity) + "/" + kind
}

// ObjectID names a component in the message of its device, and in the topic of a message of its own. It is the same in both, as migration from one to the
// other needs it, and has the domain in it: an entity that changes its domain is a new component.
func ObjectID(platform, entity string) string { return platform + "_" + Topic(entity) }

// NodeID names a device of an application in topics, and is its identifier. The device with an empty id is the application's own.
func NodeID(application, device string) string {
	if device == "" {
		return "synapse_" + alone(application)
	}
	return "synapse_" + pair(application, device)
}

// DeviceTopic is where the message of a device is published, retained. The prefix is Home Assistant's, "homeassistant" by default.
func DeviceTopic(prefix, application, device string) string {
	return prefix + "/device/" + NodeID(application, device) + "/config"
}

// SingleTopic is where the message of a single component is published, retained.
func SingleTopic(prefix, application, device, platform, entity string) string {
	return prefix + "/" + platform + "/" + NodeID(application, device) + "/" + ObjectID(platform, entity) + "/config"
}

// HomeAssistantTopic is where Home Assistant publishes "online" when it has started, and "offline" as its last will.
func HomeAssistantTopic(prefix string) string { return prefix + "/status" }
