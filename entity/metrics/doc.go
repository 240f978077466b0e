// Package metrics tells Prometheus how the stores of package entity are. It never asks a database. Begin with NewCollector,
// and register it.
package metrics
