package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

// livingRoom is a device of its own in Home Assistant.
var livingRoom = component.Device{ID: "living_room", Name: "Living room", Model: "Simulated room"}

// shown is what Home Assistant has of the thermostat: its state is too much for one of Home Assistant's domains, so there is an entity for each part.
type shown struct {
	target  *entity.Entity[float64, noAttributes]
	heating *entity.Entity[bool, noAttributes]
}

// show defines those entities, and keeps them as the thermostat is.
func (h *home) show(ctx context.Context, store *entity.Store) error {
	var (
		made      shown
		err, also error
	)
	made.target, err = hass.New(store, hass.Definition[float64, noAttributes]{
		Definition: entity.Definition[float64, noAttributes]{ID: "living_room.target", Name: "Target", Icon: "mdi:thermostat", State: 20},
		Component: component.Number{
			Common: component.Common{DeviceClass: "temperature", Device: &livingRoom}, Min: 5, Max: 30, Step: 0.5, UnitOfMeasurement: "°C",
		},
		// The thermostat is what a command changes; the target follows.
		Unmanaged: true,
		OnCommand: func(ctx context.Context, command hass.Command[float64]) error { return h.aim(ctx, command.Wanted) },
	})
	made.heating, also = hass.New(store, hass.Definition[bool, noAttributes]{
		Definition: entity.Definition[bool, noAttributes]{ID: "living_room.heating", Name: "Heating"},
		Component:  component.BinarySensor{Common: component.Common{DeviceClass: "heat", Device: &livingRoom}},
	})
	if err = errors.Join(err, also); err != nil {
		return err
	}
	h.thermostat.OnChange(func(change entity.Change[thermostat, noAttributes]) {
		_ = made.follow(ctx, change.After.State) // the thermostat has been set, so the store is open
	})
	return made.follow(ctx, h.thermostat.State())
}

func (s shown) follow(ctx context.Context, state thermostat) error {
	return errors.Join(s.target.Set(ctx, state.Target), s.heating.Set(ctx, state.Heating))
}

// connect shows them in Home Assistant. It does not wait for the broker, which may be away.
func (h *home) connect(ctx context.Context, store *entity.Store, broker string, log *slog.Logger) (*hass.Link, error) {
	if err := h.show(context.WithoutCancel(ctx), store); err != nil {
		return nil, err
	}
	return hass.Connect(ctx, store, hass.Config{
		Broker: mqtt.Config{URL: broker},
		Device: component.Device{Name: "Thermostat"},
		Origin: component.Origin{Name: "thermostat", SupportURL: "https://github.com/synapsedb/synapse"},
		Log:    log,
	})
}
