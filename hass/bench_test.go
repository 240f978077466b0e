package hass_test

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/internal/dbtest"
)

const benchedEntities = 1000

// benched is a store with many entities.
func (s *scene) benched(b *testing.B) (*entity.Store, []*entity.Entity[float64, attributes]) {
	b.Helper()
	s.path = ":memory:"
	store := s.open(b)
	list := make([]*entity.Entity[float64, attributes], benchedEntities)
	for i := range list {
		list[i] = define(b, store, "sensor."+strconv.Itoa(i), 20.5, component.Sensor{UnitOfMeasurement: "°C"})
	}
	must(b, store.Ready())
	return store, list
}

// BenchmarkConnect is how long it takes from Connect until 1,000 entities are described, with their states and attributes, at a broker on loopback.
func BenchmarkConnect(b *testing.B) {
	for name, kind := range map[string]hass.Discovery{"device": hass.DeviceBased, "component": hass.SingleComponent} {
		b.Run(name, func(b *testing.B) {
			s := newScene(b, dbtest.Mosquitto(b).URL())
			store, _ := s.benched(b)
			for b.Loop() {
				link := s.connect(b, store, func(c *hass.Config) { c.Discovery = kind })
				for link.Status().Announced.IsZero() {
					waitALittle(b.Context())
				}
				b.StopTimer()
				closed(b, link)
				b.StartTimer()
			}
		})
	}
}

// BenchmarkUpdates is how many changes a second entities take, and how many messages a second the broker.
func BenchmarkUpdates(b *testing.B) {
	s := newScene(b, dbtest.Mosquitto(b).URL())
	store, list := s.benched(b)
	link := s.connect(b, store)
	settled(b, link)
	before, begun := link.Status().Published, time.Now()
	n := 0
	for b.Loop() {
		n++
		if err := list[n%len(list)].Set(b.Context(), float64(n)); err != nil {
			b.Fatal(err)
		}
		if n%64 == 0 {
			runtime.Gosched()
		}
	}
	took := time.Since(begun).Seconds()
	published := link.Status().Published - before
	b.ReportMetric(float64(n)/took, "updates/s")
	b.ReportMetric(float64(published)/took, "messages/s")
	settled(b, link)
}
