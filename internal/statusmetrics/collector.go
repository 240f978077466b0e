package statusmetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector is a prometheus.Collector of the numbers in a Status.
type Collector[Status any] struct {
	prefix  string
	labels  prometheus.Labels
	status  func() Status
	metrics []metric[Status]
}

// metric is one number of a Status.
type metric[Status any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(status *Status) float64
}

// New makes a collector without metrics yet. Their names begin with the prefix, and all bear the labels.
func New[Status any](prefix string, labels prometheus.Labels, status func() Status) *Collector[Status] {
	return &Collector[Status]{prefix: prefix, labels: labels, status: status}
}

// Gauge adds a number that goes up and down.
func (c *Collector[Status]) Gauge(name, help string, value func(*Status) float64) {
	c.add(prometheus.GaugeValue, name, help, value)
}

// Counter adds a number that only grows; its name ends in _total.
func (c *Collector[Status]) Counter(name, help string, value func(*Status) float64) {
	c.add(prometheus.CounterValue, name, help, value)
}

func (c *Collector[Status]) add(kind prometheus.ValueType, name, help string, value func(*Status) float64) {
	c.metrics = append(c.metrics, metric[Status]{prometheus.NewDesc(c.prefix+name, help, nil, c.labels), kind, value})
}

// Describe lists the metrics.
func (c *Collector[Status]) Describe(to chan<- *prometheus.Desc) {
	for _, one := range c.metrics {
		to <- one.desc
	}
}

// Collect gives their values, all of one Status.
func (c *Collector[Status]) Collect(to chan<- prometheus.Metric) {
	status := c.status()
	for _, one := range c.metrics {
		to <- prometheus.MustNewConstMetric(one.desc, one.kind, one.value(&status))
	}
}

// Seconds is a point in time since 1970; 0 when there is none.
func Seconds(moment time.Time) float64 {
	if moment.IsZero() {
		return 0
	}
	return float64(moment.UnixMilli()) / 1000
}

// Truth is 1 or 0.
func Truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
