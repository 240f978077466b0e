package hass

import (
	"context"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

const (
	// commandTimeout is how long a Durable entity may keep the next command waiting; it changes all the same.
	commandTimeout = 5 * time.Second
	// mostStrange is how many topics are remembered that nothing belongs to.
	mostStrange = 1000
)

// received takes what the broker sends, one message after the other.
func (l *Link) received(message mqtt.Message) {
	if message.Topic == component.HomeAssistantTopic(l.config.Prefix) {
		l.homeAssistant(string(message.Payload))
		return
	}
	if message.Retain {
		return // it was meant for a former moment
	}
	found, there := l.commanded[message.Topic]
	if !there {
		l.strangeTopic(message.Topic)
		return
	}
	if err := l.command(found, message.Payload); err != nil {
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

// command applies one. The state is published afterwards also when it is as it was: Home Assistant may show another one already.
func (l *Link) command(found *member, payload []byte) error {
	ctx, cancel := context.WithTimeout(l.ctx, commandTimeout)
	defer cancel()
	defer l.publishAgain(found)
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
	if !found.unmanaged {
		if err := found.raw.Set(ctx, wanted, nil); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Commands++
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
