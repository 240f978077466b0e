package main

import (
	"context"
	"errors"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/significance"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
)

// home is what the program looks after. Names and tolerances are the code's, at each start anew; states, attributes and
// locals are what they were when the program ended.
type home struct {
	sensor     *entity.Entity[float64, sensorAttributes]
	thermostat *entity.Entity[thermostat, noAttributes]
	settings   *entity.Local[settings]
	counters   *entity.Local[counters]
	room       room
}

type sensorAttributes struct {
	Reports int `json:"reports"`
}

type noAttributes struct{}

// thermostat is the state of the thermostat.
type thermostat struct {
	Target  float64 `json:"target"` // °C
	Heating bool    `json:"heating"`
}

// settings are nobody's business but the thermostat's, and so a local of it.
type settings struct {
	Hysteresis float64 `json:"hysteresis"` // °C around the target in which nothing is switched
	Night      night   `json:"night"`
}

type night struct {
	From  int     `json:"from"` // hour of the day
	Until int     `json:"until"`
	Lower float64 `json:"lower"` // °C by which it may be colder
}

// counters count simulated minutes.
type counters struct {
	Minutes int `json:"minutes"`
	Heated  int `json:"heated"`
}

// newHome defines the entities. The room is as warm as it was.
func newHome(store *entity.Store) (*home, error) {
	var h home
	err := errors.Join(h.defineSensor(store), h.defineThermostat(store))
	if err != nil {
		return nil, err
	}
	h.room.temperature = h.sensor.State()
	return &h, nil
}

func (h *home) defineSensor(store *entity.Store) (err error) {
	h.sensor, err = hass.New(store, hass.Definition[float64, sensorAttributes]{
		Definition: entity.Definition[float64, sensorAttributes]{
			ID: "living_room.temperature", Name: "Temperature", Icon: "mdi:thermometer",
			State: 17,
			// The sensor reports each minute; a tenth of a degree is a change, and how often it has reported is none.
			Significance: entity.Significance[float64, sensorAttributes]{
				Rule: significance.Rule{Absolute: 0.1, Ignore: []string{"reports"}},
			},
		},
		// What Home Assistant is to know of it, see homeassistant.go. Without a broker it counts for nothing.
		Component: component.Sensor{
			Common: component.Common{DeviceClass: "temperature", Device: &livingRoom}, StateClass: component.Measurement, UnitOfMeasurement: "°C",
		},
	})
	return err
}

func (h *home) defineThermostat(store *entity.Store) (err error) {
	h.thermostat, err = entity.New(store, entity.Definition[thermostat, noAttributes]{
		ID: "living_room.thermostat", Name: "Living room", Icon: "mdi:thermostat",
		State: thermostat{Target: 20},
	})
	if err != nil {
		return err
	}
	h.settings, err = entity.NewLocal(h.thermostat, "settings", settings{
		Hysteresis: 0.3, Night: night{From: 22, Until: 6, Lower: 3},
	})
	if err != nil {
		return err
	}
	h.counters, err = entity.NewLocal(h.thermostat, "counters", counters{})
	return err
}

// aim sets the target.
func (h *home) aim(ctx context.Context, target float64) error {
	return h.thermostat.Update(ctx, func(state *thermostat, _ *noAttributes) error {
		state.Target = target
		return nil
	})
}

// minute lets a minute pass: the room changes, the sensor reports, the thermostat switches.
func (h *home) minute(ctx context.Context) error {
	heating := h.thermostat.State().Heating
	h.room.pass(heating)
	return errors.Join(h.report(ctx), h.count(ctx, heating), h.control(ctx))
}

func (h *home) report(ctx context.Context) error {
	return h.sensor.Update(ctx, func(temperature *float64, attributes *sensorAttributes) error {
		*temperature = h.room.measured()
		attributes.Reports++
		return nil
	})
}

func (h *home) count(ctx context.Context, heated bool) error {
	return h.counters.Update(ctx, func(counted *counters) error {
		counted.Minutes++
		if heated {
			counted.Heated++
		}
		return nil
	})
}

func (h *home) control(ctx context.Context) error {
	temperature, set := h.sensor.State(), h.settings.Get()
	hour := h.counters.Get().Minutes / 60 % 24
	return h.thermostat.Update(ctx, func(state *thermostat, _ *noAttributes) error {
		wanted := state.Target - set.Night.lower(hour)
		switch {
		case temperature < wanted-set.Hysteresis:
			state.Heating = true
		case temperature > wanted+set.Hysteresis:
			state.Heating = false
		}
		return nil
	})
}

// lower is how much colder it may be in an hour of the day.
func (n night) lower(hour int) float64 {
	if hour >= n.From || hour < n.Until {
		return n.Lower
	}
	return 0
}
