package mqtt_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestMoreMessagesAtOnceThanTheBrokerAllows(t *testing.T) {
	t.Parallel()
	broker := dbtest.NewMosquitto(t, server.MosquittoOptions{Settings: map[string]string{"max_inflight_messages": "2"}})
	eachProtocol(t, func(t *testing.T, protocol int) {
		var heard listener
		client := connect(t, mqtt.Config{URL: broker.URL(), Protocol: protocol, Subscribe: []string{t.Name()}, OnMessage: heard.take})
		var work sync.WaitGroup
		const many = 300
		for range many {
			work.Go(func() { publish(t, client, mqtt.Message{Topic: t.Name(), QoS: 1}) })
		}
		work.Wait()
		dbtest.Await(t, func() bool { return len(heard.messages()) == many })
		if err := client.Status().LastError; err != nil {
			t.Error(err)
		}
	})
}

func TestMessageThatIsTooLongForTheBroker(t *testing.T) {
	t.Parallel()
	broker := dbtest.NewMosquitto(t, server.MosquittoOptions{Settings: map[string]string{"max_packet_size": "1000"}})
	client := connect(t, mqtt.Config{URL: broker.URL()})
	err := client.Publish(t.Context(), mqtt.Message{Topic: "a", Payload: make([]byte, 1000), QoS: 1})
	if !isMessageError(err) || !strings.Contains(err.Error(), "1000 bytes") {
		t.Errorf("got %v", err)
	}
	publish(t, client, mqtt.Message{Topic: "a", Payload: make([]byte, 900), QoS: 1})
}

func TestMessageThatTheBrokerRefuses(t *testing.T) {
	t.Parallel()
	broker := dbtest.NewMosquitto(t, server.MosquittoOptions{ACL: []string{"topic readwrite open/#"}})
	client := connect(t, mqtt.Config{URL: broker.URL()})
	publish(t, client, mqtt.Message{Topic: "open/a", QoS: 1})
	err := client.Publish(t.Context(), mqtt.Message{Topic: "shut/a", QoS: 1})
	if refused, ok := errors.AsType[*mqtt.RefusedError](err); !ok || refused.Code != 0x87 || !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("got %v, want a RefusedError", err)
	}
}

// TestMessageThatIsTooLongToTake leaves out one message and takes the next, with MQTT 3.1.1, where a broker cannot be told.
func TestMessageThatIsTooLongToTake(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		url := dbtest.Mosquitto(t).URL()
		var heard listener
		taking := connect(t, mqtt.Config{URL: url, Protocol: protocol, Subscribe: []string{t.Name()}, OnMessage: heard.take})
		other := connect(t, mqtt.Config{URL: url})
		for qos := range byte(2) {
			publish(t, other, mqtt.Message{Topic: t.Name(), Payload: bytes.Repeat([]byte("long"), 1<<20), QoS: qos})
		}
		publish(t, other, mqtt.Message{Topic: t.Name(), Payload: []byte("short"), QoS: 1})
		heard.awaits(t, "short")
		if got := heard.messages(); len(got) != 1 || taking.Status().LastError != nil {
			t.Errorf("it took %d messages; %v", len(got), taking.Status().LastError)
		}
	})
}

func TestPublishThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	network := newFront(t, dbtest.Mosquitto(t).Address(), nil)
	client := connect(t, mqtt.Config{URL: network.url()})
	network.deaf.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Publish(ctx, mqtt.Message{Topic: t.Name(), QoS: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	network.cut() // so that Close need not wait for an answer
}
