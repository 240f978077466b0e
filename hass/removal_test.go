package hass_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/internal/dbtest"
)

var (
	lamp    = part{ID: "lamp", Platform: "number"}
	porch   = part{ID: "porch", Platform: "sensor", Device: "outside"}
	garden  = part{ID: "garden", Platform: "sensor", Device: "outside"}
	gateway = part{ID: "gateway", Platform: "sensor", Device: "zigbee"}
	bulb    = part{ID: "bulb", Platform: "number", Device: "bulb", Via: "zigbee"}
)

// changed gives a part another domain or device.
func changed(of part, change func(*part)) part {
	change(&of)
	return of
}

func ofParts(parts ...part) program { return program{Parts: parts} }

func TestChangedProgramLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	single, abandoning := hass.SingleComponent, hass.Abandon
	for name, runs := range map[string][]program{
		"entity removed":             {ofParts(lamp, porch, garden), ofParts(lamp, porch)},
		"device removed":             {ofParts(lamp, porch, garden), ofParts(lamp)},
		"everything removed":         {ofParts(lamp, porch), {}},
		"domain changed":             {ofParts(lamp, porch), ofParts(changed(lamp, func(p *part) { p.Platform = "sensor" }), porch)},
		"state lost":                 {ofParts(lamp, porch), ofParts(changed(lamp, func(p *part) { p.Platform = "button" }), porch)},
		"device changed":             {ofParts(lamp, porch, garden), ofParts(lamp, porch, changed(garden, func(p *part) { p.Device = "bulb" }))},
		"last of a device":           {ofParts(lamp, porch), ofParts(lamp, changed(porch, func(p *part) { p.Device = "" }))},
		"prefix changed":             {ofParts(lamp, porch), {Prefix: "/other", Parts: []part{lamp}}},
		"single, entity removed":     {{Discovery: single, Parts: []part{lamp, porch}}, {Discovery: single, Parts: []part{lamp}}},
		"single, domain changed":     {{Discovery: single, Parts: []part{lamp}}, {Discovery: single, Parts: []part{changed(lamp, func(p *part) { p.Platform = "sensor" })}}},
		"to single":                  {ofParts(lamp, porch, garden), {Discovery: single, Parts: []part{lamp, porch}}},
		"to device":                  {{Discovery: single, Parts: []part{lamp, porch, garden}}, ofParts(lamp, garden)},
		"there and back":             {ofParts(lamp, porch), {Discovery: single, Parts: []part{lamp, porch}}, ofParts(lamp, porch)},
		"abandoned, deleted":         {ofParts(lamp, porch, garden), {Removal: abandoning, Parts: []part{lamp}}, ofParts(lamp)},
		"abandoned, single, deleted": {{Discovery: single, Parts: []part{lamp, porch}}, {Discovery: single, Removal: abandoning, Parts: []part{lamp}}, {Discovery: single, Parts: []part{lamp}}},
		"abandoned, back":            {ofParts(lamp, porch), {Removal: abandoning, Parts: []part{lamp}}, ofParts(lamp, porch)},
		"abandoning, moved":          {ofParts(lamp, porch), {Removal: abandoning, Parts: []part{lamp, changed(porch, func(p *part) { p.Device, p.Platform = "", "number" })}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, dbtest.Mosquitto(t).URL())
			for _, version := range runs {
				version.of(s).run(t).stop(t)
			}
			same(t, "topics of which something is retained", runs[len(runs)-1].of(s).topics(), s.topics(t))
		})
	}
}

// componentsOf are those that a message of a device describes, and those that it removes.
func componentsOf(t *testing.T, payload string) (described, removed []string) {
	t.Helper()
	components, _ := object(t, payload)["components"].(map[string]any)
	for name, keys := range components {
		if settings, _ := keys.(map[string]any); len(settings) == 1 {
			removed = append(removed, name)
		} else {
			described = append(described, name)
		}
	}
	slices.Sort(described)
	slices.Sort(removed)
	return described, removed
}

// An entity that goes to another device is first removed from its old one: Home Assistant does not take a second one of the same id.
func TestEntityIsRemovedBeforeItIsTakenElsewhere(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	ofParts(lamp, porch, garden).of(s).run(t).stop(t)
	seen := s.observe(t)
	seen.forget()
	moved := ofParts(lamp, porch, changed(garden, func(p *part) { p.Device = "" })).of(s)
	moved.tell(t, s, seen)
	outside, own := moved.discoveryTopic(porch), moved.discoveryTopic(lamp)
	var steps []string
	for _, topic := range seen.topicsInOrder() {
		if topic == outside || topic == own {
			steps = append(steps, topic)
		}
	}
	same(t, "the order of messages", []string{outside, own, outside}, steps)
	messages := seen.payloads(outside)
	described, removed := componentsOf(t, messages[0])
	same(t, "what the first message keeps", []string{"sensor_porch"}, described)
	same(t, "what the first message removes", []string{"sensor_garden"}, removed)
	described, removed = componentsOf(t, messages[1])
	same(t, "what is described", []string{"sensor_porch"}, described)
	if len(removed) > 0 {
		t.Errorf("%v is removed for ever", removed)
	}
}

// tell runs the program until an observer has seen all of it.
func (p program) tell(t *testing.T, s *scene, seen *observer) {
	t.Helper()
	p.run(t).stop(t)
	seen.awaits(t, s.status(), "offline")
}

func (o *observer) topicsInOrder() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]string, len(o.seen))
	for i, message := range o.seen {
		list[i] = message.Topic
	}
	return list
}

// Whoever goes over to the other kind of discovery says so first, describes, and removes the old messages last. What is gone is removed before.
func TestMigrationIsInOrder(t *testing.T) {
	t.Parallel()
	const migration = `{"migrate_discovery":true}`
	for _, kinds := range [][2]hass.Discovery{{hass.DeviceBased, hass.SingleComponent}, {hass.SingleComponent, hass.DeviceBased}} {
		t.Run(string(kinds[0]), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, dbtest.Mosquitto(t).URL())
			before := program{Discovery: kinds[0], Parts: []part{porch, garden}}.of(s)
			before.run(t).stop(t)
			seen := s.observe(t)
			seen.forget()
			after := program{Discovery: kinds[1], Parts: []part{porch}}.of(s)
			after.tell(t, s, seen)
			from, to := before.discoveryTopic(porch), after.discoveryTopic(porch)
			sent := seen.payloads(from)
			if kinds[0] == hass.DeviceBased {
				_, removed := componentsOf(t, sent[0])
				same(t, "what is removed first", []string{"sensor_garden"}, removed)
				sent = sent[1:]
			}
			same(t, "messages on the old topic", []string{migration, ""}, sent)
			topics := seen.topicsInOrder()
			if described := slices.Index(topics, to); described < slices.Index(topics, from) || slices.Index(topics[described:], from) < 0 {
				t.Errorf("%s is not between the messages of %s:\n%s", to, from, strings.Join(topics, "\n"))
			}
			if gone := seen.payloads(before.discoveryTopic(garden)); kinds[0] == hass.SingleComponent {
				same(t, "messages for what is gone", []string{""}, gone)
			}
		})
	}
}

func TestAbandonedEntitiesStay(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	first := program{Discovery: hass.SingleComponent, Parts: []part{lamp, porch}}.of(s)
	first.run(t).stop(t)
	kept := s.retained(t)
	abandoning := program{Discovery: hass.SingleComponent, Removal: hass.Abandon, Parts: []part{lamp}}.of(s)
	abandoning.run(t).stop(t)
	same(t, "what is retained", kept, s.retained(t))
}

// A device comes after the one by which it is reached. One that is reached by a device without entities does not say so: Home Assistant would not know that.
func TestDevicesAreToldInTheOrderInWhichTheyAreReached(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	version := ofParts(bulb, gateway).of(s)
	version.tell(t, s, seen)
	topics := seen.topicsInOrder()
	if slices.Index(topics, version.discoveryTopic(bulb)) < slices.Index(topics, version.discoveryTopic(gateway)) {
		t.Errorf("the bulb is told of before its gateway:\n%s", strings.Join(topics, "\n"))
	}
	via := func(of part) any {
		device, _ := object(t, s.retained(t)[version.discoveryTopic(of)])["device"].(map[string]any)
		return device["via_device"]
	}
	same(t, "by what the bulb is reached", any(component.NodeID(s.application, "zigbee")), via(bulb))
	same(t, "by what the gateway is reached", nil, via(gateway))
}
