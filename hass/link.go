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
	readOnly    bool
	client      *mqtt.Client
	register    *register
	members     map[string]*member // by entity
	commanded   map[string]*member // by the topic of their commands
	devices     map[string]component.Device

	ctx  context.Context //nolint:containedctx // it is the life of the link
	end  context.CancelFunc
	work sync.WaitGroup
	wake chan struct{} // holds one: the publisher is to look again
	turn chan struct{} // holds one while a command is applied, and from Close on
	done chan struct{} // closed when Close has come to its end

	mu      sync.Mutex
	session context.Context //nolint:containedctx // it ends with the connection; nil before the first
	dirty   dirty
	inHand  []*member // taken from dirty, and maybe not published yet
	again   bool      // Home Assistant has started, and wants to be told everything
	closing bool
	status  Status
	strange map[string]bool   // topics of commands for what is not there
	unsent  map[string]string // why the broker has refused messages, by their topics
}

// Connect shows the entities of a store that New has defined, from then on: it returns without waiting for the broker, and whatever is missed while there is none
// is published later, the newest values alone. Define all entities before. A store has one link at a time. Errors are about the config, about devices and about the store:
// *ConfigError, *component.ConfigurationError, *LinkedError, those of mqtt.Open and *entity.ClosedError. End it with Close, before the store's.
func Connect(ctx context.Context, store *entity.Store, config Config) (*Link, error) {
	link, err := connect(ctx, store, config)
	if err != nil {
		return nil, fmt.Errorf("connect to Home Assistant: %w", err)
	}
	return link, nil
}

func connect(ctx context.Context, store *entity.Store, config Config) (*Link, error) {
	status := store.Status()
	config, err := config.complete(status.Application)
	if err != nil {
		return nil, err
	}
	link := &Link{
		config: config, application: status.Application, readOnly: status.ReadOnly, members: map[string]*member{}, commanded: map[string]*member{},
		devices: map[string]component.Device{"": config.Device}, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1), done: make(chan struct{}),
		strange: map[string]bool{}, unsent: map[string]string{},
	}
	if err := link.collect(store); err != nil {
		return nil, err
	}
	if link.register, err = newRegister(store); err != nil {
		return nil, err
	}
	if err := link.register.use.take(link.application); err != nil {
		return nil, err
	}
	if err := link.open(ctx); err != nil {
		link.register.use.leave()
		return nil, err
	}
	return link, nil
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
		return err
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
// store and in Home Assistant. It waits for an OnCommand that is being called, whose context ends, and must not be called by one. A second call waits for the first.
func (l *Link) Close(ctx context.Context) error {
	l.mu.Lock()
	again := l.closing
	l.closing = true
	l.mu.Unlock()
	if again {
		select {
		case <-l.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer close(l.done)
	defer l.register.use.leave()
	l.end()
	select {
	case l.turn <- struct{}{}: // no command is applied from now on
	case <-ctx.Done():
	}
	for _, found := range l.members {
		found.stop()
	}
	l.work.Wait()
	err := l.goodbye(ctx)
	return errors.Join(err, l.client.Close(ctx))
}

// unhurried is how long Close may take to say that the application is offline when it has no time left.
const unhurried = 100 * time.Millisecond

// goodbye needs a connection: without one the broker has published the will, or will.
func (l *Link) goodbye(ctx context.Context) error {
	l.mu.Lock()
	session := l.session
	l.mu.Unlock()
	if session == nil || session.Err() != nil {
		return nil
	}
	last := l.publishDirty(ctx)
	message := l.retained(component.StatusTopic(l.application), []byte(offline))
	err := l.client.Publish(ctx, message)
	if err != nil && !errors.Is(err, mqtt.ErrOffline) {
		// The end of the connection is said to the broker behind this message, so that it takes both or publishes the will.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unhurried)
		defer cancel()
		message.QoS = 0
		err = errors.Join(err, l.client.Publish(ctx, message))
	}
	if err = errors.Join(last, err); err == nil || errors.Is(err, mqtt.ErrOffline) {
		return nil
	}
	return fmt.Errorf("publish the last values, and that the application is offline: %w", err)
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
	// Unsent are topics whose last message the broker has refused.
	Unsent int
	// LastError is why publishing, or a command, failed last; nil when none has.
	LastError error
}

// Application is the store's.
func (l *Link) Application() string { return l.application }

// Status tells how the link is. It waits for nothing.
func (l *Link) Status() Status {
	broker := l.client.Status()
	l.mu.Lock()
	defer l.mu.Unlock()
	status := l.status
	status.Broker, status.Entities, status.Pending = broker, len(l.members), l.dirty.with(l.inHand)
	status.Unsent = len(l.unsent)
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
