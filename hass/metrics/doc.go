// Package metrics tells Prometheus how links of package hass with Home Assistant are. It never asks a broker. Begin with NewCollector, and
// register it.
package metrics
