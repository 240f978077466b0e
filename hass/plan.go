package hass

import (
	"cmp"
	"maps"
	"slices"

	"github.com/synapsedb/synapse/hass/component"
)

// plan is what Home Assistant is to be told, because it was told something else before.
type plan struct {
	// forget are the messages that name what is gone from a device, by the device they are about.
	forget []forgetting
	// empty are topics of discovery that nothing is told on any more. They come before what is new: Home Assistant does not take an entity while it has one of this id.
	empty []string
	// migrate are topics whose components will be described in the other kind of message. They are emptied afterwards.
	migrate []string
	// values are topics of states and attributes that nobody has any more.
	values []string
	// left is what stays there, though nobody has it.
	left []told
}

// forgetting is a device's message that still describes what it described before, and says what is gone.
type forgetting struct {
	topic, device string
	kept          []*member
	gone          []component.Gone
}

// planOf compares what was told with what is there.
func (l *Link) planOf(before, present []told) plan {
	var made plan
	there, ids, used := map[told]bool{}, map[string]bool{}, map[string]bool{}
	for _, now := range present {
		there[now], ids[now.Entity], used[now.topic(l.application)] = true, true, true
	}
	topics, values := map[string][]told{}, map[string]bool{}
	for _, was := range before {
		if l.config.Removal == Abandon && !ids[was.Entity] {
			made.left = append(made.left, was)
			continue
		}
		topics[was.topic(l.application)] = append(topics[was.topic(l.application)], was)
		if !there[was] {
			place := component.Place{Application: l.application, Entity: was.Entity}
			values[place.StateTopic()], values[place.AttributesTopic()] = true, true
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		made.compare(l, topic, topics[topic], there, used[topic])
	}
	for _, found := range l.members {
		delete(values, found.place.AttributesTopic())
		if found.component.States() {
			delete(values, found.place.StateTopic())
		}
	}
	made.values = slices.Sorted(maps.Keys(values))
	return made
}

// compare plans for one topic of discovery.
func (p *plan) compare(l *Link, topic string, list []told, there map[told]bool, used bool) {
	step := forgetting{topic: topic, device: list[0].Device}
	migrates := false
	for _, was := range list {
		found, defined := l.members[was.Entity]
		moved := defined && found.component.Platform() == was.Platform && was.Prefix == l.config.Prefix && was.Discovery != l.config.Discovery
		migrates = migrates || moved
		switch {
		case there[was], moved:
			step.kept = append(step.kept, found)
		default:
			step.gone = append(step.gone, component.Gone{Platform: was.Platform, Entity: was.Entity})
		}
	}
	if (used || migrates) && len(step.gone) > 0 && list[0].Discovery == DeviceBased {
		p.forget = append(p.forget, step)
	}
	switch {
	case used:
	case migrates:
		p.migrate = append(p.migrate, topic)
	default:
		p.empty = append(p.empty, topic)
	}
}

// present is what the program defines.
func (l *Link) present() []told {
	list := make([]told, 0, len(l.members))
	for id, found := range l.members {
		list = append(list, told{
			Prefix: l.config.Prefix, Discovery: l.config.Discovery, Device: found.device(), Platform: found.component.Platform(), Entity: id,
		})
	}
	return union(list, nil)
}

// union has each once, in a fixed order.
func union(a, b []told) []told {
	list := slices.SortedFunc(slices.Values(slices.Concat(a, b)), func(a, b told) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Device, b.Device),
			cmp.Compare(a.Discovery, b.Discovery), cmp.Compare(a.Prefix, b.Prefix))
	})
	return slices.Compact(list)
}
