package hass

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

// announce tells Home Assistant which entities there are, and which are there no more.
func (l *Link) announce(ctx context.Context) error {
	before, err := l.register.known()
	if err != nil {
		return err
	}
	present := l.present()
	// First what may be told: after a crash in between the next run knows more than there is, not less.
	l.remember(ctx, l.register.set, union(before, present))
	todo := l.planOf(before, present)
	if err := l.carryOut(ctx, todo); err != nil {
		return err
	}
	l.remember(ctx, l.register.put, union(present, todo.left))
	return nil
}

func (l *Link) remember(ctx context.Context, by func(context.Context, []told) error, list []told) {
	if l.readOnly {
		return // whoever writes the database remembers
	}
	if err := by(ctx, list); err != nil && ctx.Err() == nil {
		l.failed(err)
		l.config.Log.WarnContext(ctx, "what Home Assistant knows is not written down yet", "application", l.application, "error", err)
	}
}

// carryOut removes, describes, and cleans up, in this order.
func (l *Link) carryOut(ctx context.Context, todo plan) error {
	for _, step := range todo.forget {
		payload, err := l.devicePayload(step.device, step.kept, step.gone...)
		if err == nil {
			err = l.send(ctx, l.retained(step.topic, payload))
		}
		if err != nil {
			return fmt.Errorf("remove what is gone: %w", err)
		}
	}
	if err := l.sendAll(ctx, todo.empty, component.RemovalPayload()); err != nil {
		return fmt.Errorf("remove what is gone: %w", err)
	}
	if err := l.sendAll(ctx, todo.migrate, component.MigrationPayload()); err != nil {
		return fmt.Errorf("go over to the other kind of discovery: %w", err)
	}
	if err := l.describe(ctx); err != nil {
		return fmt.Errorf("describe the entities: %w", err)
	}
	if err := l.sendAll(ctx, slices.Concat(todo.migrate, todo.values), component.RemovalPayload()); err != nil {
		return fmt.Errorf("remove what is gone: %w", err)
	}
	return nil
}

func (l *Link) sendAll(ctx context.Context, topics []string, payload []byte) error {
	for _, topic := range topics {
		if err := l.send(ctx, l.retained(topic, payload)); err != nil {
			return err
		}
	}
	return nil
}

// describe publishes the messages of discovery.
func (l *Link) describe(ctx context.Context) error {
	messages, err := l.messages()
	if err != nil {
		return err
	}
	for _, message := range messages {
		if err := l.send(ctx, message); err != nil {
			return err
		}
	}
	return nil
}

// messages are those of discovery. A device comes after the one by which it is reached, which Home Assistant is to know by then.
func (l *Link) messages() (list []mqtt.Message, err error) {
	members := l.byDevice()
	for _, device := range l.inOrder(members) {
		if l.config.Discovery == DeviceBased {
			payload, err := l.devicePayload(device, members[device])
			if err != nil {
				return nil, err
			}
			list = append(list, l.retained(component.DeviceTopic(l.config.Prefix, l.application, device), payload))
			continue
		}
		for _, found := range members[device] {
			payload, err := component.SinglePayload(l.head(device), component.Entry{Place: found.place, Component: found.component})
			if err != nil {
				return nil, err
			}
			topic := component.SingleTopic(l.config.Prefix, l.application, device, found.component.Platform(), found.raw.ID())
			list = append(list, l.retained(topic, payload))
		}
	}
	return list, nil
}

func (l *Link) devicePayload(device string, members []*member, gone ...component.Gone) ([]byte, error) {
	entries := make([]component.Entry, len(members))
	for i, found := range members {
		entries[i] = component.Entry{Place: found.place, Component: found.component}
	}
	return component.DevicePayload(l.head(device), entries, gone...)
}

// head describes a device. One that nothing is left of has its id for a name: it is about to be forgotten.
func (l *Link) head(device string) component.Head {
	described, known := l.devices[device]
	if !known {
		described = component.Device{ID: device, Name: device}
	}
	reachable := slices.ContainsFunc(slices.Collect(maps.Values(l.members)), func(one *member) bool { return one.device() == described.Via })
	return component.Head{Application: l.application, Device: described, Origin: l.config.Origin, WithoutVia: !reachable}
}

// byDevice are the members of each device, sorted by id.
func (l *Link) byDevice() map[string][]*member {
	list := map[string][]*member{}
	for _, found := range l.sorted() {
		list[found.device()] = append(list[found.device()], found)
	}
	return list
}

// inOrder sorts devices by how many others they are reached by, and then by id.
func (l *Link) inOrder(of map[string][]*member) []string {
	return slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(l.depth(a), l.depth(b)), cmp.Compare(a, b))
	})
}

// depth is by how many devices one is reached; more than there are for those that reach themselves.
func (l *Link) depth(device string) int {
	depth := 0
	for device != "" && depth <= len(l.devices) {
		device = l.devices[device].Via
		depth++
	}
	return depth
}

// sorted are the members by their ids, so that messages are the same in each run.
func (l *Link) sorted() []*member {
	return slices.SortedFunc(maps.Values(l.members), func(a, b *member) int { return cmp.Compare(a.raw.ID(), b.raw.ID()) })
}
