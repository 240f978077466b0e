package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/synapsedb/synapse/hass"
)

const (
	prefix           = "synapse_hass_"
	applicationLabel = "application"
)

// Collector is a prometheus.Collector of one link.
type Collector struct {
	link    *hass.Link
	metrics []metric
}

// metric is one number of a Status.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(status *hass.Status) float64
}

// NewCollector makes the metrics of a link. They bear the id of its application, so that several links can be registered.
func NewCollector(link *hass.Link) *Collector {
	made := &Collector{link: link}
	labels := prometheus.Labels{applicationLabel: link.Application()}
	add := func(kind prometheus.ValueType, name, help string, value func(*hass.Status) float64) {
		made.metrics = append(made.metrics, metric{prometheus.NewDesc(prefix+name, help, nil, labels), kind, value})
	}
	made.addGauges(add)
	made.addCounters(add)
	return made
}

type adder func(kind prometheus.ValueType, name, help string, value func(*hass.Status) float64)

func (c *Collector) addGauges(add adder) {
	gauge := func(name, help string, value func(*hass.Status) float64) {
		add(prometheus.GaugeValue, name, help, value)
	}
	gauge("connected", "1 while there is a connection to the broker.", func(s *hass.Status) float64 {
		if s.Broker.Connected {
			return 1
		}
		return 0
	})
	gauge("entities", "Entities that are shown in Home Assistant.", func(s *hass.Status) float64 { return float64(s.Entities) })
	gauge("pending", "Entities whose newest value the broker has not taken yet.", func(s *hass.Status) float64 { return float64(s.Pending) })
	gauge("unsent", "Topics whose last message the broker has refused.", func(s *hass.Status) float64 { return float64(s.Unsent) })
	gauge("attempts", "Attempts to connect since there was a connection; while there is one, those that it took.", func(s *hass.Status) float64 {
		return float64(s.Broker.Attempts)
	})
	gauge("connection_changed_timestamp_seconds", "Since when there is a connection, or none, in seconds since 1970.", func(s *hass.Status) float64 {
		return seconds(s.Broker.Since)
	})
	gauge("announced_timestamp_seconds", "When Home Assistant was last told of all entities, in seconds since 1970; 0 before that.", func(s *hass.Status) float64 {
		return seconds(s.Announced)
	})
}

func (c *Collector) addCounters(add adder) {
	counter := func(name, help string, value func(*hass.Status) float64) {
		add(prometheus.CounterValue, name, help, value)
	}
	counter("published_total", "Messages that the broker has taken.", func(s *hass.Status) float64 { return float64(s.Published) })
	counter("commands_total", "Commands of Home Assistant that were applied.", func(s *hass.Status) float64 { return float64(s.Commands) })
	counter("refused_total", "Commands of Home Assistant that were not applied.", func(s *hass.Status) float64 { return float64(s.Refused) })
}

func seconds(moment time.Time) float64 {
	if moment.IsZero() {
		return 0
	}
	return float64(moment.UnixMilli()) / 1000
}

// Describe lists the metrics.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, one := range c.metrics {
		to <- one.desc
	}
}

// Collect gives their values, all of one Status.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	status := c.link.Status()
	for _, one := range c.metrics {
		to <- prometheus.MustNewConstMetric(one.desc, one.kind, one.value(&status))
	}
}
