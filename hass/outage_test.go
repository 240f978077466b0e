package hass_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestWhatEndsIsOffline(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	version := ofParts(lamp).of(s)
	command := dbtest.Process{Variable: programVariable, Work: version}.Start(t, s.log)
	seen.awaits(t, s.status(), "online")
	must(t, command.Process.Kill())
	_ = command.Wait() // it was killed
	seen.awaits(t, s.status(), "offline")
	running := version.run(t)
	seen.awaits(t, s.status(), "online")
	running.stop(t)
	seen.awaits(t, s.status(), "offline")
	same(t, "what was told of the status", []string{"online", "offline", "online", "offline"}, seen.payloads(s.status()))
	same(t, "what is retained of the status", "offline", s.retained(t)[s.status()])
}

func TestEverythingIsToldWhenHomeAssistantStarts(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	version := ofParts(lamp, porch).of(s)
	running := version.run(t)
	before := running.link.Status().Announced
	seen.forget()
	birth := component.HomeAssistantTopic(s.prefix)
	seen.publish(t, mqtt.Message{Topic: birth, Payload: []byte("offline"), QoS: 1})
	seen.publish(t, mqtt.Message{Topic: birth, Payload: []byte("online"), QoS: 1})
	dbtest.Await(t, func() bool { return running.link.Status().Announced.After(before) })
	running.stop(t)
	seen.awaits(t, s.status(), "offline")
	topics := slices.DeleteFunc(seen.topicsInOrder(), func(topic string) bool { return topic == birth })
	slices.Sort(topics)
	same(t, "topics that were published again", version.topics(), slices.Compact(topics))
}

// counting changes all of a program's entities for as long as it runs.
func (r *running) counting(t *testing.T, ids []string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for _, id := range ids {
		work.Go(func() {
			tick := time.NewTicker(3 * time.Millisecond) // so that there is some of the processor left for others
			defer tick.Stop()
			for ctx.Err() == nil {
				if _, err := r.next(ctx, id); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return func() { cancel(); work.Wait() }
}

func counters(count int) (version program, ids []string) {
	for i := range count {
		one := part{ID: fmt.Sprint("counter.", i), Platform: "sensor"}
		if i%2 == 1 {
			one.Device = "odd"
		}
		version.Parts = append(version.Parts, one)
		ids = append(ids, one.ID)
	}
	return version, ids
}

// isNewest compares what is retained with what the entities are.
func (r *running) isNewest(t *testing.T, s *scene, version program) {
	t.Helper()
	retained := s.retained(t)
	for _, one := range version.Parts {
		n := strconv.FormatInt(r.counters[one.ID].State(), 10)
		if state, note := retained[s.topic(one.ID, "state")], retained[s.topic(one.ID, "attributes")]; state != n || note != `{"note":"`+n+`"}` {
			t.Errorf("%s is %s, and retained is %s with %s", one.ID, n, state, note)
		}
	}
	same(t, "topics of which something is retained", version.topics(), s.topics(t))
	same(t, "the status", "online", retained[s.status()])
}

func TestBrokerRestartedUnderLoadHasTheNewest(t *testing.T) {
	t.Parallel()
	for name, persistent := range map[string]bool{"forgetful": false, "persistent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := dbtest.NewMosquitto(t, server.MosquittoOptions{Persistent: persistent})
			s := newScene(t, broker.URL())
			version, ids := counters(30)
			version = version.of(s)
			running := version.run(t)
			stop := running.counting(t, ids)
			var last time.Time
			for round := range 3 {
				if round == 1 {
					must(t, broker.Kill())
				}
				must(t, broker.Restart(t.Context()))
				last = time.Now()
				dbtest.Await(t, func() bool { return running.link.Status().Announced.After(last) })
			}
			stop()
			dbtest.Await(t, func() bool { return running.link.Status().Pending == 0 })
			running.isNewest(t, s, version)
		})
	}
}

func TestConnectionCutUnderLoadLosesNothingNew(t *testing.T) {
	t.Parallel()
	relay := dbtest.NewRelay(t, "tcp", dbtest.Mosquitto(t).Address())
	s := newScene(t, dbtest.Mosquitto(t).URL())
	version, ids := counters(30)
	version = version.of(s)
	through := version
	through.Broker = "mqtt://" + relay.Host + ":" + strconv.Itoa(relay.Port)
	running := through.run(t)
	stop := running.counting(t, ids)
	for range 5 {
		relay.Cut()
		before := time.Now()
		relay.Restore(t)
		dbtest.Await(t, func() bool { return running.link.Status().Announced.After(before) })
	}
	stop()
	dbtest.Await(t, func() bool { return running.link.Status().Pending == 0 })
	running.isNewest(t, s, version)
	if err := running.link.Status().LastError; err != nil {
		t.Errorf("an end of the connection, which is told elsewhere, is told as %v", err)
	}
}

// The program goes on without a broker, and what waits for one is no more than its entities.
//
//nolint:paralleltest // it looks at the memory of all
func TestNothingGrowsWithoutABroker(t *testing.T) {
	s := newScene(t, "mqtt://127.0.0.1:1")
	s.path = ":memory:"
	version, ids := counters(100)
	running, err := version.of(s).start(t.Context())
	must(t, err)
	t.Cleanup(func() { running.stop(t) })
	const changes = 10_000
	var memory [2]runtime.MemStats
	var goroutines [2]int
	for i := range memory {
		for n := range changes {
			_, err := running.next(t.Context(), ids[n%len(ids)])
			must(t, err)
		}
		must(t, running.store.Flush(t.Context()))
		if status := running.link.Status(); status.Pending != len(ids) || status.Published != 0 || status.Broker.Connected {
			t.Errorf("after %d changes: %+v", (i+1)*changes, status)
		}
		runtime.GC()
		runtime.ReadMemStats(&memory[i])
		goroutines[i] = runtime.NumGoroutine()
	}
	if grown := int64(memory[1].HeapAlloc) - int64(memory[0].HeapAlloc); grown > changes*64 || goroutines[1] > goroutines[0]+5 {
		t.Errorf("%d changes make it %d bytes larger, with %d goroutines after %d", changes, grown, goroutines[1], goroutines[0])
	}
}

func TestFastChangesAreToldAsTheBrokerTakesThem(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	version, ids := counters(50)
	version = version.of(s)
	running := version.run(t)
	const changes = 10_000
	for n := range changes {
		_, err := running.next(t.Context(), ids[n%len(ids)])
		must(t, err)
		if n%100 == 0 {
			if pending := running.link.Status().Pending; pending > len(ids) {
				t.Fatalf("%d of %d entities wait", pending, len(ids))
			}
		}
	}
	dbtest.Await(t, func() bool { return running.link.Status().Pending == 0 })
	running.isNewest(t, s, version)
	if published := running.link.Status().Published; published >= changes {
		t.Errorf("%d messages for %d changes: nothing was left out", published, changes)
	}
}

func TestRefusedMessageHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	broker := dbtest.NewMosquitto(t, server.MosquittoOptions{Settings: map[string]string{"max_packet_size": "2000"}})
	s := newScene(t, broker.URL())
	store := s.open(t)
	long := make([]byte, 3000)
	for i := range long {
		long[i] = 'x'
	}
	define(t, store, "long", 1.0, component.Sensor{}, func(d *hass.Definition[float64, attributes]) { d.Attributes.Note = string(long) })
	short := define(t, store, "short", 2.0, component.Sensor{})
	link := s.connect(t, store)
	settled(t, link)
	retained := s.retained(t)
	if retained[s.topic("short", "state")] != "2" || retained[s.topic("long", "state")] != "1" || retained[s.status()] != "online" {
		t.Errorf("retained is\n%s", lines(retained))
	}
	if status := link.Status(); status.Unsent != 1 || status.LastError == nil {
		t.Errorf("%+v", status)
	}
	must(t, short.Set(t.Context(), 3))
	dbtest.Await(t, func() bool { return link.Status().Pending == 0 })
	same(t, "the state", "3", s.retained(t)[s.topic("short", "state")])
}

// What a program without a right to write shows is what the database has.
func TestReadOnlyStoreIsShown(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	version := ofParts(lamp).of(s)
	running := version.run(t)
	_, err := running.next(t.Context(), "lamp")
	must(t, err)
	running.stop(t)
	version.Path = "file:" + version.Path + "?mode=ro"
	seen := s.observe(t)
	reading := version.run(t)
	if !reading.store.Status().ReadOnly {
		t.Fatal("the store can be written")
	}
	same(t, "the state", "1", s.retained(t)[s.topic("lamp", "state")])
	seen.command(t, s, "lamp", "5")
	dbtest.Await(t, func() bool { return reading.link.Status().Refused == 1 })
	dbtest.Await(t, func() bool { return reading.link.Status().Pending == 0 })
	same(t, "the state", "1", s.retained(t)[s.topic("lamp", "state")])
	reading.stop(t)
}

func TestLastValuesAreToldByClose(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	version, ids := counters(50)
	version = version.of(s)
	running := version.run(t)
	for _, id := range ids {
		_, err := running.next(t.Context(), id)
		must(t, err)
	}
	running.stop(t)
	retained := s.retained(t)
	for _, id := range ids {
		same(t, id, "1", retained[s.topic(id, "state")])
	}
	same(t, "the status", "offline", retained[s.status()])
}
