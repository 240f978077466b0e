package hass

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

const (
	// commandTimeout is how long a Durable entity may keep the next command waiting; it changes all the same.
	commandTimeout = 5 * time.Second
	// mostStrange is how many topics are remembered that nothing belongs to.
	mostStrange = 1000
)

// received takes what the broker sends, one message after the other. What is retained was meant for a former moment.
func (l *Link) received(message mqtt.Message) {
	if message.Retain {
		return
	}
	if message.Topic == component.HomeAssistantTopic(l.config.Prefix) {
		l.homeAssistant(string(message.Payload))
		return
	}
	found, there := l.commanded[message.Topic]
	if !there {
		l.strangeTopic(message.Topic)
		return
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-l.ctx.Done():
		return
	}
	if l.ctx.Err() == nil {
		l.answer(found, message)
	}
}

// answer applies a command, and has the state published in any case: Home Assistant may show another one already.
func (l *Link) answer(found *member, message mqtt.Message) {
	defer l.publishAgain(found)
	err := l.command(found, message.Payload)
	if _, deleted := errors.AsType[*entity.DeletedError](err); deleted {
		l.strangeTopic(message.Topic)
	} else if err != nil {
		l.refused(found, err)
	}
}

// homeAssistant hears that Home Assistant has started.
func (l *Link) homeAssistant(payload string) {
	if payload != online {
		return
	}
	l.mu.Lock()
	l.again = true
	l.mu.Unlock()
	l.wakeUp()
}

// strangeTopic says, once for each topic, that a command has come for what is not there.
func (l *Link) strangeTopic(topic string) {
	l.mu.Lock()
	known := l.strange[topic] || len(l.strange) >= mostStrange
	if !known {
		l.strange[topic] = true
	}
	l.status.Refused++
	l.mu.Unlock()
	if !known {
		l.config.Log.Warn("a command has come for an entity that is not there, or takes none", "application", l.application, "topic", topic)
	}
}

// command applies one.
func (l *Link) command(found *member, payload []byte) error {
	ctx, cancel := context.WithTimeout(l.ctx, commandTimeout)
	defer cancel()
	now := found.raw.Values().State
	wanted, err := found.component.Command(payload, now)
	if err != nil {
		return err
	}
	if found.onCommand != nil {
		if err := found.onCommand(ctx, string(payload), now, wanted); err != nil {
			return fmt.Errorf("OnCommand: %w", err)
		}
	}
	if err := l.apply(ctx, found, wanted); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Commands++
	return nil
}

// apply changes an entity. One that is durable has changed also when the database was away for longer than there was time.
func (l *Link) apply(ctx context.Context, found *member, wanted json.RawMessage) error {
	if found.unmanaged || !found.component.States() {
		return nil
	}
	err := found.raw.Set(ctx, wanted, nil)
	if err == nil || ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)) {
		return err
	}
	l.failed(fmt.Errorf("the entity %q has changed by a command, which is not in the database yet: %w", found.raw.ID(), err))
	return nil
}

// publishAgain has the state published even if the broker has it.
func (l *Link) publishAgain(found *member) {
	l.mu.Lock()
	found.stale = true
	l.dirty.add(found)
	l.mu.Unlock()
	l.wakeUp()
}

func (l *Link) refused(found *member, err error) {
	err = fmt.Errorf("the entity %q: %w", found.raw.ID(), err)
	l.mu.Lock()
	l.status.Refused++
	l.status.LastError = err
	l.mu.Unlock()
	l.config.Log.Warn("a command of Home Assistant was not applied", "application", l.application, "entity_id", found.raw.ID(), "error", err)
}
