package hass_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

// programVariable holds the work of a process that is killed.
const programVariable = "SYNAPSE_TEST_HASS_PROGRAM"

// program is a version of a program: what it defines, and how it tells Home Assistant.
type program struct {
	Broker, Path, Application string
	Prefix                    string
	Discovery                 hass.Discovery
	Removal                   hass.Removal
	Parts                     []part
}

// part is an entity whose state is a number; that of a switch is whether it is odd.
type part struct {
	ID, Platform string
	Device, Via  string
	Durable      bool
}

func (p part) shown() component.Component {
	var common component.Common
	if p.Device != "" {
		common.Device = &component.Device{ID: p.Device, Name: "The " + p.Device, Via: p.Via}
	}
	switch p.Platform {
	case "sensor":
		return component.Sensor{Common: common}
	case "number":
		return component.Number{Common: common, Min: 0, Max: 1e9}
	default:
		return component.Button{Common: common}
	}
}

// running is a program at work.
type running struct {
	store    *entity.Store
	link     *hass.Link
	counters map[string]*entity.Entity[int64, attributes]
}

func (p program) start(ctx context.Context) (made *running, err error) {
	made = &running{counters: map[string]*entity.Entity[int64, attributes]{}}
	made.store, err = entity.Open(ctx, entity.Config{Application: p.Application, URL: p.Path, IgnoreEnvironment: true, Delay: time.Millisecond})
	if err != nil {
		return nil, err
	}
	for _, part := range p.Parts {
		made.counters[part.ID], err = hass.New(made.store, hass.Definition[int64, attributes]{
			Definition: entity.Definition[int64, attributes]{ID: part.ID, Durable: part.Durable}, Component: part.shown(),
		})
		if err != nil {
			return nil, err
		}
	}
	if err := made.store.Ready(); err != nil {
		return nil, err
	}
	made.link, err = hass.Connect(ctx, made.store, hass.Config{
		Broker: mqtt.Config{URL: p.Broker, KeepAlive: 5 * time.Second, FirstBackOff: time.Millisecond, LongestBackOff: 20 * time.Millisecond},
		Prefix: p.Prefix, Discovery: p.Discovery, Removal: p.Removal,
	})
	return made, err
}

// Run counts until it is killed. It says which numbers are durable.
func (p program) Run(ctx context.Context) error {
	made, err := p.start(ctx)
	if err != nil {
		return err
	}
	fmt.Println("linked") // it is read by the test
	for {
		for _, part := range p.Parts {
			n, err := made.next(ctx, part.ID)
			if err != nil {
				return err
			}
			if part.Durable {
				fmt.Println(part.ID, n)
			}
		}
	}
}

func (r *running) next(ctx context.Context, id string) (n int64, err error) {
	err = r.counters[id].Update(ctx, func(state *int64, attributes *attributes) error {
		*state++
		n = *state
		attributes.Note = strconv.FormatInt(n, 10)
		return nil
	})
	return n, err
}

// of makes the program work at a scene.
func (p program) of(s *scene) program {
	p.Broker, p.Path, p.Application, p.Prefix = s.broker, s.path, s.application, s.prefix+p.Prefix
	return p
}

// run runs the program until the broker has everything.
func (p program) run(t *testing.T) *running {
	t.Helper()
	made, err := p.start(t.Context())
	must(t, err)
	t.Cleanup(func() { made.stop(t) })
	settled(t, made.link)
	return made
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	closed(t, r.link)
	closed(t, r.store)
}

// topics are those that the broker keeps something of when the program has told everything.
func (p program) topics() []string {
	list := map[string]bool{component.StatusTopic(p.Application): true}
	for _, part := range p.Parts {
		place := component.Place{Application: p.Application, Entity: part.ID}
		list[place.AttributesTopic()] = true
		if part.shown().States() {
			list[place.StateTopic()] = true
		}
		list[p.discoveryTopic(part)] = true
	}
	return slices.Sorted(maps.Keys(list))
}

func (p program) discoveryTopic(of part) string {
	if p.Discovery == hass.SingleComponent {
		return component.SingleTopic(p.Prefix, p.Application, of.Device, of.Platform, of.ID)
	}
	return component.DeviceTopic(p.Prefix, p.Application, of.Device)
}

func (s *scene) topics(t *testing.T) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(s.retained(t)))
}
