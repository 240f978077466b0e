package hass_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// domain is what a test does with one.
type domain struct {
	shown component.Component
	// begin defines it with a state, and gives how its state is read, as JSON.
	begin func(t *testing.T, store *entity.Store, shown component.Component, heard chan<- any) func() string
	// state is the payload for the first state; empty of those that have none.
	state string
	// command, and what the state is then: as JSON, and as a payload. Empty of those that take none.
	command, stored, after string
	// refused is a command that is not allowed.
	refused string
}

// of makes the begin of a domain with a type of state. What OnCommand hears is sent on.
func of[State any](first State) func(*testing.T, *entity.Store, component.Component, chan<- any) func() string {
	return func(t *testing.T, store *entity.Store, shown component.Component, heard chan<- any) func() string {
		t.Helper()
		made := define(t, store, "porch.thing", first, shown, func(d *hass.Definition[State, attributes]) {
			d.Attributes = attributes{Note: "first"}
			if heard != nil {
				d.OnCommand = func(_ context.Context, command hass.Command[State]) error {
					heard <- command.Wanted
					return nil
				}
			}
		})
		return func() string { return asJSON(t, made.State()) }
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	return string(text)
}

var domains = map[string]domain{
	"sensor": {shown: component.Sensor{UnitOfMeasurement: "°C"}, begin: of(20.5), state: "20.5"},
	"switch": {shown: component.Switch{}, begin: of(false), state: "OFF", command: "ON", stored: "true", after: "ON", refused: "maybe"},
	"number": {shown: component.Number{Min: 5, Max: 30, Step: 0.5}, begin: of(20.0), state: "20", command: "21.5", stored: "21.5", after: "21.5", refused: "31"},
}

func TestEveryDomainIsShownAndCommanded(t *testing.T) {
	t.Parallel()
	for name, test := range domains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, dbtest.Mosquitto(t).URL())
			seen := s.observe(t)
			store := s.open(t)
			heard := make(chan any, 10)
			state := test.begin(t, store, test.shown, heard)
			link := s.connect(t, store)
			must(t, store.Ready())
			settled(t, link)
			s.isShown(t, test)
			if test.command == "" {
				return
			}
			s.isCommanded(t, seen, test, link, state, heard)
			closed(t, link)
			closed(t, store)
			again := s.open(t) // what was stored
			same(t, "the state after a restart", test.stored, test.begin(t, again, test.shown, nil)())
		})
	}
}

// isShown looks at what is retained.
func (s *scene) isShown(t *testing.T, test domain) {
	t.Helper()
	place := component.Place{Application: s.application, Entity: "porch.thing", Name: "The porch.thing"}
	device := component.Device{Name: s.application}
	message, err := component.DevicePayload(component.Head{Application: s.application, Device: device, Origin: component.Origin{Name: s.application}},
		[]component.Entry{{Place: place, Component: test.shown}})
	must(t, err)
	want := map[string]string{
		component.DeviceTopic(s.prefix, s.application, ""): string(message),
		s.topic("porch.thing", "attributes"):               `{"note":"first"}`,
		s.status():                                         "online",
	}
	if test.state != "" {
		want[s.topic("porch.thing", "state")] = test.state
	}
	same(t, "retained", want, s.retained(t))
}

func (s *scene) isCommanded(t *testing.T, seen *observer, test domain, link *hass.Link, state func() string, heard <-chan any) {
	t.Helper()
	stateTopic := s.topic("porch.thing", "state")
	before := link.Status()
	first := state()
	if test.refused != "" {
		seen.command(t, s, "porch.thing", test.refused)
		dbtest.Await(t, func() bool { return link.Status().Refused == before.Refused+1 })
		if test.state != "" {
			dbtest.Await(t, func() bool { return len(seen.payloads(stateTopic)) >= 2 }) // told again
			seen.awaits(t, stateTopic, test.state)
		}
		if now := state(); now != first || len(heard) > 0 {
			t.Errorf("a command that is refused makes the state %s of %s, or is heard", now, first)
		}
		var refusal *component.CommandError
		if err := link.Status().LastError; !errors.As(err, &refusal) || !strings.Contains(err.Error(), "porch.thing") {
			t.Errorf("a command is refused with %v", err)
		}
	}
	seen.command(t, s, "porch.thing", test.command)
	same(t, "what OnCommand hears", test.stored, asJSON(t, <-heard))
	dbtest.Await(t, func() bool { return link.Status().Commands == before.Commands+1 })
	same(t, "the state", test.stored, state())
	if test.after != "" {
		seen.awaits(t, stateTopic, test.after)
	}
}

func TestCommandsForNothingAreLoggedOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	store := s.open(t)
	lamp := define(t, store, "lamp", false, component.Switch{})
	define(t, store, "sensor", 1.0, component.Sensor{})
	// Somebody has made the broker keep a command: it was meant for a former moment.
	seen.publish(t, mqtt.Message{Topic: s.topic("lamp", "set"), Payload: []byte("ON"), QoS: 1, Retain: true})
	link := s.connect(t, store)
	settled(t, link)
	for range 3 {
		seen.command(t, s, "removed", "ON")
		seen.command(t, s, "sensor", "2")
	}
	dbtest.Await(t, func() bool { return link.Status().Refused == 6 })
	if count := strings.Count(s.log.String(), "not there"); count != 2 || lamp.State() || link.Status().Commands > 0 {
		t.Errorf("%d lines are logged, the lamp is %t:\n%s", count, lamp.State(), s.log)
	}
}
