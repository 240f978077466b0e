package mqtt_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

const processVariable = "SYNAPSE_MQTT_TEST_PROCESS"

// mortal is a process that is connected until it is killed.
type mortal struct {
	URL      string `json:"url"`
	Topic    string `json:"topic"`
	Protocol int    `json:"protocol"`
}

func (m mortal) Run(ctx context.Context) error {
	status := func(text string) mqtt.Message {
		return mqtt.Message{Topic: m.Topic, Payload: []byte(text), QoS: 1, Retain: true}
	}
	will := status("offline")
	up := make(chan struct{})
	client, err := mqtt.Open(mqtt.Config{URL: m.URL, Protocol: m.Protocol, Will: &will, OnUp: func(context.Context) { close(up) }})
	if err != nil {
		return err
	}
	<-up
	if err := client.Publish(ctx, status("online")); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestWillOfAProcessThatIsKilled(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		url, topic := dbtest.Mosquitto(t).URL(), t.Name()+rand.Text() // no message is left of an earlier run
		var heard listener
		connect(t, mqtt.Config{URL: url, Subscribe: []string{topic}, OnMessage: heard.take})
		var output bytes.Buffer
		process := dbtest.Process{Variable: processVariable, Work: mortal{URL: url, Topic: topic, Protocol: protocol}}.Start(t, &output)
		heard.awaits(t, "online")
		if err := process.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = process.Wait() // it was killed
		heard.awaits(t, "offline")
		var later listener
		connect(t, mqtt.Config{URL: url, Subscribe: []string{topic}, OnMessage: later.take})
		if kept := later.awaits(t, "offline"); !kept.Retain {
			t.Error("the will is not retained")
		}
	})
}

// TestCloseSendsWhatWasPublishedAndNoWill closes clients to which the broker is sending, so that something is always unread.
func TestCloseSendsWhatWasPublishedAndNoWill(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		url := dbtest.Mosquitto(t).URL()
		noise := connect(t, mqtt.Config{URL: url})
		flood, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for noise.Publish(flood, mqtt.Message{Topic: t.Name() + "/noise", Payload: make([]byte, 500)}) == nil {
			}
		}()
		var heard listener
		connect(t, mqtt.Config{URL: url, Subscribe: []string{t.Name() + "/said"}, OnMessage: heard.take})
		var want []string
		for round := range 4 {
			will := mqtt.Message{Topic: t.Name() + "/said", Payload: []byte("will"), QoS: 1}
			client := connect(t, mqtt.Config{URL: url, Protocol: protocol, Will: &will, Subscribe: []string{t.Name() + "/noise"}})
			for i := range 20 {
				want = append(want, fmt.Sprint(round, i))
				publish(t, client, mqtt.Message{Topic: will.Topic, Payload: []byte(want[len(want)-1])})
			}
			closeClient(t, client)
			if err := client.Publish(t.Context(), will); !errors.Is(err, mqtt.ErrClosed) {
				t.Errorf("publish after Close gives %v", err)
			}
		}
		stop()
		<-ended
		heard.awaits(t, want[len(want)-1])
		var got []string
		for _, each := range heard.messages() {
			got = append(got, string(each.Payload))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

// TestBrokerThatGoesAndComes publishes counters without an end while the broker is restarted and the network cut. What was acknowledged has come, in order.
func TestBrokerThatGoesAndComes(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		broker := dbtest.NewMosquitto(t, server.MosquittoOptions{Persistent: true})
		network := newFront(t, broker.Address(), nil)
		var ups, nested atomic.Int64
		config := mqtt.Config{URL: network.url(), Protocol: protocol, FirstBackOff: time.Millisecond, LongestBackOff: 20 * time.Millisecond}
		config.OnUp = func(ctx context.Context) {
			if nested.Add(1) > 1 {
				t.Error("OnUp is called while it runs")
			}
			ups.Add(1)
			<-ctx.Done()
			nested.Add(-1)
		}
		client := connect(t, config)
		var acknowledged, lost atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan int, 1)
		go func() { ended <- count(ctx, client, t.Name(), &acknowledged, &lost) }()
		for round := range 6 {
			before, known := ups.Load(), acknowledged.Load()
			dbtest.Await(t, func() bool { return acknowledged.Load() > known+20 })
			switch round % 3 {
			case 0:
				network.cut()
			case 1:
				if err := broker.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 2:
				if err := errors.Join(broker.Kill(), broker.Restart(t.Context())); err != nil {
					t.Fatal(err)
				}
			}
			dbtest.Await(t, func() bool { return ups.Load() > before })
		}
		known := acknowledged.Load()
		dbtest.Await(t, func() bool { return acknowledged.Load() > known })
		stop()
		last := <-ended
		awaitUp(t, client)
		publish(t, client, mqtt.Message{Topic: t.Name(), Payload: []byte(fmt.Sprint(last)), QoS: 1, Retain: true})
		var heard listener
		connect(t, mqtt.Config{URL: broker.URL(), Subscribe: []string{t.Name()}, OnMessage: heard.take})
		heard.awaits(t, fmt.Sprint(last))
		if client.Status().LastError == nil {
			t.Error("the status knows of no error")
		}
	})
}

// count publishes 1, 2, … until the context ends, each number until it is acknowledged, and returns the last one that was.
func count(ctx context.Context, client *mqtt.Client, topic string, acknowledged, lost *atomic.Int64) (last int) {
	for ctx.Err() == nil {
		message := mqtt.Message{Topic: topic, Payload: []byte(fmt.Sprint(last + 1)), QoS: 1, Retain: true}
		switch err := client.Publish(ctx, message); {
		case err == nil:
			last++
			acknowledged.Add(1)
		case !errors.Is(err, mqtt.ErrOffline) && ctx.Err() == nil:
			panic(err)
		default:
			lost.Add(1)
		}
	}
	return last
}

func TestNetworkThatGoesWithoutAWord(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		network := newFront(t, dbtest.Mosquitto(t).Address(), nil)
		client := connect(t, mqtt.Config{URL: network.url(), Protocol: protocol, KeepAlive: 100 * time.Millisecond, ConnectTimeout: 100 * time.Millisecond, FirstBackOff: time.Millisecond})
		network.deaf.Store(true)
		err := client.Publish(t.Context(), mqtt.Message{Topic: t.Name(), QoS: 1})
		if !errors.Is(err, mqtt.ErrOffline) {
			t.Errorf("publish gives %v, want ErrOffline", err)
		}
		dbtest.Await(t, func() bool { return client.Status().LastError != nil })
		if failure, ok := errors.AsType[*mqtt.ConnectError](client.Status().LastError); !ok || failure.Broker != network.url() {
			t.Errorf("the error is %v", client.Status().LastError)
		}
		network.deaf.Store(false)
		dbtest.Await(t, func() bool { return client.Publish(t.Context(), mqtt.Message{Topic: t.Name(), QoS: 1}) == nil })
	})
}

func TestCloseOfAConnectionThatIsStuck(t *testing.T) {
	t.Parallel()
	network := newFront(t, dbtest.Mosquitto(t).Address(), nil)
	client := connect(t, mqtt.Config{URL: network.url()})
	network.deaf.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	closeClient(t, client)
}

// TestSlowProgram does not return from OnMessage until the client, which has no room for messages, has sent signs of life for longer than the broker would have waited for one.
func TestSlowProgram(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		network := newFront(t, dbtest.Mosquitto(t).Address(), nil)
		var heard listener
		var nested atomic.Int64
		release := make(chan struct{})
		client := connect(t, mqtt.Config{
			URL: network.url(), Protocol: protocol, KeepAlive: time.Second, Subscribe: []string{t.Name()},
			OnMessage: func(message mqtt.Message) {
				if nested.Add(1) > 1 {
					t.Error("OnMessage is called while it runs")
				}
				<-release
				heard.take(message)
				nested.Add(-1)
			},
		})
		other := connect(t, mqtt.Config{URL: dbtest.Mosquitto(t).URL()})
		var want []string
		for i := range 200 {
			want = append(want, fmt.Sprint(i))
			publish(t, other, mqtt.Message{Topic: t.Name(), Payload: []byte(want[i])})
		}
		pings := network.pings.Load()
		dbtest.Await(t, func() bool { return network.pings.Load() > pings+4 })
		close(release)
		dbtest.Await(t, func() bool { return len(heard.messages()) == len(want) || client.Status().LastError != nil })
		var got []string
		for _, each := range heard.messages() {
			got = append(got, string(each.Payload))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if err := client.Status().LastError; err != nil {
			t.Errorf("the connection was lost: %v", err)
		}
	})
}

// TestWillOfAnOlderConnection connects again under the same name while the broker believes in the older connection. The will comes before what the new connection publishes.
func TestWillOfAnOlderConnection(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol int) {
		url, topic := dbtest.Mosquitto(t).URL(), t.Name()+rand.Text() // no message is left of an earlier run
		var heard listener
		connect(t, mqtt.Config{URL: url, Subscribe: []string{topic}, OnMessage: heard.take})
		status := func(text string) mqtt.Message {
			return mqtt.Message{Topic: topic, Payload: []byte(text), QoS: 1, Retain: true}
		}
		will := status("offline")
		network := newFront(t, dbtest.Mosquitto(t).Address(), nil)
		config := mqtt.Config{URL: network.url(), Protocol: protocol, ClientID: "older" + strings.ReplaceAll(topic, "/", ""), Will: &will, LongestBackOff: time.Hour, FirstBackOff: time.Hour}
		older := connect(t, config)
		publish(t, older, status("online 1"))
		network.deaf.Store(true)
		config.URL = url
		publish(t, connect(t, config), status("online 2"))
		heard.awaits(t, "online 2")
		publish(t, connect(t, mqtt.Config{URL: url}), status("end"))
		heard.awaits(t, "end")
		var got []string
		for _, each := range heard.messages() {
			got = append(got, string(each.Payload))
		}
		if want := []string{"online 1", "offline", "online 2", "end"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
