package hass

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass/component"
)

// Definition is an entity.Definition with what Home Assistant is to know of it. Its Options are set by New.
type Definition[State, Attributes any] struct {
	entity.Definition[State, Attributes]

	// Component is the domain and its settings: component.Switch, component.Sensor and so on.
	Component component.Component
	// OnCommand is called with each command that is allowed, before the entity changes. When it returns an error, the entity stays as it is, and Home
	// Assistant is told so. May be nil.
	OnCommand func(ctx context.Context, command Command[State]) error
	// Unmanaged leaves it to OnCommand to change the entity.
	Unmanaged bool
}

// Command is what somebody in Home Assistant wants.
type Command[State any] struct {
	// Payload is the command as it came, such as "ON", "PRESS" or "21.5".
	Payload string
	// Now is the entity's state, Wanted what it is to be. They are equal for buttons and scenes.
	Now, Wanted State
}

// options are what New puts into entity.Definition.Options.
type options struct {
	component component.Component
	unmanaged bool
	// onCommand takes JSON; nil when there is none.
	onCommand func(ctx context.Context, payload string, now, wanted json.RawMessage) error
}

// New defines an entity that Home Assistant is to know. Errors are those of entity.New, and *component.ConfigurationError and *component.StateError for
// settings, or a type of state, that Home Assistant would not take.
func New[State, Attributes any](store *entity.Store, definition Definition[State, Attributes]) (*entity.Entity[State, Attributes], error) {
	if err := definition.check(); err != nil {
		return nil, fmt.Errorf("define an entity for Home Assistant: %w", err)
	}
	made := &options{component: definition.Component, unmanaged: definition.Unmanaged}
	if definition.OnCommand != nil {
		made.onCommand = typed(definition.OnCommand)
	}
	definition.Options = made
	if _, err := newRegister(store); err != nil { // before Ready, which would take it for removed
		return nil, fmt.Errorf("define an entity for Home Assistant: %w", err)
	}
	return entity.New(store, definition.Definition)
}

func (d *Definition[State, Attributes]) check() error {
	switch {
	case d.Component == nil:
		return fmt.Errorf("the entity %q has no Component", d.ID)
	case d.Options != nil:
		return fmt.Errorf("the entity %q has Options, which New sets", d.ID)
	}
	if err := component.Check(d.ID, d.Component); err != nil {
		return err
	}
	state, err := json.Marshal(d.State)
	if err == nil && d.Component.States() {
		_, err = d.Component.State(state)
	}
	if err != nil {
		return fmt.Errorf("the entity %q: %w", d.ID, err)
	}
	return nil
}

// typed lets a function of typed commands take JSON.
func typed[State any](call func(context.Context, Command[State]) error) func(ctx context.Context, payload string, now, wanted json.RawMessage) error {
	return func(ctx context.Context, payload string, now, wanted json.RawMessage) error {
		command := Command[State]{Payload: payload}
		if err := errors.Join(json.Unmarshal(now, &command.Now), json.Unmarshal(wanted, &command.Wanted)); err != nil {
			return err
		}
		return call(ctx, command)
	}
}
