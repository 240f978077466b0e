package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/internal/statusmetrics"
)

const (
	prefix           = "synapse_entity_"
	applicationLabel = "application"
)

// NewCollector makes the metrics of a store. They bear the id of its application, so that several stores can be
// registered.
func NewCollector(store *entity.Store) prometheus.Collector {
	labels := prometheus.Labels{applicationLabel: store.Status().Application}
	made := statusmetrics.New(prefix, labels, store.Status)
	addGauges(made)
	addCounters(made)
	return made
}

func addGauges(to *statusmetrics.Collector[entity.Status]) {
	to.Gauge("entities", "Entities that the program has defined.", func(s *entity.Status) float64 { return float64(s.Entities) })
	to.Gauge("unknown", "Entities of the database that the program has not defined.", func(s *entity.Status) float64 { return float64(s.Unknown) })
	to.Gauge("pending", "Entities whose last value is not in the database yet.", func(s *entity.Status) float64 { return float64(s.Queue.Pending) })
	to.Gauge("pending_seconds", "For how long the oldest value has waited that is not in the database yet.", func(s *entity.Status) float64 {
		if s.Queue.Oldest.IsZero() {
			return 0
		}
		return time.Since(s.Queue.Oldest).Seconds()
	})
	to.Gauge("failed_attempts", "Writes that have failed since the last one that succeeded.", func(s *entity.Status) float64 { return float64(s.Queue.Attempts) })
	to.Gauge("rejected", "Entities whose last value the database refuses.", func(s *entity.Status) float64 { return float64(s.Queue.RejectedKeys) })
	to.Gauge("stopped", "1 when nothing is written any more by this process, because another one has taken over.", func(s *entity.Status) float64 {
		return statusmetrics.Truth(s.Queue.Fatal != nil)
	})
	to.Gauge("last_write_timestamp_seconds", "When something was last written, in seconds since 1970; 0 when nothing was.", func(s *entity.Status) float64 {
		return statusmetrics.Seconds(s.Queue.LastWrite)
	})
}

func addCounters(to *statusmetrics.Collector[entity.Status]) {
	to.Counter("changes_total", "Changes that were to be written.", func(s *entity.Status) float64 { return float64(s.Queue.Put) })
	to.Counter("written_total", "Rows that were written: of the changes of an entity that came together, the last.", func(s *entity.Status) float64 { return float64(s.Queue.Written) })
	to.Counter("groups_total", "Transactions in which they were written.", func(s *entity.Status) float64 { return float64(s.Queue.Groups) })
	to.Counter("set_aside_total", "Rows, or parts of rows, that could not be used and were set aside.", func(s *entity.Status) float64 { return float64(len(s.Problems)) })
}
