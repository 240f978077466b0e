package hass

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

const (
	// roundMembers is how many entities are published together. What changes meanwhile is published in the next round, so
	// that two messages of a topic never pass one another.
	roundMembers = 256
	// atOnce is how many messages wait for the broker's acknowledgement at a time.
	atOnce = 64
	// birthJitter is the longest wait before everything is published again because Home Assistant has started: other programs do the same.
	birthJitter = 500 * time.Millisecond
	// retryAfter is the wait after a failure that is not the connection's.
	retryAfter = time.Second
)

// up is called with each connection.
func (l *Link) up(session context.Context) {
	l.mu.Lock()
	l.session = session
	l.mu.Unlock()
	l.wakeUp()
}

// changed is called with each significant change of an entity.
func (l *Link) changed(found *member) {
	l.mu.Lock()
	l.dirty.add(found)
	l.mu.Unlock()
	l.wakeUp()
}

// publish serves one connection after the other.
func (l *Link) publish() {
	for session := l.next(); session != nil; session = l.next() {
		err := l.serve(session)
		if errors.Is(err, mqtt.ErrOffline) { // which is known a little before the session has ended
			select {
			case <-session.Done():
			case <-l.ctx.Done():
			}
		}
		if session.Err() != nil || l.ctx.Err() != nil {
			continue
		}
		l.failed(err)
		l.config.Log.Warn("publishing for Home Assistant failed, and is tried again", "application", l.application, "error", err)
		_ = engine.Wait(l.ctx, retryAfter) // its end is seen by next
	}
}

// next waits for a connection that lasts; nil at the end.
func (l *Link) next() context.Context {
	for l.ctx.Err() == nil {
		l.mu.Lock()
		session := l.session
		l.mu.Unlock()
		if session != nil && session.Err() == nil {
			return session
		}
		select {
		case <-l.ctx.Done():
		case <-l.wake:
		}
	}
	return nil
}

// serve tells everything, and then what changes, until the connection or the link ends.
func (l *Link) serve(session context.Context) error {
	ctx, cancel := context.WithCancel(session)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	if err := l.everything(ctx); err != nil {
		return err
	}
	for {
		if err := l.publishDirty(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.wake:
		}
		if l.reborn() {
			if err := engine.Wait(ctx, rand.N(birthJitter)); err != nil {
				return err
			}
			if err := l.everything(ctx); err != nil {
				return err
			}
		}
	}
}

// reborn reports, once, that Home Assistant has started.
func (l *Link) reborn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	again := l.again
	l.again = false
	return again
}

// everything tells of the entities, of their values, and then that the application is there.
func (l *Link) everything(ctx context.Context) error {
	l.reborn() // what that would have told is told now
	if err := l.announce(ctx); err != nil {
		return err
	}
	all := l.sorted()
	l.mu.Lock()
	for _, found := range all {
		found.state, found.attributes = nil, nil
		l.dirty.add(found)
	}
	l.mu.Unlock()
	if err := l.publishDirty(ctx); err != nil {
		return err
	}
	if err := l.send(ctx, l.retained(component.StatusTopic(l.application), []byte(online))); err != nil {
		return err
	}
	l.mu.Lock()
	l.status.Announced = time.Now()
	l.mu.Unlock()
	return nil
}

// publishDirty publishes the newest values of what has changed by now. What changes meanwhile is left to the next call, so that this one comes to an end
// however fast it is.
func (l *Link) publishDirty(ctx context.Context) error {
	l.mu.Lock()
	rest := l.dirty.len()
	l.mu.Unlock()
	for rest > 0 {
		l.mu.Lock()
		round := l.dirty.take(min(rest, roundMembers))
		l.inHand = round
		l.mu.Unlock()
		rest -= len(round)
		err := l.publishRound(ctx, round)
		l.mu.Lock()
		l.inHand = nil
		for _, one := range round {
			if err != nil {
				l.dirty.add(one)
			}
		}
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Link) publishRound(ctx context.Context, round []*member) error {
	var work errgroup.Group
	work.SetLimit(atOnce)
	for _, one := range round {
		work.Go(func() error { return l.publishMember(ctx, one) })
	}
	return work.Wait()
}

// publishMember publishes what the broker does not have already.
func (l *Link) publishMember(ctx context.Context, one *member) error {
	stale := l.takeStale(one) // before the values: a command may make both new
	err := l.publishValues(ctx, one, stale)
	if err != nil && stale {
		l.mu.Lock()
		one.stale = true
		l.mu.Unlock()
	}
	return err
}

func (l *Link) publishValues(ctx context.Context, one *member, stale bool) error {
	values := one.raw.Values()
	attributes, err := component.Attributes(values.Attributes)
	if err == nil && !bytes.Equal(attributes, one.attributes) {
		if err := l.send(ctx, l.retained(one.place.AttributesTopic(), attributes)); err != nil {
			return err
		}
		one.attributes = attributes
	}
	state, problem := one.statePayload(values.State)
	if err = errors.Join(err, problem); err != nil {
		l.untold(one, err)
		return nil
	}
	one.problem = ""
	if state == nil || !stale && one.state != nil && bytes.Equal(state, one.state) {
		return nil
	}
	if err := l.send(ctx, l.retained(one.place.StateTopic(), state)); err != nil {
		return err
	}
	one.state = state
	return nil
}

func (l *Link) takeStale(one *member) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	stale := one.stale
	one.stale = false
	return stale
}

// untold says, once, that a state cannot be told.
func (l *Link) untold(one *member, err error) {
	if one.problem == err.Error() {
		return
	}
	one.problem = err.Error()
	err = fmt.Errorf("the entity %q: %w", one.raw.ID(), err)
	l.failed(err)
	l.config.Log.Error("a state cannot be told to Home Assistant", "application", l.application, "entity_id", one.raw.ID(), "error", err)
}

// send publishes, and counts. What the broker refuses is none of the connection's faults: the others are published all the same.
func (l *Link) send(ctx context.Context, message mqtt.Message) error {
	err := l.client.Publish(ctx, message)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.status.Published++
		delete(l.unsent, message.Topic)
		return nil
	}
	_, refused := errors.AsType[*mqtt.RefusedError](err)
	_, impossible := errors.AsType[*mqtt.MessageError](err)
	if !refused && !impossible {
		return fmt.Errorf("publish %s: %w", message.Topic, err)
	}
	l.refusedMessage(message.Topic, err)
	return nil
}

// refusedMessage says, once, that the broker does not take a message.
func (l *Link) refusedMessage(topic string, err error) {
	l.mu.Lock()
	known := l.unsent[topic] == err.Error()
	l.unsent[topic], l.status.LastError = err.Error(), err
	l.mu.Unlock()
	if !known {
		l.config.Log.Error("the broker does not take a message for Home Assistant", "application", l.application, "topic", topic, "error", err)
	}
}
