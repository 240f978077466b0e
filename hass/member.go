package hass

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass/component"
)

// member is an entity that Home Assistant is told of.
type member struct {
	*options

	raw   *entity.Raw
	place component.Place
	stop  func() // ends being told of changes

	stale bool // the state is to be published even if the broker has it; of Link.mu

	// Of the publisher alone: what the broker has of this connection.
	state, attributes []byte
	problem           string // why the state could not be told last, so that it is logged once
}

// device is the id of the one that it belongs to.
func (m *member) device() string {
	if own := m.component.Shared().Device; own != nil {
		return own.ID
	}
	return ""
}

// collect finds the entities that New has made, and checks what Home Assistant is to be told of them.
func (l *Link) collect(store *entity.Store) error {
	var problems []error
	for _, raw := range store.All() {
		made, is := raw.Options().(*options)
		if !is {
			continue
		}
		found := &member{options: made, raw: raw, place: component.Place{
			Application: l.application, Entity: raw.ID(), Name: raw.Name(), Icon: raw.Icon(),
		}}
		problems = append(problems, l.join(found))
	}
	problems = append(problems, l.checkVia())
	if err := errors.Join(problems...); err != nil {
		return err
	}
	_, err := l.messages() // which nothing can be wrong with later
	return err
}

func (l *Link) join(found *member) error {
	l.members[found.raw.ID()] = found
	if found.component.Commands() {
		l.commanded[found.place.CommandTopic()] = found
	}
	own := found.component.Shared().Device
	if own == nil {
		return nil
	}
	if known, described := l.devices[own.ID]; described && *own != known {
		return found.wrong("device", fmt.Sprintf("the device %q is described in another way than elsewhere", own.ID),
			"one description of a device, used by all of its entities, and none with an empty id but in Config.Device")
	}
	l.devices[own.ID] = *own
	return nil
}

// checkVia finds devices that are reached by what is not there, or by themselves.
func (l *Link) checkVia() error {
	for _, found := range l.sorted() {
		device := l.devices[found.device()]
		if _, there := l.devices[device.Via]; !there {
			return found.wrong("device.via_device", fmt.Sprintf("no entity belongs to the device %q", device.Via), "the id of another entity's device")
		}
		if l.depth(device.ID) > len(l.devices) {
			return found.wrong("device.via_device", fmt.Sprintf("the device %q is reached by itself", device.ID), "the id of a device that is not reached by this one")
		}
	}
	return nil
}

func (m *member) wrong(key, problem, allowed string) error {
	return &component.ConfigurationError{Entity: m.raw.ID(), Platform: m.component.Platform(), Key: key, Problem: problem, Allowed: allowed}
}

// statePayload is what is to be published of the state; nil when there is nothing to tell.
func (m *member) statePayload(state json.RawMessage) ([]byte, error) {
	if !m.component.States() {
		return nil, nil
	}
	return m.component.State(state)
}
