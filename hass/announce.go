package hass

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/synapsedb/synapse/hass/component"
)

// announce tells Home Assistant which entities there are, and which are there no more.
func (l *Link) announce(ctx context.Context) error {
	before, present := l.register.kept.State(), l.present()
	gone := before.gone(present)
	// First what may be told: after a crash in between the next run knows more than there is, not less.
	l.remember(ctx, present.with(before.Entities))
	var err error
	if before.Prefix == present.Prefix && before.Discovery != present.Discovery && len(before.Entities) > 0 {
		err = l.migrate(ctx, before)
	} else {
		err = l.describe(ctx, gone)
	}
	if err != nil {
		return err
	}
	if err := l.clean(ctx, before, present, gone); err != nil {
		return err
	}
	if l.config.Removal == Abandon {
		present = present.with(left(gone, present))
	}
	l.remember(ctx, present)
	return nil
}

// left are those that are gone and whose ids nobody has now.
func left(gone map[string]told, present announced) map[string]told {
	list := maps.Clone(gone)
	maps.DeleteFunc(list, func(id string, _ told) bool { _, there := present.Entities[id]; return there })
	return list
}

func (l *Link) remember(ctx context.Context, known announced) {
	if err := l.register.set(ctx, known); err != nil {
		l.failed(err)
		l.config.Log.WarnContext(ctx, "what Home Assistant knows is not written down yet", "application", l.application, "error", err)
	}
}

// describe publishes the messages of discovery. Devices whose entities are gone name them once more, for Home Assistant to forget them.
func (l *Link) describe(ctx context.Context, gone map[string]told) error {
	if l.config.Discovery == SingleComponent {
		return l.describeSingly(ctx)
	}
	for _, device := range slices.Sorted(maps.Keys(l.byDevice())) {
		if list := l.goneFrom(device, gone); len(list) > 0 {
			if err := l.describeDevice(ctx, device, list...); err != nil {
				return err
			}
		}
		if err := l.describeDevice(ctx, device); err != nil {
			return err
		}
	}
	return nil
}

func (l *Link) describeDevice(ctx context.Context, device string, gone ...component.Gone) error {
	var entries []component.Entry
	for _, found := range l.byDevice()[device] {
		entries = append(entries, component.Entry{Place: found.place, Component: found.component})
	}
	payload, err := component.DevicePayload(l.head(device), entries, gone...)
	if err != nil {
		return err
	}
	return l.send(ctx, l.retained(component.DeviceTopic(l.config.Prefix, l.application, device), payload))
}

func (l *Link) describeSingly(ctx context.Context) error {
	for _, found := range l.sorted() {
		payload, err := component.SinglePayload(l.head(found.device()), component.Entry{Place: found.place, Component: found.component})
		if err != nil {
			return err
		}
		topic := component.SingleTopic(l.config.Prefix, l.application, found.device(), found.component.Platform(), found.raw.ID())
		if err := l.send(ctx, l.retained(topic, payload)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Link) head(device string) component.Head {
	return component.Head{Application: l.application, Device: l.devices[device], Origin: l.config.Origin}
}

// goneFrom lists what a device had, for as long as removal is wanted.
func (l *Link) goneFrom(device string, gone map[string]told) []component.Gone {
	if l.config.Removal == Abandon {
		return nil
	}
	var list []component.Gone
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		if gone[id].Device == device {
			list = append(list, component.Gone{Platform: gone[id].Platform, Entity: id})
		}
	}
	return list
}

// migrate goes over to the other kind of discovery. Home Assistant keeps what it is told of before the old messages are emptied.
func (l *Link) migrate(ctx context.Context, before announced) error {
	topics := map[string]bool{}
	for id := range before.Entities {
		topics[before.topic(l.application, id)] = true
	}
	steps := slices.Sorted(maps.Keys(topics))
	for _, topic := range steps {
		if err := l.send(ctx, l.retained(topic, component.MigrationPayload())); err != nil {
			return err
		}
	}
	if err := l.describe(ctx, nil); err != nil {
		return err
	}
	for _, topic := range steps {
		if err := l.send(ctx, l.retained(topic, component.RemovalPayload())); err != nil {
			return err
		}
	}
	return nil
}

// clean empties the topics that nothing is told on any more.
func (l *Link) clean(ctx context.Context, before, present announced, gone map[string]told) error {
	if l.config.Removal == Abandon {
		return nil
	}
	used, empty := map[string]bool{}, map[string]bool{}
	for id := range present.Entities {
		used[present.topic(l.application, id)] = true
	}
	for id, was := range before.Entities {
		empty[topicOf(before.Prefix, before.Discovery, l.application, id, was)] = true
	}
	for id := range gone {
		if _, there := present.Entities[id]; !there {
			place := component.Place{Application: l.application, Entity: id}
			empty[place.StateTopic()], empty[place.AttributesTopic()] = true, true
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(empty)) {
		if used[topic] {
			continue
		}
		if err := l.send(ctx, l.retained(topic, component.RemovalPayload())); err != nil {
			return fmt.Errorf("remove what is gone: %w", err)
		}
	}
	return nil
}

// byDevice are the members of each device, sorted by id.
func (l *Link) byDevice() map[string][]*member {
	list := map[string][]*member{}
	for _, found := range l.sorted() {
		list[found.device()] = append(list[found.device()], found)
	}
	return list
}

// sorted are the members by their ids, so that messages are the same in each run.
func (l *Link) sorted() []*member {
	return slices.SortedFunc(maps.Values(l.members), func(a, b *member) int { return cmp.Compare(a.raw.ID(), b.raw.ID()) })
}
