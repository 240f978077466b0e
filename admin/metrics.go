package admin

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/synapsedb/synapse/background"
)

const (
	metricsPrefix = "synapse_background_update_"
	databaseLabel = "database_name" // as with the Python homeserver
	serverLabel   = "server_name"   // the same
)

// Metrics count what background updates do, in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry

	items    *prometheus.CounterVec
	failures *prometheus.CounterVec
	duration *prometheus.HistogramVec
	size     *prometheus.GaugeVec
}

// NewMetrics makes some for the updaters of one Config, with those of Go and of the process.
func NewMetrics() *Metrics {
	labels := []string{databaseLabel}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "items_total", Help: "Items that background updates have worked on in committed batches.",
		}, labels),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "failures_total", Help: "Batches of background updates that have failed.",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricsPrefix + "batch_duration_seconds", Help: "How long committed batches of background updates have taken.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}, labels),
		size: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: metricsPrefix + "batch_size", Help: "Items that the last batch of a background update was to have.",
		}, labels),
	}
	m.registry.MustRegister(m.items, m.failures, m.duration, m.size,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts the batches of a database; the function is the OnBatch of its updater.
func (m *Metrics) Observe(database string) func(background.Report) {
	items, failures := m.items.WithLabelValues(database), m.failures.WithLabelValues(database)
	duration, size := m.duration.WithLabelValues(database), m.size.WithLabelValues(database)
	return func(report background.Report) {
		if report.Size > 0 { // it is 0 when the batch was not begun
			size.Set(float64(report.Size))
		}
		if report.Err != nil {
			failures.Inc()
			return
		}
		items.Add(float64(report.Items))
		duration.Observe(report.Duration.Seconds())
	}
}

// watch adds what is known by asking the updaters.
func (m *Metrics) watch(updaters []*background.Updater, serverName string) error {
	if err := m.registry.Register(newStatusCollector(updaters, serverName)); err != nil {
		return fmt.Errorf("metrics belong to one handler of the admin API only: %w", err)
	}
	for _, updater := range updaters {
		m.Observe(updater.Status().Database) // so that a database without batches has its zeros
	}
	return nil
}

func (m *Metrics) handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError)})
}

// statusCollector asks updaters, which asks no database.
type statusCollector struct {
	updaters                  []*background.Updater
	status, pending, setAside *prometheus.Desc
}

func newStatusCollector(updaters []*background.Updater, serverName string) *statusCollector {
	labels, status := []string{databaseLabel}, prometheus.Labels{}
	if serverName != "" {
		status[serverLabel] = serverName
	}
	return &statusCollector{
		updaters: updaters,
		status: prometheus.NewDesc(metricsPrefix+"status",
			"What the background updates are at: -1 some are left, 0 disabled, 1 not started, 2 running, 3 complete.", labels, status),
		pending: prometheus.NewDesc(metricsPrefix+"pending",
			"Background updates that were unfinished at the last look, those that were set aside among them.", labels, nil),
		setAside: prometheus.NewDesc(metricsPrefix+"set_aside",
			"Background updates that were set aside at the last look because they had failed too often.", labels, nil),
	}
}

// Describe lists them.
func (c *statusCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.status
	to <- c.pending
	to <- c.setAside
}

// Collect gives those of every database.
func (c *statusCollector) Collect(to chan<- prometheus.Metric) {
	for _, updater := range c.updaters {
		status := updater.Status()
		for desc, value := range map[*prometheus.Desc]int{c.status: int(status.State), c.pending: status.Pending, c.setAside: status.SetAside} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), status.Database)
		}
	}
}
