package hass_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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

var moment = time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC)

var domains = map[string]domain{
	"binary_sensor": {shown: component.BinarySensor{}, begin: of(new(true)), state: "ON"},
	"button":        {shown: component.Button{}, begin: of(7), command: "PRESS", stored: "7", refused: "ON"},
	"date": {
		shown: component.Date{}, begin: of(new(component.DayOf(moment))), state: "2026-11-21", command: "2027-01-02", stored: `"2027-01-02"`, after: "2027-01-02",
		refused: "2027-02-30",
	},
	"datetime": {
		shown: component.DateTime{}, begin: of(&moment), state: "2026-11-21T07:30:00Z", command: "2027-01-02T03:04:05+00:00", stored: `"2027-01-02T03:04:05Z"`,
		after: "2027-01-02T03:04:05Z", refused: "tomorrow",
	},
	"light": {
		shown: component.Light{SupportedColorModes: []string{component.ColorModeBrightness}}, begin: of(component.LightState{State: component.LightOff}),
		state: `{"state":"OFF"}`, command: `{"state":"ON","brightness":100}`, stored: `{"state":"ON","brightness":100}`, refused: `{"state":"ON","brightness":256}`,
	},
	"lock": {shown: component.Lock{}, begin: of(component.Locked), state: "LOCKED", command: "UNLOCK", stored: `"UNLOCKED"`, after: "UNLOCKED", refused: "OPEN"},
	"number": {
		shown: component.Number{Min: 5, Max: 30, Step: 0.5}, begin: of(20.0), state: "20", command: "21.5", stored: "21.5", after: "21.5", refused: "31",
	},
	"scene":  {shown: component.Scene{}, begin: of(struct{}{}), command: "ON", stored: "{}", refused: "OFF"},
	"select": {shown: component.Select{Options: []string{"a", "b"}}, begin: of(new("a")), state: "a", command: "b", stored: `"b"`, after: "b", refused: "c"},
	"sensor": {shown: component.Sensor{UnitOfMeasurement: "°C"}, begin: of(20.5), state: "20.5"},
	"switch": {shown: component.Switch{}, begin: of(false), state: "OFF", command: "ON", stored: "true", after: "ON", refused: "maybe"},
	"text": {
		shown: component.Text{Min: 1, Max: 3, Pattern: "^[a-z]+$"}, begin: of("abc"), state: "abc", command: "xyz", stored: `"xyz"`, after: "xyz", refused: "a1",
	},
	"time": {
		shown: component.Time{}, begin: of(component.TimeOfDayOf(moment)), state: "07:30:00", command: "23:59:59", stored: `"23:59:59"`, after: "23:59:59",
		refused: "24:00:00",
	},
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

func TestUnmanagedEntityIsLeftToTheProgram(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	store := s.open(t)
	var lamp *entity.Entity[bool, attributes]
	wrong := errors.New("the fuse is blown")
	lamp = define(t, store, "lamp", false, component.Switch{}, func(d *hass.Definition[bool, attributes]) {
		d.Unmanaged = true
		d.OnCommand = func(ctx context.Context, command hass.Command[bool]) error {
			if command.Wanted == command.Now {
				return wrong
			}
			return lamp.Update(ctx, func(state *bool, attributes *attributes) error {
				*state, attributes.Note = command.Wanted, command.Payload
				return nil
			})
		}
	})
	link := s.connect(t, store)
	settled(t, link)
	seen.command(t, s, "lamp", "ON")
	seen.awaits(t, s.topic("lamp", "state"), "ON")
	seen.awaits(t, s.topic("lamp", "attributes"), `{"note":"ON"}`)
	seen.command(t, s, "lamp", "ON")
	dbtest.Await(t, func() bool { return link.Status().Refused == 1 })
	dbtest.Await(t, func() bool { return len(seen.payloads(s.topic("lamp", "state"))) == 3 }) // told again
	if err := link.Status().LastError; !errors.Is(err, wrong) || link.Status().Commands != 1 || !lamp.State() {
		t.Errorf("%+v, %v", link.Status(), err)
	}
}

func TestDeletedEntityTakesNoCommands(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	store := s.open(t)
	lamp := define(t, store, "lamp", false, component.Switch{})
	link := s.connect(t, store)
	settled(t, link)
	must(t, lamp.Delete(t.Context()))
	for range 2 {
		seen.command(t, s, "lamp", "ON")
	}
	dbtest.Await(t, func() bool { return link.Status().Refused == 2 })
	if count := strings.Count(s.log.String(), "not there"); count != 1 || lamp.State() {
		t.Errorf("%d lines are logged, the lamp is %t", count, lamp.State())
	}
}

func TestOneLinkAtATime(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	store := s.open(t)
	define(t, store, "lamp", true, component.Switch{})
	first := s.connect(t, store)
	_, err := hass.Connect(t.Context(), store, s.config())
	if _, linked := errors.AsType[*hass.LinkedError](err); !linked {
		t.Errorf("a second link gives %v", err)
	}
	settled(t, first)
	closed(t, first)
	same(t, "the status of the application", "offline", s.retained(t)[s.status()])
	settled(t, s.connect(t, store))
	same(t, "the status of the application", "online", s.retained(t)[s.status()])
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	lamp := &component.Device{ID: "lamp", Name: "Lamp"}
	for name, test := range map[string]struct {
		change  func(*hass.Config)
		devices []*component.Device
		want    string
	}{
		"prefix":    {change: func(c *hass.Config) { c.Prefix = "a/#" }, want: "Prefix"},
		"discovery": {change: func(c *hass.Config) { c.Discovery = "x" }, want: `no kind "x"`},
		"removal":   {change: func(c *hass.Config) { c.Removal = "x" }, want: `no way "x"`},
		"device":    {change: func(c *hass.Config) { c.Device.ID = "x" }, want: "Device"},
		"URL of the device": {
			change: func(c *hass.Config) { c.Device.ConfigurationURL = "x" }, devices: []*component.Device{nil}, want: "configuration_url",
		},
		"will":      {change: func(c *hass.Config) { c.Broker.Will = &mqtt.Message{} }, want: "Will"},
		"broker":    {change: func(c *hass.Config) { c.Broker.URL = "http://x" }, want: "URL"},
		"unlike":    {devices: []*component.Device{lamp, {ID: "lamp", Name: "Other"}}, want: "another way"},
		"own":       {devices: []*component.Device{{Name: "Other"}}, want: "empty id"},
		"no via":    {devices: []*component.Device{{ID: "a", Name: "A", Via: "b"}}, want: `no entity belongs to the device "b"`},
		"via round": {devices: []*component.Device{{ID: "a", Name: "A", Via: "b"}, {ID: "b", Name: "B", Via: "a"}}, want: "reached by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "mqtt://127.0.0.1:1")
			store := s.open(t)
			for i, device := range test.devices {
				define(t, store, fmt.Sprint("entity.", i), true, component.Switch{Common: component.Common{Device: device}})
			}
			config := s.config()
			if test.change != nil {
				test.change(&config)
			}
			link, err := hass.Connect(t.Context(), store, config)
			if err == nil || !strings.Contains(err.Error(), test.want) || link != nil {
				t.Errorf("%v, %v", link, err)
			}
			if test.devices == nil { // what was refused leaves the store as it was
				closed(t, s.connect(t, store))
			}
		})
	}
}
