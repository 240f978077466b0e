package hass

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

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

// collect finds the entities that New has made.
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
	return errors.Join(problems...)
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
	if known, described := l.devices[own.ID]; described && !reflect.DeepEqual(known, *own) {
		return &component.ConfigurationError{
			Entity: found.raw.ID(), Platform: found.component.Platform(), Key: "device",
			Problem: fmt.Sprintf("the device %q is described in another way than by another entity", own.ID), Allowed: "one description of a device, used by all of its entities",
		}
	}
	l.devices[own.ID] = *own
	return nil
}

// statePayload is what is to be published of the state; nil when there is nothing to tell.
func (m *member) statePayload(state json.RawMessage) ([]byte, error) {
	if !m.component.States() {
		return nil, nil
	}
	return m.component.State(state)
}

// attributesPayload is the attributes, which have to be an object for Home Assistant.
func attributesPayload(attributes json.RawMessage) []byte {
	if trimmed := bytes.TrimSpace(attributes); len(trimmed) > 0 && trimmed[0] == '{' {
		return trimmed
	}
	return []byte("{}")
}
