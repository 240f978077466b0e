package mqtt_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// listener keeps what OnMessage gets.
type listener struct {
	mutex sync.Mutex
	got   []mqtt.Message
}

func (l *listener) take(message mqtt.Message) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.got = append(l.got, message)
}

func (l *listener) messages() []mqtt.Message {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]mqtt.Message(nil), l.got...)
}

// awaits returns when a message with a payload has come.
func (l *listener) awaits(t testing.TB, payload string) mqtt.Message {
	t.Helper()
	var found mqtt.Message
	dbtest.Await(t, func() bool {
		for _, each := range l.messages() {
			if bytes.Equal(each.Payload, []byte(payload)) {
				found = each
				return true
			}
		}
		return false
	})
	return found
}

// open opens a client that ends with the test.
func open(t testing.TB, config mqtt.Config) *mqtt.Client {
	t.Helper()
	client, err := mqtt.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeClient(t, client) })
	return client
}

func closeClient(t testing.TB, client *mqtt.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := client.Close(ctx); err != nil {
		t.Error(err)
	}
}

// connect opens a client, and waits until it is connected.
func connect(t testing.TB, config mqtt.Config) *mqtt.Client {
	t.Helper()
	client := open(t, config)
	awaitUp(t, client)
	return client
}

func awaitUp(t testing.TB, client *mqtt.Client) {
	t.Helper()
	dbtest.Await(t, func() bool { return client.Status().Connected })
}

func publish(t testing.TB, client *mqtt.Client, message mqtt.Message) {
	t.Helper()
	if err := client.Publish(t.Context(), message); err != nil {
		t.Fatal(err)
	}
}

// eachProtocol runs a test with MQTT 5 and with 3.1.1.
func eachProtocol(t *testing.T, test func(t *testing.T, protocol int)) {
	t.Helper()
	for name, protocol := range map[string]int{"5": 5, "3.1.1": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, protocol)
		})
	}
}

func TestMessagesComeAsTheyWerePublished(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		topic := t.Name()
		var heard listener
		client := connect(t, mqtt.Config{
			URL: dbtest.Mosquitto(t).URL(), Protocol: protocol, Subscribe: []string{topic + "/#"}, OnMessage: heard.take,
		})
		sent := []mqtt.Message{
			{Topic: topic + "/a", Payload: []byte("at most once")},
			{Topic: topic + "/a", Payload: []byte("at least once"), QoS: 1},
			{Topic: topic + "/b/c", Payload: bytes.Repeat([]byte{0, 1, 255}, 5_000), QoS: 1},
			{Topic: topic + "/d", Payload: []byte{}, QoS: 1},
			{Topic: topic + "/ü", Payload: []byte("end"), QoS: 1},
		}
		for _, each := range sent {
			publish(t, client, each)
		}
		heard.awaits(t, "end")
		if diff := cmp.Diff(sent, heard.messages()); diff != "" {
			t.Error(diff)
		}
		if got := client.Status(); got.Protocol != protocol || got.Broker != dbtest.Mosquitto(t).URL() || got.Attempts != 1 || got.LastError != nil {
			t.Errorf("the status is %+v", got)
		}
	})
}
