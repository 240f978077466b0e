package hass_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[program](programVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

// scene is a program: its database, and its topics at a broker. Tests share a broker, and so each has an application and a prefix of its own.
type scene struct {
	broker      string // the URL
	path        string
	application string
	prefix      string
	log         *logged
}

func newScene(t testing.TB, broker string) *scene {
	t.Helper()
	return &scene{
		broker: broker, path: filepath.Join(t.TempDir(), "entities.db"), application: t.Name(), prefix: component.Topic(t.Name()), log: &logged{},
	}
}

// open opens the store until it is closed, or the test ends.
func (s *scene) open(t testing.TB) *entity.Store {
	t.Helper()
	store, err := entity.Open(t.Context(), entity.Config{
		Application: s.application, URL: s.path, IgnoreEnvironment: true, Delay: time.Millisecond, Log: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	must(t, err)
	t.Cleanup(func() { closed(t, store) })
	return store
}

func (s *scene) config(changes ...func(*hass.Config)) hass.Config {
	config := hass.Config{
		Broker: mqtt.Config{URL: s.broker, FirstBackOff: time.Millisecond, LongestBackOff: 20 * time.Millisecond}, Prefix: s.prefix,
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	return config
}

// connect makes a link that ends with the test, or before.
func (s *scene) connect(t testing.TB, store *entity.Store, changes ...func(*hass.Config)) *hass.Link {
	t.Helper()
	link, err := hass.Connect(t.Context(), store, s.config(changes...))
	must(t, err)
	t.Cleanup(func() { closed(t, link) })
	return link
}

// announced waits until Home Assistant is told of everything.
func announced(t testing.TB, link *hass.Link) {
	t.Helper()
	dbtest.Await(t, func() bool { return !link.Status().Announced.IsZero() })
}

// settled waits until the broker has everything.
func settled(t testing.TB, link *hass.Link) {
	t.Helper()
	announced(t, link)
	dbtest.Await(t, func() bool { return link.Status().Pending == 0 })
}

func (s *scene) topic(id, kind string) string {
	return component.Base(s.application) + "/" + component.Topic(id) + "/" + kind
}

func (s *scene) status() string { return component.StatusTopic(s.application) }

// observer sees all that is published of a scene.
type observer struct {
	client *mqtt.Client

	mu   sync.Mutex
	seen []mqtt.Message
	last map[string]string // by topic
}

// observe subscribes to all topics of a scene, until the test ends.
func (s *scene) observe(t testing.TB) *observer {
	t.Helper()
	made := &observer{last: map[string]string{}}
	client, err := mqtt.Open(mqtt.Config{
		URL: s.broker, Subscribe: []string{component.Base(s.application) + "/#", s.prefix + "/#"}, OnMessage: made.take,
		FirstBackOff: time.Millisecond, LongestBackOff: 10 * time.Millisecond,
	})
	must(t, err)
	t.Cleanup(func() { closed(t, client) })
	made.client = client
	made.publish(t, mqtt.Message{Topic: s.prefix + "/observer", Payload: []byte("there"), QoS: 1})
	made.awaits(t, s.prefix+"/observer", "there")
	return made
}

func (o *observer) take(message mqtt.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, message)
	o.last[message.Topic] = string(message.Payload)
}

// publish sends a message as soon as there is a connection.
func (o *observer) publish(t testing.TB, message mqtt.Message) {
	t.Helper()
	dbtest.Await(t, func() bool { return o.client.Publish(t.Context(), message) == nil })
}

// command sends one, as Home Assistant does.
func (o *observer) command(t testing.TB, s *scene, id, payload string) {
	t.Helper()
	o.publish(t, mqtt.Message{Topic: s.topic(id, "set"), Payload: []byte(payload), QoS: 1})
}

// awaits returns when the last message of a topic is this one.
func (o *observer) awaits(t testing.TB, topic, payload string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		o.mu.Lock()
		last, there := o.last[topic]
		o.mu.Unlock()
		if there && last == payload {
			return
		}
		waitALittle(ctx)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	t.Fatalf("%s: there is no %q, but:\n%s", topic, payload, lines(o.last))
}

// payloads are all that were seen of a topic, in their order.
func (o *observer) payloads(topic string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for _, message := range o.seen {
		if message.Topic == topic {
			list = append(list, string(message.Payload))
		}
	}
	return list
}

// forget forgets what was seen.
func (o *observer) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = nil
	clear(o.last)
}

func waitALittle(ctx context.Context) {
	timer := time.NewTimer(2 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func lines(of map[string]string) string {
	var text strings.Builder
	for topic, payload := range of {
		text.WriteString(topic + ": " + payload + "\n")
	}
	return text.String()
}

// retained is what the broker keeps of a scene now.
func (s *scene) retained(t testing.TB) map[string]string {
	t.Helper()
	seen := &observer{last: map[string]string{}}
	kept := map[string]string{}
	client, err := mqtt.Open(mqtt.Config{
		URL: s.broker, Subscribe: []string{component.Base(s.application) + "/#", s.prefix + "/#"}, FirstBackOff: time.Millisecond,
		OnMessage: func(message mqtt.Message) {
			seen.take(message)
			if message.Retain {
				seen.mu.Lock()
				kept[message.Topic] = string(message.Payload)
				seen.mu.Unlock()
			}
		},
	})
	must(t, err)
	seen.client = client
	// What is kept comes before what is published afterwards.
	end := s.prefix + "/end"
	seen.publish(t, mqtt.Message{Topic: end, Payload: []byte("end"), QoS: 1})
	seen.awaits(t, end, "end")
	closed(t, client)
	return maps.Clone(kept)
}

func object(t testing.TB, payload string) map[string]any {
	t.Helper()
	var made map[string]any
	if err := json.Unmarshal([]byte(payload), &made); err != nil {
		t.Fatalf("%q: %v", payload, err)
	}
	return made
}

// define defines an entity for Home Assistant.
func define[State any](t testing.TB, store *entity.Store, id string, state State, shown component.Component, changes ...func(*hass.Definition[State, attributes])) *entity.Entity[State, attributes] {
	t.Helper()
	definition := hass.Definition[State, attributes]{
		Definition: entity.Definition[State, attributes]{ID: id, Name: "The " + id, State: state}, Component: shown,
	}
	for _, change := range changes {
		change(&definition)
	}
	made, err := hass.New(store, definition)
	must(t, err)
	return made
}

type attributes struct {
	Note string `json:"note,omitempty"`
}

type closer interface {
	Close(ctx context.Context) error
}

func closed(t testing.TB, opened closer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := opened.Close(ctx); err != nil {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
