package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/internal/statusmetrics"
)

const (
	prefix           = "synapse_hass_"
	applicationLabel = "application"
)

// NewCollector makes the metrics of a link. They bear the id of its application, so that several links can be registered.
func NewCollector(link *hass.Link) prometheus.Collector {
	labels := prometheus.Labels{applicationLabel: link.Application()}
	made := statusmetrics.New(prefix, labels, link.Status)
	addGauges(made)
	addCounters(made)
	return made
}

func addGauges(to *statusmetrics.Collector[hass.Status]) {
	to.Gauge("connected", "1 while there is a connection to the broker.", func(s *hass.Status) float64 {
		return statusmetrics.Truth(s.Broker.Connected)
	})
	to.Gauge("entities", "Entities that are shown in Home Assistant.", func(s *hass.Status) float64 { return float64(s.Entities) })
	to.Gauge("pending", "Entities whose newest value the broker has not taken yet.", func(s *hass.Status) float64 { return float64(s.Pending) })
	to.Gauge("unsent", "Topics whose last message the broker has refused.", func(s *hass.Status) float64 { return float64(s.Unsent) })
	to.Gauge("attempts", "Attempts to connect since there was a connection; while there is one, those that it took.", func(s *hass.Status) float64 {
		return float64(s.Broker.Attempts)
	})
	to.Gauge("connection_changed_timestamp_seconds", "Since when there is a connection, or none, in seconds since 1970.", func(s *hass.Status) float64 {
		return statusmetrics.Seconds(s.Broker.Since)
	})
	to.Gauge("announced_timestamp_seconds", "When Home Assistant was last told of all entities, in seconds since 1970; 0 before that.", func(s *hass.Status) float64 {
		return statusmetrics.Seconds(s.Announced)
	})
}

func addCounters(to *statusmetrics.Collector[hass.Status]) {
	to.Counter("published_total", "Messages that the broker has taken.", func(s *hass.Status) float64 { return float64(s.Published) })
	to.Counter("commands_total", "Commands of Home Assistant that were applied.", func(s *hass.Status) float64 { return float64(s.Commands) })
	to.Counter("refused_total", "Commands of Home Assistant that were not applied.", func(s *hass.Status) float64 { return float64(s.Refused) })
}
