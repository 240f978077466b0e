// Package statusmetrics makes metrics for Prometheus of what some Status tells, all of one moment. It never asks anything but that Status.
// Begin with New.
package statusmetrics
