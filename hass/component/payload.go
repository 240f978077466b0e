package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// Head is what a message of discovery says besides components.
type Head struct {
	Application string
	// Device has an empty ID when it is the application's own.
	Device Device
	Origin Origin
	// Availability is that of all components which have none of their own. Empty, it is the application's StatusTopic.
	Availability []Availability
	// AvailabilityMode is as in Place.
	AvailabilityMode string
	// WithoutVia leaves out by which device this one is reached. Home Assistant complains of one that it does not know, as it does
	// not know the application's own when no entity belongs to that.
	WithoutVia bool
}

// Entry is an entity of a device.
type Entry struct {
	Place     Place
	Component Component
}

// Gone is an entity that a device had.
type Gone struct{ Platform, Entity string }

// DevicePayload makes the message that announces a device with all of its components, for its DeviceTopic. Gone are those that were in the last message, and
// shall not be any more: Home Assistant forgets them with this message, and the next one needs not name them. Other errors than *ConfigurationError are for two
// entries of one entity.
func DevicePayload(head Head, entries []Entry, gone ...Gone) ([]byte, error) {
	made, err := head.discovery()
	if err != nil {
		return nil, err
	}
	components := map[string]any{}
	for _, old := range gone {
		components[ObjectID(old.Platform, old.Entity)] = keys{"platform": old.Platform}
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		described, err := entry.discovery(head.Application)
		if err != nil {
			return nil, err
		}
		if seen[entry.Place.Entity] {
			return nil, fmt.Errorf("the entity %q is twice in the device %q", entry.Place.Entity, head.Device.Name)
		}
		seen[entry.Place.Entity] = true
		components[ObjectID(entry.Component.Platform(), entry.Place.Entity)] = described
	}
	made["components"] = components
	return json.Marshal(made)
}

// SinglePayload makes the message that announces one component with its device, for its SingleTopic.
func SinglePayload(head Head, entry Entry) ([]byte, error) {
	made, err := head.discovery()
	if err != nil {
		return nil, err
	}
	described, err := entry.discovery(head.Application)
	if err != nil {
		return nil, err
	}
	maps.Copy(made, described)
	delete(made, "platform") // the topic says it
	return json.Marshal(made)
}

// RemovalPayload removes what was announced on a topic of discovery: a device with all of its components, or a single one.
func RemovalPayload() []byte { return []byte{} }

// MigrationPayload has Home Assistant let go of what was announced on a topic of discovery, and keep what its user has set of it, until it is announced again in the other
// kind of message. To change the kind, in either direction: publish this on each of the old topics, then the new messages, then a RemovalPayload on each of the old topics.
func MigrationPayload() []byte { return []byte(`{"migrate_discovery":true}`) }

func (h Head) discovery() (keys, error) {
	found := &checker{platform: "device"}
	h.Device.check(found)
	checkAvailability(found, h.Availability, h.AvailabilityMode)
	device := h.Device.discovery(h.Application)
	if h.WithoutVia {
		delete(device, "via_device")
	}
	made := keys{"device": device, "origin": h.Origin.discovery()}
	topics := h.Availability
	if len(topics) == 0 {
		topics = []Availability{{Topic: StatusTopic(h.Application)}}
	}
	putAvailability(made, topics, h.AvailabilityMode)
	return made, found.err()
}

func (e Entry) discovery(application string) (map[string]any, error) {
	found := &checker{platform: e.Component.Platform()}
	found.icon(e.Place.Icon)
	checkAvailability(found, e.Place.Availability, e.Place.AvailabilityMode)
	if err := errors.Join(Check(e.Place.Entity, e.Component), named(e.Place.Entity, found.err())); err != nil {
		return nil, err
	}
	if e.Place.Application != application {
		return nil, fmt.Errorf("the entity %q is one of the application %q, not of %q", e.Place.Entity, e.Place.Application, application)
	}
	return e.Component.Discovery(e.Place), nil
}
