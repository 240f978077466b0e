package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/synapsedb/synapse/entity"
)

const (
	prefix           = "synapse_entity_"
	applicationLabel = "application"
)

// Collector is a prometheus.Collector of one store.
type Collector struct {
	store   *entity.Store
	metrics []metric
}

// metric is one number of a Status.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(status *entity.Status) float64
}

// NewCollector makes the metrics of a store. They bear the id of its application, so that several stores can be
// registered.
func NewCollector(store *entity.Store) *Collector {
	made := &Collector{store: store}
	labels := prometheus.Labels{applicationLabel: store.Status().Application}
	add := func(kind prometheus.ValueType, name, help string, value func(*entity.Status) float64) {
		made.metrics = append(made.metrics, metric{prometheus.NewDesc(prefix+name, help, nil, labels), kind, value})
	}
	made.addGauges(add)
	made.addCounters(add)
	return made
}

type adder func(kind prometheus.ValueType, name, help string, value func(*entity.Status) float64)

func (c *Collector) addGauges(add adder) {
	gauge := func(name, help string, value func(*entity.Status) float64) {
		add(prometheus.GaugeValue, name, help, value)
	}
	gauge("entities", "Entities that the program has defined.", func(s *entity.Status) float64 { return float64(s.Entities) })
	gauge("unknown", "Entities of the database that the program has not defined.", func(s *entity.Status) float64 { return float64(s.Unknown) })
	gauge("pending", "Entities whose last value is not in the database yet.", func(s *entity.Status) float64 { return float64(s.Queue.Pending) })
	gauge("pending_seconds", "For how long the oldest value has waited that is not in the database yet.", func(s *entity.Status) float64 {
		if s.Queue.Oldest.IsZero() {
			return 0
		}
		return time.Since(s.Queue.Oldest).Seconds()
	})
	gauge("failed_attempts", "Writes that have failed since the last one that succeeded.", func(s *entity.Status) float64 { return float64(s.Queue.Attempts) })
	gauge("rejected", "Entities whose last value the database refuses.", func(s *entity.Status) float64 { return float64(s.Queue.RejectedKeys) })
	gauge("stopped", "1 when nothing is written any more by this process, because another one has taken over.", func(s *entity.Status) float64 {
		if s.Queue.Fatal != nil {
			return 1
		}
		return 0
	})
	gauge("last_write_timestamp_seconds", "When something was last written, in seconds since 1970; 0 when nothing was.", func(s *entity.Status) float64 {
		if s.Queue.LastWrite.IsZero() {
			return 0
		}
		return float64(s.Queue.LastWrite.UnixMilli()) / 1000
	})
}

func (c *Collector) addCounters(add adder) {
	counter := func(name, help string, value func(*entity.Status) float64) {
		add(prometheus.CounterValue, name, help, value)
	}
	counter("changes_total", "Changes that were to be written.", func(s *entity.Status) float64 { return float64(s.Queue.Put) })
	counter("written_total", "Rows that were written: of the changes of an entity that came together, the last.", func(s *entity.Status) float64 { return float64(s.Queue.Written) })
	counter("groups_total", "Transactions in which they were written.", func(s *entity.Status) float64 { return float64(s.Queue.Groups) })
	counter("set_aside_total", "Rows, or parts of rows, that could not be used and were set aside.", func(s *entity.Status) float64 { return float64(len(s.Problems)) })
}

// Describe lists the metrics.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, one := range c.metrics {
		to <- one.desc
	}
}

// Collect gives their values, all of one Status.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	status := c.store.Status()
	for _, one := range c.metrics {
		to <- prometheus.MustNewConstMetric(one.desc, one.kind, one.value(&status))
	}
}
