package cli

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/synapsedb/synapse/background"
)

// UpdateRate is how far a background update is and how fast it goes, as "synapse updates list --json" prints it.
type UpdateRate struct {
	Items          int64     `json:"items"`
	Batches        int64     `json:"batches"`
	DurationMS     int64     `json:"duration_ms"` // of the batches
	TotalItems     *int64    `json:"total_items,omitempty"`
	StartedAt      time.Time `json:"started_at"`
	LastAt         time.Time `json:"last_at"`
	ItemsPerSecond float64   `json:"items_per_second"`
	SecondsLeft    *int64    `json:"seconds_left,omitempty"`
}

// newUpdateRate gives nil where nothing is known.
func newUpdateRate(rate *background.Rate) *UpdateRate {
	if rate == nil {
		return nil
	}
	made := &UpdateRate{
		Items: rate.Items, Batches: rate.Batches, DurationMS: rate.Duration.Milliseconds(), TotalItems: rate.Total,
		StartedAt: rate.Started, LastAt: rate.Last, ItemsPerSecond: rate.PerSecond(),
	}
	if left := rate.TimeLeft(); left != nil {
		seconds := int64(math.Ceil(left.Seconds()))
		made.SecondsLeft = &seconds
	}
	return made
}

// rateParts say how far an update is, how fast it goes, and how long it still takes.
func rateParts(rate *background.Rate) []string {
	items := plural(rate.Items, "item", "items")
	if rate.Total != nil && *rate.Total >= rate.Items {
		items = number(rate.Items) + " of about " + plural(*rate.Total, "item", "items")
	}
	parts := []string{items}
	if speed := rate.PerSecond(); speed > 0 {
		parts = append(parts, speedText(speed))
	}
	if left := rate.TimeLeft(); left != nil {
		parts = append(parts, "about "+roughly(*left)+" left")
	}
	return parts
}

func speedText(perSecond float64) string {
	const exact = 10
	if perSecond < exact {
		return strconv.FormatFloat(perSecond, 'g', 2, 64) + " items/s"
	}
	return number(int64(perSecond)) + " items/s"
}

// roughly names a time in the unit that fits, rounded up.
func roughly(duration time.Duration) string {
	const day = 24 * time.Hour
	for _, step := range []struct {
		below, unit time.Duration
		name        string
	}{{90 * time.Second, time.Second, "s"}, {90 * time.Minute, time.Minute, "min"}, {36 * time.Hour, time.Hour, "h"}} {
		if duration <= step.below {
			return fmt.Sprintf("%d %s", int64(math.Ceil(float64(duration)/float64(step.unit))), step.name)
		}
	}
	return number(int64(math.Ceil(float64(duration)/float64(day)))) + " days"
}
