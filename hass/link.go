package hass

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

// Link keeps Home Assistant and a store alike, for as long as there is a broker.
type Link struct {
	config      Config
	application string
	client      *mqtt.Client
	register    *register
	members     map[string]*member // by entity
	commanded   map[string]*member // by the topic of their commands
	devices     map[string]component.Device

	ctx  context.Context //nolint:containedctx // it is the life of the link
	end  context.CancelFunc
	work sync.WaitGroup
	wake chan struct{} // holds one: the publisher is to look again

	mu      sync.Mutex
	session context.Context //nolint:containedctx // it ends with the connection; nil before the first
	dirty   dirty
	again   bool // Home Assistant has started, and wants to be told everything
	closing bool
	status  Status
	strange map[string]bool // topics of commands for what is not there
}

// Connect shows the entities of a store that New has defined, from then on: it returns without waiting for the broker, and whatever is missed while there is none
// is published later, the newest values alone. Define all entities before, and tell the store that it is Ready. Errors are about the config and about devices:
// *ConfigError, *component.ConfigurationError, those of mqtt.Open. End it with Close, before the store's.
func Connect(ctx context.Context, store *entity.Store, config Config) (*Link, error) {
	application := store.Status().Application
	config, err := config.complete(application)
	if err != nil {
		return nil, fmt.Errorf("connect to Home Assistant: %w", err)
	}
	link := &Link{
		config: config, application: application, members: map[string]*member{}, commanded: map[string]*member{},
		devices: map[string]component.Device{"": config.Device}, wake: make(chan struct{}, 1), strange: map[string]bool{},
	}
	if err := link.collect(store); err != nil {
		return nil, fmt.Errorf("connect to Home Assistant: %w", err)
	}
	if link.register, err = newRegister(store); err != nil {
		return nil, fmt.Errorf("connect to Home Assistant: %w", err)
	}
	return link, link.open(ctx)
}

func (l *Link) open(ctx context.Context) (err error) {
	l.ctx, l.end = context.WithCancel(context.WithoutCancel(ctx))
	broker := l.config.Broker
	status := component.StatusTopic(l.application)
	broker.Will = &mqtt.Message{Topic: status, Payload: []byte(offline), QoS: 1, Retain: true}
	broker.Subscribe = []string{component.Base(l.application) + "/+/set", component.HomeAssistantTopic(l.config.Prefix)}
	broker.OnUp, broker.OnMessage = l.up, l.received
	if l.client, err = mqtt.Open(broker); err != nil {
		l.end()
		return fmt.Errorf("connect to Home Assistant: %w", err)
	}
	for _, found := range l.members {
		found.stop = found.raw.OnChange(func(entity.RawChange) { l.changed(found) })
	}
	l.work.Go(l.publish)
	return nil
}

// What is published on the topic of the application's status.
const (
	online  = "online"
	offline = "offline"
)

// Close publishes what is not published yet, for as long as ctx lets it, says that the application is offline, and ends. Entities stay as they are, in the
// store and in Home Assistant.
func (l *Link) Close(ctx context.Context) error {
	l.mu.Lock()
	again := l.closing
	l.closing = true
	session := l.session
	l.mu.Unlock()
	if again {
		return nil
	}
	for _, found := range l.members {
		found.stop()
	}
	l.end()
	l.work.Wait()
	err := l.goodbye(ctx, session)
	return errors.Join(err, l.client.Close(ctx))
}

// goodbye needs a connection: without one the broker has published the will, or will.
func (l *Link) goodbye(ctx context.Context, session context.Context) error {
	if connected := session != nil && session.Err() == nil; !connected {
		return nil
	}
	if err := l.publishDirty(ctx); err != nil && !errors.Is(err, mqtt.ErrOffline) {
		return fmt.Errorf("publish the last values: %w", err)
	}
	err := l.client.Publish(ctx, l.retained(component.StatusTopic(l.application), []byte(offline)))
	if err != nil && !errors.Is(err, mqtt.ErrOffline) {
		return fmt.Errorf("publish that the application is offline: %w", err)
	}
	return nil
}

func (l *Link) retained(topic string, payload []byte) mqtt.Message {
	return mqtt.Message{Topic: topic, Payload: payload, QoS: 1, Retain: true}
}

// Status is how a link is. All is well while Broker.Connected is true and Pending small.
type Status struct {
	Broker mqtt.Status
	// Entities are those that are shown, Pending those whose newest value the broker has not taken yet.
	Entities, Pending int
	// Announced is when Home Assistant was last told of all entities; zero before that.
	Announced time.Time
	// Published counts messages that the broker has taken, Commands those from Home Assistant that were applied, Refused those that were not.
	Published, Commands, Refused uint64
	// LastError is why publishing, or a command, failed last; nil when none has.
	LastError error
}

// Status tells how the link is. It waits for nothing.
func (l *Link) Status() Status {
	broker := l.client.Status()
	l.mu.Lock()
	defer l.mu.Unlock()
	status := l.status
	status.Broker, status.Entities, status.Pending = broker, len(l.members), l.dirty.len()
	return status
}

func (l *Link) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.LastError = err
}

func (l *Link) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
